import { ConfirmedLines } from '@weir/cli/sending/confirmed-lines';
import { InFlight } from '@weir/cli/sending/in-flight';
import { progressText } from '@weir/cli/sending/progress';
import { type SendReport, sendFault } from '@weir/cli/sending/send-report';

test('lines are confirmed up to the first gap, and no further', () => {
  const confirmed = new ConfirmedLines(4);
  confirmed.confirm({ firstLine: 8, lineCount: 2 });
  expect(confirmed).toMatchObject({ upTo: 4, beyond: 2 });
  confirmed.confirm({ firstLine: 5, lineCount: 3 });
  expect(confirmed).toMatchObject({ upTo: 9, beyond: 0 });
});

describe('requests in flight', () => {
  test('are never more than allowed', async () => {
    const flight = new InFlight(2);
    const ends: (() => void)[] = [];
    let started = 0;
    const all = (async () => {
      for (; started < 5; started++) {
        await flight.room();
        flight.add(new Promise((resolve) => ends.push(resolve)));
      }
      await flight.done();
    })();
    for (let ended = 0; ended < 5; ended++) {
      await new Promise(setImmediate);
      expect(ends.length).toBe(Math.min(5, ended + 2));
      ends[ended]!();
    }
    await all;
  });

  test('a bug in one of them is told to whoever waits', async () => {
    const flight = new InFlight(2);
    flight.add(Promise.reject(new TypeError('a bug')));
    await expect(flight.done()).rejects.toThrow('a bug');
    await expect(flight.room()).rejects.toThrow('a bug');
  });
});

test('progress says how much is done and how long it takes', () => {
  const done = { elapsedMs: 10_000, lines: 20_000, done: 512 * 1024, whole: 2 * 1024 * 1024, unit: 'bytes' } as const;
  expect(progressText(done, 120)).toBe(
    `[${'#'.repeat(7)}${'.'.repeat(23)}]  25%  512 KiB of 2.0 MiB, 20000 lines, 2000 lines/s, 30.0s left`,
  );
  for (const columns of [20, 60, 79]) expect(progressText(done, columns).length).toBeLessThanOrEqual(columns);
  expect(progressText({ ...done, whole: undefined }, 80)).toBe('512 KiB, 20000 lines, 2000 lines/s');
});

test('what was not sent is said with the line to go on from', () => {
  const report = { complete: false, confirmedUpToLine: 70, confirmedBeyond: 10, rejected: 0 } as SendReport;
  expect(sendFault(report, 'no relay')).toBe(
    'settled up to line 70, and 10 lines after a gap; go on with --from-line 71: no relay',
  );
  expect(sendFault({ ...report, complete: true }, undefined)).toBeUndefined();
  expect(sendFault({ ...report, complete: true, rejected: 2 }, undefined)).toMatch(/^2 lines were rejected/);
});
