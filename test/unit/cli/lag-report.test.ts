import { unfoldedEvents } from '@weir/cli/flow';
import { type LagMeasures, lagReport, type PartitionLag, partitionLag, undeliveredEntries } from '@weir/cli/lag-report';
import { lagTable } from '@weir/cli/lag-table';
import type { PartitionState } from '@weir/cli/partition-state';
import { PLAIN_VIEW } from '../../support/weir.ts';

const state = (given: Partial<PartitionState> = {}): PartitionState => ({
  partition: 0,
  redisMs: 100_000,
  length: 10,
  firstId: '1000-0',
  lastId: '9000-0',
  firstUndeliveredId: '6000-0',
  groupKnown: true,
  xinfoLag: 5,
  pendingEntries: 0,
  oldestPending: undefined,
  deadLetters: 0,
  newestDeadId: undefined,
  consumers: [],
  counters: new Map([
    ['received', 1_000],
    ['counted', 300],
    ['duplicate', 100],
    ['dead:late', 50],
    ['dead:unreadable', 50],
    ['dead-dropped', 7],
    ['appended-entries', 10],
  ]),
  ...given,
});

describe('undelivered entries', () => {
  test('are what XINFO says where nothing speaks against it', () => {
    expect(undeliveredEntries(state())).toBe(5);
  });

  test('are counted where XINFO says null, nothing, or more than there is', () => {
    for (const xinfoLag of [undefined, 0, 10, 11]) expect(undeliveredEntries(state({ xinfoLag }))).toBe('count');
  });

  test('are all there is where no group was made yet, or the stream was trimmed past it', () => {
    expect(undeliveredEntries(state({ groupKnown: false, xinfoLag: undefined, firstUndeliveredId: '1000-0' }))).toBe(
      10,
    );
    expect(undeliveredEntries(state({ firstUndeliveredId: '1000-0', xinfoLag: 99 }))).toBe(10);
  });

  test('are none at the end of a stream and in an empty one, whatever XINFO says', () => {
    expect(undeliveredEntries(state({ firstUndeliveredId: undefined, xinfoLag: 3 }))).toBe(0);
    expect(undeliveredEntries(state({ length: 0, firstUndeliveredId: undefined, xinfoLag: undefined }))).toBe(0);
  });
});

describe('events not yet folded', () => {
  test('are received minus counted, duplicate and dead letters', () => {
    expect(unfoldedEvents(state().counters)).toBe(500);
  });

  test('are unknown without a ledger, and where the books do not balance', () => {
    expect(unfoldedEvents(new Map([['counted', 1]]))).toBeUndefined();
    expect(
      unfoldedEvents(
        new Map([
          ['received', 1],
          ['counted', 2],
        ]),
      ),
    ).toBeUndefined();
  });
});

describe('the lag of a partition', () => {
  const lagOf = (measures: Partial<LagMeasures>, alive: string[] = ['a']): PartitionLag =>
    partitionLag(
      { state: state(), before: undefined, undelivered: 5, pending: { lines: 0, missing: 0 }, ...measures },
      alive,
    );

  test('splits events into undelivered and pending ones', () => {
    const pendingState = state({
      pendingEntries: 2,
      oldestPending: { id: '2000-1', consumer: 'a', idleMs: 700, deliveries: 1 },
    });
    expect(lagOf({ state: pendingState, pending: { lines: 120, missing: 0 } })).toMatchObject({
      owner: 'a',
      lagEntries: 5,
      lagEvents: 500,
      undeliveredEvents: 380,
      pendingEvents: 120,
      lagSeconds: 98,
      oldestPendingIdleMs: 700,
    });
  });

  test('is as old as the oldest entry not folded, and zero only when there is none', () => {
    expect(lagOf({}).lagSeconds).toBe(94);
    const done = state({
      firstUndeliveredId: undefined,
      counters: new Map([
        ['received', 5],
        ['counted', 5],
      ]),
    });
    expect(lagOf({ state: done, undelivered: 0 })).toMatchObject({ lagSeconds: 0, lagEvents: 0, undeliveredEvents: 0 });
    expect(lagOf({ state: state({ redisMs: 10 }) }).lagSeconds).toBe(0);
  });

  test('is null where it could not be counted in time', () => {
    const unknown = lagOf({ undelivered: undefined, pending: undefined });
    expect(unknown).toMatchObject({ lagEntries: null, undeliveredEvents: null, pendingEvents: null, lagEvents: 500 });
    const noLedger = lagOf({ state: state({ counters: new Map() }) });
    expect(noLedger).toMatchObject({ lagEvents: null, undeliveredEvents: null });
  });

  test('without a live aggregator has no owner', () => {
    expect(lagOf({}, []).owner).toBeNull();
  });
});

