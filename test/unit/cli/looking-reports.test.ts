import { aggregatorStatuses } from '@weir/cli/aggregator-status';
import { consumersReport, consumersTable } from '@weir/cli/consumers-report';
import type { DaemonsLook } from '@weir/cli/daemons-look';
import type { PartitionState } from '@weir/cli/partition-state';
import { partitionStatus, windowsSummary } from '@weir/cli/partition-status';
import { peekReport, peekText } from '@weir/cli/peek-report';
import { ranges } from '@weir/cli/ranges';
import { rateText } from '@weir/cli/rate-text';
import { redisStatus } from '@weir/cli/redis-status';
import { relayStatuses } from '@weir/cli/relay-status';
import { sinkStatuses } from '@weir/cli/sink-status';
import { sinkListReport, sinkListTable } from '@weir/cli/sinks/list-report';
import { formatBytes } from '@weir/cli/time-text';
import type { WindowStatus } from '@weir/cli/window-status';
import type { AggregatorState, RelayState, SinkState } from '@weir/common/daemon-state';
import { PLAIN_VIEW } from '../../support/weir.ts';

const NOW = 1_000_000;
const LOOK: DaemonsLook = {
  redisMs: NOW,
  deployment: { sinks: ['az1', 'az2'] },
  relayReports: [],
  relayCounts: [],
  relayStates: new Map(),
  heartbeats: [],
  aggregatorStates: new Map(),
};

describe('relays', () => {
  const report = { id: 'relay-1', incarnation: 'f1', startedMs: 1, lastMs: NOW - 400, drainedMs: NOW - 900 };
  const state: RelayState = {
    v: 1,
    incarnation: 'f1',
    lastMs: NOW - 400,
    clockAheadMs: -3,
    journal: {
      kind: 'disk',
      bytes: 10,
      maxBytes: 99,
      keepMs: 1,
      unconfirmedBytes: 4,
      oldestMs: NOW - 60_000,
      failing: false,
    },
    owedSinceMs: NOW - 2_000,
    udp: null,
    recent: { ms: 10_000, received: 500, rejected: 20, datagrams: 9, datagramsDropped: 1, kernelDrops: 2 },
    lastDropMs: NOW - 7_000,
  };

  test('are told by what they say of themselves', () => {
    const [relay] = relayStatuses({ ...LOOK, relayReports: [report], relayStates: new Map([['relay-1', state]]) });
    expect(relay).toMatchObject({
      alive: true,
      heardAgoMs: 400,
      drainedAgoMs: 900,
      owedForMs: 2_000,
      journalBytes: 10,
      journalAgeMs: 60_000,
      unconfirmedBytes: 4,
      receivedPerSec: 50,
      rejectedPerSec: 2,
      datagramsLostLately: 3,
      lastLossAgoMs: 7_000,
      clockAheadMs: -3,
    });
  });

  test('what an earlier start said tells nothing of this one', () => {
    const before = new Map([['relay-1', { ...state, incarnation: 'f0' }]]);
    const [relay] = relayStatuses({ ...LOOK, relayReports: [report], relayStates: before });
    expect(relay).toMatchObject({ alive: true, journalBytes: null, receivedPerSec: null, owedForMs: null });
  });

  test('one that fell silent is dead', () => {
    expect(relayStatuses({ ...LOOK, relayReports: [{ ...report, lastMs: NOW - 5_001 }] })[0]!.alive).toBe(false);
  });
});

const sinkState = (given: Partial<SinkState>): SinkState => ({
  name: 'az1',
  kind: 'influx-v1',
  state: 'well',
  sinceMs: NOW - 9_000,
  lastWriteMs: null,
  lastErrorMs: null,
  errorCode: null,
  errorText: null,
  backlogWindows: 0,
  failingWindows: 0,
  refusedPoints: 0,
  shrunkPoints: 0,
  givenUpWindows: 0,
  ...given,
});

