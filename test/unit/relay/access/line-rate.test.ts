import { LineRate } from '@weir/relay/access/line-rate';
import fc from 'fast-check';

test('a full bucket lets a burst in, and then as much as the rate gives', () => {
  const rate = new LineRate({ linesPerSec: 10, burstLines: 50 }, 0);
  expect(rate.waitSec(0)).toBe(0);
  rate.take(50, 0);
  expect(rate.waitSec(0)).toBe(1);
  expect(rate.waitSec(99)).toBe(1);
  expect(rate.waitSec(100)).toBe(0);
});

test('what was taken beyond is owed, and the wait says for how long', () => {
  const rate = new LineRate({ linesPerSec: 10, burstLines: 50 }, 0);
  rate.take(149, 0);
  expect(rate.waitSec(0)).toBe(10);
  expect(rate.waitSec(9_000)).toBe(1);
  expect(rate.waitSec(10_000)).toBe(0);
});

test('a pause fills it to the burst and no further', () => {
  const rate = new LineRate({ linesPerSec: 10, burstLines: 50 }, 0);
  expect(rate.left(3_600_000)).toBe(50);
});

test('a new rate takes over what is left or owed, up to its own burst', () => {
  const before = new LineRate({ linesPerSec: 10, burstLines: 50 }, 0);
  before.take(80, 0);
  expect(new LineRate({ linesPerSec: 1_000, burstLines: 100 }, 1_000, before).left(1_000)).toBe(-20);
  expect(new LineRate({ linesPerSec: 1_000, burstLines: 10 }, 60_000, before).left(60_000)).toBe(10);
});

test('whoever asks first never writes more than burst, rate and one body', () => {
  const step = fc.record({ afterMs: fc.integer({ min: 0, max: 3_000 }), lines: fc.integer({ min: 1, max: 500 }) });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 100 }), (steps) => {
      const rate = new LineRate({ linesPerSec: 100, burstLines: 200 }, 0);
      let [nowMs, written] = [0, 0];
      for (const { afterMs, lines } of steps) {
        nowMs += afterMs;
        if (rate.waitSec(nowMs) > 0) continue;
        rate.take(lines, nowMs);
        written += lines;
        expect(written).toBeLessThanOrEqual(200 + (nowMs / 1_000) * 100 + 500);
      }
    }),
  );
});
