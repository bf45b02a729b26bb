import {
  nextSettleStep,
  parseRelayReport,
  type RelayReport,
  relaysInTheWay,
  type SealTimes,
  type SettleBooks,
  sealDueMs,
} from '@weir/aggregator/seal-plan';

const MINUTE = 60_000;
const times: SealTimes = { windowSec: 60, latenessMs: 15 * MINUTE, holdMs: 360 * MINUTE };

describe('a seal is due', () => {
  test('lateness after the window’s end', () => {
    expect(sealDueMs(600, 601_000, times)).toBe(660_000 + 15 * MINUTE);
  });

  test('lateness after the first event of history', () => {
    expect(sealDueMs(600, 90_000_000, times)).toBe(90_000_000 + 15 * MINUTE);
  });
});

describe('a relay’s report', () => {
  test('says since when it lives, when it was last heard and until when it is drained', () => {
    expect(parseRelayReport('relay-1', '0011223344556677 1000 5000 4000')).toEqual<RelayReport>({
      id: 'relay-1',
      incarnation: '0011223344556677',
      startedMs: 1_000,
      lastMs: 5_000,
      drainedMs: 4_000,
    });
  });

  test.each([
    '',
    '0011223344556677',
    '0011223344556677 1 2',
    '0011223344556677 1 2 soon',
    '0011223344556677 1 2 Infinity',
  ])('is none in %j', (text) => {
    expect(parseRelayReport('relay-1', text)).toBeUndefined();
  });
});

describe('in the way of a seal', () => {
  const window = { startSec: 600, openedMs: 601_000 };
  const due = sealDueMs(window.startSec, window.openedMs, times);
  const relay = (fields: Partial<RelayReport> = {}): RelayReport => ({
    id: 'relay-1',
    incarnation: '0011223344556677',
    startedMs: 0,
    lastMs: due,
    drainedMs: due - 1,
    ...fields,
  });
  const inTheWay = (report: RelayReport, nowMs = due) => relaysInTheWay([report], window, nowMs, times).length > 0;

  test('is a relay that lived then and is not drained past the moment it is due', () => {
    expect(inTheWay(relay())).toBe(true);
    expect(inTheWay(relay({ drainedMs: due }))).toBe(false);
  });

  test('is also one that was not heard of since the window began: its zone may be cut off', () => {
    expect(inTheWay(relay({ lastMs: 600_000, drainedMs: 0 }))).toBe(true);
  });

  test('is none that was gone before the window began', () => {
    expect(inTheWay(relay({ lastMs: 599_999, drainedMs: 0 }))).toBe(false);
  });

  test('is none that started after the window was due, but for one that owes lines of an earlier start', () => {
    expect(inTheWay(relay({ startedMs: due + 1, drainedMs: due + 1 }))).toBe(false);
    expect(inTheWay(relay({ startedMs: due + 1, drainedMs: due - 1 }))).toBe(true);
  });

  test('is nobody any more once it was waited for long enough', () => {
    expect(inTheWay(relay(), due + times.holdMs - 1)).toBe(true);
    expect(inTheWay(relay(), due + times.holdMs)).toBe(false);
  });

  test('of history are relays that lived within that time of its first event, not before', () => {
    const history = { startSec: 600, openedMs: 1_000_000_000_000 };
    const dueThen = sealDueMs(history.startSec, history.openedMs, times);
    const waits = (lastMs: number) =>
      relaysInTheWay([relay({ lastMs, drainedMs: 0 })], history, dueThen, times).length > 0;
    expect(waits(history.openedMs - times.holdMs)).toBe(true);
    expect(waits(history.openedMs - times.holdMs - 1)).toBe(false);
  });

  test('is told by name', () => {
    const reports = [relay({ id: 'a' }), relay({ id: 'b', drainedMs: due }), relay({ id: 'c' })];
    expect(relaysInTheWay(reports, window, due, times).map(({ id }) => id)).toEqual(['a', 'c']);
  });
});

describe('a sealed window and a sink', () => {
  const settleTimes = { firstCheckMs: 60_000, finalKeepMs: 86_400_000, sinkRetainMs: 604_800_000 };
  const FINAL = 1_000_000;
  const next = (books: Partial<SettleBooks>, nowMs: number, readable = true) =>
    nextSettleStep({ settledMs: undefined, checks: 0, done: false, ...books }, FINAL, readable, nowMs, settleTimes);

  test('settle first', () => {
    expect(next({}, FINAL)).toEqual({ kind: 'settle' });
  });

  test('keep trying until the sink was away for too long', () => {
    expect(next({}, FINAL + settleTimes.sinkRetainMs - 1)).toEqual({ kind: 'settle' });
    expect(next({}, FINAL + settleTimes.sinkRetainMs)).toEqual({ kind: 'give-up' });
  });

  test('look again a little after they settled, for a write that was given up and landed late', () => {
    const settledMs = FINAL + 5_000;
    expect(next({ settledMs }, settledMs + 59_999)).toEqual({ kind: 'wait', untilMs: settledMs + 60_000 });
    expect(next({ settledMs }, settledMs + 60_000)).toEqual({ kind: 'check' });
  });

  test('look once more at the end of the time final records are kept', () => {
    const books = { settledMs: FINAL + 5_000, checks: 1 };
    const untilMs = FINAL + settleTimes.finalKeepMs;
    expect(next(books, untilMs - 1)).toEqual({ kind: 'wait', untilMs });
    expect(next(books, untilMs)).toEqual({ kind: 'check' });
    expect(next({ ...books, checks: 2 }, untilMs)).toEqual({ kind: 'done' });
  });

  test('that cannot be read are done once they settled', () => {
    expect(next({ settledMs: FINAL }, FINAL, false)).toEqual({ kind: 'done' });
  });

  test('that are done stay done, also where the sink was given up', () => {
    expect(next({ done: true }, FINAL + settleTimes.sinkRetainMs)).toEqual({ kind: 'done' });
  });
});