describe('sinks', () => {
  const told = (...states: Partial<SinkState>[]): DaemonsLook => ({
    ...LOOK,
    heartbeats: states.map((_, i) => ({ id: `a${i}`, sinceMs: 100 })),
    aggregatorStates: new Map(states.map((state, i) => [`a${i}`, { sinks: [sinkState(state)] } as AggregatorState])),
  });

  test('are as bad as the worst that a live aggregator tells; what they count adds up', () => {
    const look = told(
      { lastWriteMs: NOW - 100, refusedPoints: 2 },
      { state: 'away', sinceMs: NOW - 4_000, errorCode: 'sink-timeout', lastWriteMs: NOW - 5_000, refusedPoints: 1 },
    );
    expect(sinkStatuses(look, new Map(), new Map())[0]).toMatchObject({
      name: 'az1',
      state: 'away',
      stateForMs: 4_000,
      errorCode: 'sink-timeout',
      lastWriteAgoMs: 100,
      refusedPoints: 3,
      unflushedWindows: null,
    });
  });

  test('of which nobody alive tells are there, and unknown', () => {
    const look = told({ state: 'away' });
    const dead = { ...look, heartbeats: [{ id: 'a0', sinceMs: 60_000 }] };
    expect(
      sinkStatuses(dead, new Map(), new Map()).map(({ name, state, refusedPoints }) => [name, state, refusedPoints]),
    ).toEqual([
      ['az1', null, null],
      ['az2', null, null],
    ]);
  });

  test('are listed with who writes to them, recorded or not', () => {
    const look = told(
      { name: 'az1' },
      { name: 'az9', state: 'away', lastErrorMs: NOW - 200, errorCode: 'sink-timeout' },
    );
    const report = sinkListReport('weir', look, sinkStatuses(look, new Map(), new Map()));
    expect(report.sinks.map(({ name, recorded, writers }) => [name, recorded, writers])).toEqual([
      ['az1', true, ['a0']],
      ['az2', true, []],
      ['az9', false, ['a1']],
    ]);
    const [, first, second, third] = sinkListTable(report, PLAIN_VIEW).split('\n');
    expect(first).toMatch(/^az1 +influx-v1 +well +- +\? +0 +- +a0$/);
    expect(second).toMatch(/^az2 +\? +\? +- +\? +\? +- +-$/);
    expect(third).toMatch(/^az9 +influx-v1 +away +- +\? +0 +sink-timeout 0\.2s ago +a1$/);
  });

  test('are listed as written by nobody once their aggregator is dead', () => {
    const look = { ...told({ name: 'az1' }), heartbeats: [{ id: 'a0', sinceMs: 60_000 }] };
    const report = sinkListReport('weir', look, sinkStatuses(look, new Map(), new Map()));
    expect(report.sinks[0]).toMatchObject({ writers: [], recorded: true, state: null });
  });
});

test('aggregators own partitions only while they live', () => {
  const look = {
    ...LOOK,
    heartbeats: [
      { id: 'a', sinceMs: 10 },
      { id: 'b', sinceMs: 9_000 },
    ],
  };
  expect(aggregatorStatuses(look, 2)).toMatchObject([
    { id: 'a', alive: true, partitions: [0, 1], interrupted: null },
    { id: 'b', alive: false, seenAgoMs: 9_000, partitions: [] },
  ]);
});

test('entries of the dead, and how fresh the last dead letter is', () => {
  const state = {
    partition: 0,
    redisMs: NOW,
    length: 0,
    counters: new Map(),
    consumers: [
      { name: 'a', pendingEntries: 1 },
      { name: 'b', pendingEntries: 4 },
      { name: 'c', pendingEntries: 0 },
    ],
    deadLetters: 2,
    newestDeadId: `${NOW - 3_000}-7`,
  } as unknown as PartitionState;
  const measures = { state, before: undefined, undelivered: 0, pending: undefined };
  expect(partitionStatus(measures, [{ id: 'a', sinceMs: 10 }])).toMatchObject({
    owner: 'a',
    pendingOfDead: [{ consumer: 'b', entries: 4 }],
    deadLetters: 2,
    newestDeadAgoMs: 3_000,
  });
});

test('windows that wait are told by relay: how many, and until when the oldest does', () => {
  const window = (startSec: number, state: WindowStatus['state'], untilMs?: number): WindowStatus => ({
    startSec,
    state,
    partitions: 1,
    logBytes: 0,
    publishedBytes: 0,
    openedMs: 0,
    dueMs: 0,
    sealDueMs: 0,
    waitsFor: untilMs === undefined ? [] : [{ relay: 'relay-2', heardMs: 5, untilMs }],
    sinks: [],
  });
  const windows = [
    window(300, 'filling'),
    window(240, 'due'),
    window(180, 'waiting', 90),
    window(120, 'waiting', 80),
    window(60, 'sealed'),
  ];
  expect(windowsSummary(windows, 7)).toEqual({
    open: 4,
    due: 3,
    sealDue: 2,
    waiting: [{ relay: 'relay-2', windows: 2, heardMs: 5, untilMs: 80 }],
    finalRecords: 7,
  });
});

