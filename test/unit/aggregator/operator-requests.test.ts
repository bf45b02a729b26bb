import { nextSettleStep } from '@weir/aggregator/seal-plan';
import { flushing, settleTimes, WINDOW } from '../../support/flushing.ts';
import { DUE, deployment, expectSealed, LATENESS, relay } from '../../support/sealing.ts';

/** What operators ask for: to bring a window to a sink again, to seal one before its time; and sinks that come and go. */
describe('a window that is to be brought to a sink again', () => {
  test('is written again although the process knew it to be as it should be', async () => {
    const it = flushing();
    it.grow(0);
    await it.publish(0, 5);
    await it.round(10_000);
    // As ask-flush.lua leaves the books; somebody changed the point in the sink.
    it.sink.put(WINDOW, { measurement: 'cumulative_user_event', eventType: 'e', product: 'p', value: 2 });
    Object.assign(it.books.of(WINDOW), { confirmed: new Map(), abandoned: true });
    await it.round(1_000);
    expect(it.sink.values(WINDOW)).toMatchObject({ 'cumulative_user_event/e/p': 2 });
    it.asked.push(WINDOW);
    await it.round(1_000);
    expect(it.sink.values(WINDOW)).toMatchObject({ 'cumulative_user_event/e/p': 5 });
  });

  test('is settled again once it is sealed, also where the next look was to be hours later', async () => {
    const it = flushing();
    await it.final(7);
    await it.round();
    await it.round(settleTimes.firstCheckMs);
    await it.round(1_000);
    const before = it.log.filter((what) => what === 'settled').length;
    it.sink.put(WINDOW, { measurement: 'cumulative_user_event', eventType: 'e', product: 'p', value: 1 });
    Object.assign(it.books.of(WINDOW), { askedMs: it.books.nowMs + 100_000, abandoned: true, done: false });
    await it.round(1_000);
    expect(it.sink.values(WINDOW)).toMatchObject({ 'cumulative_user_event/e/p': 1 });
    it.asked.push(WINDOW);
    await it.round(1_000);
    expect(it.sink.values(WINDOW)).toMatchObject({ 'cumulative_user_event/e/p': 7 });
    expect(it.log.filter((what) => what === 'settled')).toHaveLength(before + 1);
  });

  test.each([
    ['was asked for after it was settled: it settles again', { settledMs: 10, checks: 2, askedMs: 20 }, 30, 'settle'],
    ['was asked for in that very moment: likewise', { settledMs: 10, checks: 0, askedMs: 10 }, 30, 'settle'],
    ['was asked for before: no more than usual', { settledMs: 30, checks: 2, askedMs: 20 }, 40, 'done'],
    [
      'was given up and then asked for: it has as long again',
      { settledMs: undefined, checks: 0, askedMs: 1e9 },
      1e9 + 1,
      'settle',
    ],
    ['and is given up again after that', { settledMs: undefined, checks: 0, askedMs: 1e9 }, 2e9, 'give-up'],
  ])('that %s', (_, books, nowMs, kind) => {
    expect(nextSettleStep({ done: false, ...books }, 0, true, nowMs, settleTimes)).toEqual({ kind });
  });
});

describe('a sink that is no longer of the deployment', () => {
  test('gets nothing, and nothing is known to wait for it; back again, it gets what it lacks', async () => {
    let inUse = true;
    const it = flushing({ inUse: () => inUse });
    inUse = false;
    it.grow(0);
    await it.publish(0, 5);
    await it.round(10_000);
    expect([it.sink.values(WINDOW), it.backlog]).toEqual([{}, { windows: 0, failing: 0 }]);
    expect(it.flusher.unwrittenSinceMs).toBeUndefined();
    inUse = true;
    await it.round(1_000);
    expect(it.sink.values(WINDOW)).toMatchObject({ 'cumulative_user_event/e/p': 5 });
  });

  test('holds no final record back, and one that was added does', async () => {
    const it = await deployment();
    await it.round();
    await it.round(3_600_000);
    const [first, second] = it.books;
    Object.assign(first!.of(WINDOW), { done: true });
    await it.round(1_000);
    expect(it.finals.records.size).toBe(1);
    it.books.splice(1, 1);
    await it.round(1_000);
    expect(it.finals.records.size).toBe(0);
    expect(second!.log).not.toContain('remove');
  });
});

describe('a seal that was asked for', () => {
  /** Due only a lateness later. */
  const early = () => deployment({ times: { windowSec: 60, latenessMs: 2 * LATENESS, holdMs: 6 * LATENESS } });

  test('waits neither for lateness nor for a relay', async () => {
    const it = await early();
    it.reports.push(relay({ drainedMs: 0 }));
    await it.round();
    expect(it.finals.records.size).toBe(0);
    it.asked.set(WINDOW, DUE);
    await it.round(1_000);
    expectSealed(it);
    expect(it.seen.waiting).toBe(0);
  });

  test('waits for what was in the streams when it was first tried, and for no more', async () => {
    const it = await early();
    it.asked.set(WINDOW, DUE);
    const asked: object[] = [];
    const [store] = it.stores;
    const seal = store!.seal.bind(store);
    store!.seal = async (startSec, sealing) => {
      asked.push({ dueMs: sealing.dueMs, foldedMs: sealing.foldedMs });
      return seal(startSec, sealing);
    };
    store!.sealAnswer = 'behind';
    await it.round(500);
    await it.round(1_000);
    expect(it.finals.records.size).toBe(0);
    store!.sealAnswer = 'sealed';
    await it.round(1_000);
    expectSealed(it);
    expect(new Set(asked.map((each) => JSON.stringify(each)))).toEqual(
      new Set([JSON.stringify({ dueMs: 0, foldedMs: DUE + 500 })]),
    );
  });

  test('is forgotten a while after the window is gone', async () => {
    const it = await early();
    it.asked.set(WINDOW, DUE);
    await it.round();
    expectSealed(it);
    await it.round(1_000);
    expect([...it.asked.keys()]).toEqual([WINDOW]);
    await it.round(60_000);
    expect([...it.asked.keys()]).toEqual([]);
  });
});