const FRAME = { prefix: 'weir', redisTimeMs: 1, intervalMs: 400 };

describe('the report', () => {
  const lag = (given: Partial<PartitionLag>): PartitionLag => ({
    partition: 0,
    owner: 'az1',
    lagEntries: 1,
    lagEvents: 3,
    undeliveredEvents: 2,
    lagSeconds: 1.5,
    pendingEntries: 1,
    pendingEvents: 1,
    oldestPendingIdleMs: 250,
    rateInPerSec: 1_000,
    rateOutPerSec: 4_000,
    trend: 'shrinking',
    drainSeconds: 0.001,
    consumers: [],
    ...given,
  });

  test('adds up; times are the worst', () => {
    const other = lag({ partition: 1, lagSeconds: 9, oldestPendingIdleMs: null });
    expect(lagReport(FRAME, [lag({}), other]).totals).toEqual({
      lagEntries: 2,
      lagEvents: 6,
      undeliveredEvents: 4,
      lagSeconds: 9,
      pendingEntries: 2,
      pendingEvents: 2,
      oldestPendingIdleMs: 250,
      rateInPerSec: 2_000,
      rateOutPerSec: 8_000,
      trend: 'shrinking',
      drainSeconds: 0.001,
    });
  });

  test('says the total is unknown where a part is', () => {
    const { totals } = lagReport(FRAME, [lag({}), lag({ lagEntries: null, lagSeconds: null })]);
    expect(totals).toMatchObject({ lagEntries: null, lagSeconds: null, lagEvents: 6 });
  });

  test('reads as a table, with more columns where more is asked for', () => {
    const unknown = {
      lagEntries: null,
      owner: null,
      oldestPendingIdleMs: null,
      rateInPerSec: null,
      rateOutPerSec: null,
    };
    const report = lagReport(FRAME, [
      lag({}),
      lag({ partition: 1, ...unknown, trend: null, drainSeconds: null }),
      lag({ partition: 2, rateInPerSec: 0.5, rateOutPerSec: 0, trend: 'stuck', drainSeconds: null }),
    ]);
    const rows = (text: string) => text.split('\n').map((line) => line.trim().split(/ {2,}/));
    expect(rows(lagTable(report, PLAIN_VIEW))).toEqual([
      ['partition', 'lag', 'events', 'lag time', 'in/s', 'out/s', 'trend', 'drained in', 'pending', 'oldest', 'owner'],
      ['0', '1', '3', '1.5s', '1000', '4000', 'shrinking', '0.1s', '1', '0.3s', 'az1'],
      ['1', '?', '3', '1.5s', '?', '?', '?', '?', '1', '-', '-'],
      ['2', '1', '3', '1.5s', '0.5', '0', 'stuck', 'never', '1', '0.3s', 'az1'],
      ['total', '?', '9', '1.5s', '?', '?', '?', '?', '3', '0.3s'],
      [''],
    ]);
    const wide = rows(lagTable(report, { ...PLAIN_VIEW, wide: true }));
    expect(wide[0]).toEqual(expect.arrayContaining(['undelivered events', 'pending events']));
  });
});
