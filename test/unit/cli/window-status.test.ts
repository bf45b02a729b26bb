import type { DaemonsLook } from '@weir/cli/daemons-look';
import { sinkBacklogs, windowStatuses } from '@weir/cli/window-status';
import type { BooksLook, WindowsLook } from '@weir/cli/windows-look';
import type { AggregatorState } from '@weir/common/daemon-state';

/** A window of a minute that begins at 600 s: due 5 s after its end, to be sealed 60 s after it. */
const START = 600;
const look = (nowSec: number, more: Partial<DaemonsLook> = {}): DaemonsLook => ({
  redisMs: nowSec * 1_000,
  deployment: { windowMs: 60_000, graceMs: 5_000, latenessMs: 60_000, partitions: 2, sinks: ['az1'] },
  relayReports: [],
  relayCounts: [],
  relayStates: new Map(),
  heartbeats: [{ id: 'a', sinceMs: 100 }],
  aggregatorStates: new Map([['a', { settings: { holdMs: 3_600_000 } } as AggregatorState]]),
  ...more,
});

const books = (given: Partial<BooksLook> = {}): BooksLook => ({
  confirmed: new Map(),
  written: false,
  settled: false,
  done: undefined,
  ...given,
});

const open = (
  of: BooksLook | undefined,
  versions: [string, string | undefined][] = [['100 aa', '100 aa']],
): WindowsLook => ({
  open: [
    {
      startSec: START,
      openedMs: 610_000,
      parts: new Map(versions.map(([version, published], partition) => [partition, { version, published }])),
    },
  ],
  finals: [],
  finalRecords: 0,
  books: new Map([['az1', new Map(of ? [[START, of]] : [])]]),
});

test.each([
  [664, 'filling'],
  [665, 'due'],
  [719, 'due'],
  [720, 'sealing'],
])('at %d s the window is %s', (nowSec, state) => {
  expect(windowStatuses(open(undefined), look(nowSec))[0]).toMatchObject({
    state,
    dueMs: 665_000,
    sealDueMs: 720_000,
    logBytes: 100,
    publishedBytes: 100,
  });
});

test('a past window is due grace after its first event', () => {
  const [window] = windowStatuses(open(undefined), look(5_000));
  expect(window!.dueMs).toBe(665_000);
  const late = open(undefined);
  late.open[0]!.openedMs = 4_000_000;
  expect(windowStatuses(late, look(4_001))[0]).toMatchObject({
    state: 'filling',
    dueMs: 4_005_000,
    sealDueMs: 4_060_000,
  });
});

describe('in a sink', () => {
  const stateOf = (of: BooksLook | undefined, nowSec = 700, versions?: [string, string | undefined][]) =>
    windowStatuses(open(of, versions), look(nowSec))[0]!.sinks[0];

  test('it is flushed when every partition is confirmed as it is', () => {
    const both: [string, string | undefined][] = [
      ['100 aa', '100 aa'],
      ['50 bb', '50 bb'],
    ];
    const all = books({
      confirmed: new Map([
        [0, '100 aa'],
        [1, '50 bb'],
      ]),
    });
    expect(stateOf(all, 700, both)).toEqual({ name: 'az1', state: 'flushed', flushedBytes: 150 });
    const some = books({
      confirmed: new Map([
        [0, '100 aa'],
        [1, '20 xx'],
      ]),
    });
    expect(stateOf(some, 700, both)).toEqual({ name: 'az1', state: 'unflushed', flushedBytes: 120 });
  });

  test('it is not missed before it is due', () => {
    expect(stateOf(undefined, 600)).toMatchObject({ state: 'not-due', flushedBytes: 0 });
    expect(stateOf(undefined, 700)).toMatchObject({ state: 'unflushed', flushedBytes: 0 });
  });

  test('what was confirmed of a longer log that Redis has lost is no more than there is', () => {
    expect(stateOf(books({ confirmed: new Map([[0, '900 zz']]) }))).toMatchObject({
      state: 'unflushed',
      flushedBytes: 100,
    });
  });
});

describe('a window that is due to be sealed', () => {
  const relay = (lastMs: number, drainedMs: number) => ({
    id: 'relay-2',
    incarnation: 'f',
    startedMs: 1,
    lastMs,
    drainedMs,
  });

  test('waits for a relay that may hold lines of it, and says since when and until when', () => {
    const silent = { relayReports: [relay(650_000, 650_000)] };
    expect(windowStatuses(open(undefined), look(730, silent))[0]).toMatchObject({
      state: 'waiting',
      waitsFor: [{ relay: 'relay-2', heardMs: 650_000, untilMs: 650_000 + 3_600_000 }],
    });
    const alive = { relayReports: [relay(729_000, 700_000)] };
    expect(windowStatuses(open(undefined), look(730, alive))[0]!.waitsFor).toEqual([
      { relay: 'relay-2', heardMs: 729_000, untilMs: 720_000 + 3_600_000 },
    ]);
  });

  test('does not wait for one that has brought all of it, nor before it is due', () => {
    const drained = { relayReports: [relay(729_000, 728_000)] };
    expect(windowStatuses(open(undefined), look(730, drained))[0]).toMatchObject({ state: 'sealing', waitsFor: [] });
    const silent = { relayReports: [relay(650_000, 650_000)] };
    expect(windowStatuses(open(undefined), look(719, silent))[0]).toMatchObject({ state: 'due', waitsFor: [] });
  });

  test('does not know until when where no aggregator tells of --hold', () => {
    const [window] = windowStatuses(
      open(undefined),
      look(730, { relayReports: [relay(650_000, 650_000)], aggregatorStates: new Map() }),
    );
    expect(window!.waitsFor).toEqual([{ relay: 'relay-2', heardMs: 650_000, untilMs: null }]);
  });
});

describe('a sealed window', () => {
  const sealed = (of: BooksLook | undefined): WindowsLook => ({
    ...open(of),
    finals: [{ startSec: START, storedMs: 721_000 }],
    finalRecords: 1,
  });

  test.each([
    [undefined, 'unsettled'],
    [books({ written: true }), 'unsettled'],
    [books({ settled: true }), 'settled'],
    [books({ done: 'settled' }), 'settled'],
    [books({ done: 'given-up' }), 'given-up'],
  ])('is told once, by its record: %#', (of, state) => {
    const windows = windowStatuses(sealed(of), look(730));
    expect(windows).toHaveLength(1);
    expect(windows[0]).toMatchObject({ state: 'sealed', sinks: [{ name: 'az1', state }] });
  });

  test('waits for a sink that has not confirmed it, and counts as never written only where nobody wrote it', () => {
    const backlog = (of: BooksLook | undefined) =>
      sinkBacklogs(windowStatuses(sealed(of), look(730)), sealed(of), 730_000).get('az1');
    expect(backlog(undefined)).toEqual({
      unflushed: 1,
      neverFlushed: 1,
      overdueMs: 9_000,
      oldestUnflushedSec: START,
      unsettled: 1,
    });
    expect(backlog(books({ written: true }))).toMatchObject({ unflushed: 1, neverFlushed: 0, overdueMs: null });
    expect(backlog(books({ settled: true }))).toMatchObject({ unflushed: 0, oldestUnflushedSec: null });
  });
});