test('consumers: who lives, who is dead and holds entries, which names are left over', () => {
  const group = (name: string, pendingEntries: number) => ({ name, pendingEntries, idleMs: 700 });
  const report = consumersReport(
    { prefix: 'weir', redisTimeMs: NOW },
    [
      [group('a', 1), group('b', 4), group('old', 0)],
      [group('a', 0), group('b', 2)],
    ],
    [
      { id: 'a', sinceMs: 200 },
      { id: 'b', sinceMs: 8_000 },
      { id: 'new', sinceMs: 100 },
    ],
  );
  expect(report.consumers).toMatchObject([
    { consumer: 'a', state: 'alive', pendingEntries: 1, pendingIn: [0], knownIn: 2 },
    { consumer: 'b', state: 'dead', owns: [], pendingEntries: 6, pendingIn: [0, 1] },
    { consumer: 'new', state: 'alive', knownIn: 0, idleMs: null },
    { consumer: 'old', state: 'gone', heartbeatAgeMs: null, pendingEntries: 0 },
  ]);
  expect(consumersTable(report, PLAIN_VIEW)).toMatch(/^b +dead +8\.0s ago +- +6 +0-1$/m);
  expect(consumersTable({ ...report, consumers: [] }, PLAIN_VIEW)).toBe('no consumers\n');
});

describe('an entry looked into', () => {
  const fields = (...pairs: string[]) => pairs.map((text) => Buffer.from(text));
  const entry = fields(
    'b',
    'relay:1:0011223344556677:42',
    't',
    '999000',
    'n',
    '3',
    'd',
    'one 1\ntwo\u001b[2J 2\nthree 3\n',
  );
  const peek = (given: object) =>
    peekReport(
      {
        prefix: 'weir',
        redisTimeMs: NOW,
        partition: 3,
        id: '999500-1',
        fields: entry,
        pending: undefined,
        delivered: false,
        ...given,
      },
      2,
    );

  test('tells its batch and as many lines as were asked for', () => {
    expect(peek({})).toMatchObject({
      state: 'undelivered',
      relay: 'relay:1',
      incarnation: '0011223344556677',
      sequence: 42,
      lineCount: 3,
      lines: ['one 1', 'two\u001b[2J 2'],
    });
    expect(peek({ delivered: true }).state).toBe('folded');
    const text = peekText(
      peek({ delivered: true, pending: { consumer: 'a', idleMs: 2_000, deliveries: 4 } }),
      PLAIN_VIEW,
    );
    expect(text).toMatch(/^state +pending by a for 2\.0s, delivered 4 times$/m);
    expect(text).toMatch(/^appended +1970-01-01T00:16:39Z, 0\.5s ago$/m);
    expect(text).toMatch(/\none 1\ntwo\?\[2J 2\n1 more; --lines <n> shows them\n$/);
  });

  test('that nobody of ours wrote is told as that', () => {
    const odd = peek({ fields: fields('x', 'y') });
    expect(odd).toMatchObject({ readable: false, relay: null, lineCount: null, bytes: 2, lines: [] });
    expect(peekText(odd, PLAIN_VIEW)).toMatch(/^from +no relay: it is not a batch$/m);
  });
});

test('Redis as it tells of itself, also where it may not be asked for its configuration', () => {
  const info = new Map([
    ['redis_version', '7.2.4'],
    ['role', 'slave'],
    ['used_memory', '5'],
    ['maxmemory_policy', 'noeviction'],
    ['aof_enabled', '1'],
    ['rdb_last_bgsave_status', 'err'],
  ]);
  expect(redisStatus(info, new Map())).toMatchObject({
    version: '7.2.4',
    role: 'slave',
    appendOnly: true,
    appendFsync: null,
    snapshots: null,
    lastWriteToDiskFailed: true,
    maxConnections: null,
  });
  expect(
    redisStatus(
      info,
      new Map([
        ['save', ''],
        ['maxclients', '99'],
      ]),
    ),
  ).toMatchObject({ snapshots: false, maxConnections: 99 });
});

test.each([
  [[], '-'],
  [[3], '3'],
  [[0, 1, 2, 7, 9, 10], '0-2,7,9-10'],
])('%j read as %s', (numbers, text) => expect(ranges(numbers)).toBe(text));

test('rates and sizes for eyes', () => {
  expect([null, 0, 0.04, 0.5, 9.96, 12.4].map(rateText)).toEqual(['?', '0', '0.1', '0.5', '10.0', '12']);
  expect([0, 1_023, 1_536, 34 * 2 ** 20, 2 ** 50].map(formatBytes)).toEqual([
    '0 B',
    '1023 B',
    '1.5 KiB',
    '34 MiB',
    '1024 TiB',
  ]);
});
