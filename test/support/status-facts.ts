import type { RelayStatus } from '@weir/cli/relay-status';
import type { SinkStatus } from '@weir/cli/sink-status';
import type { PartitionStatus, StatusFacts } from '@weir/cli/status-report';

/** A deployment in which everything is as it should be, for tests to spoil. */
export const RELAY: RelayStatus = {
  id: 'relay-1',
  alive: true,
  heardAgoMs: 400,
  drainedAgoMs: 500,
  owedForMs: null,
  journalBytes: 1_024,
  journalMaxBytes: 1_048_576,
  journalAgeMs: 60_000,
  unconfirmedBytes: 0,
  journalFailing: false,
  receivedPerSec: 100,
  rejectedPerSec: 0,
  rejected: 0,
  datagramsLost: 0,
  datagramsLostLately: 0,
  lastLossAgoMs: null,
  journalGapBatches: 0,
  clockAheadMs: 1,
};

export const PARTITION: PartitionStatus = {
  partition: 0,
  owner: 'aggregator-1',
  lagEntries: 0,
  lagEvents: 0,
  lagSeconds: 0,
  pendingEntries: 0,
  oldestPendingIdleMs: null,
  pendingOfDead: [],
  deadLetters: 0,
  newestDeadAgoMs: null,
};

export const SINK: SinkStatus = {
  name: 'az1',
  kind: 'influx-v1',
  state: 'well',
  stateForMs: 90_000,
  lastWriteAgoMs: 300,
  lastErrorAgoMs: null,
  errorCode: null,
  errorText: null,
  failingWindows: 0,
  refusedPoints: 0,
  shrunkPoints: 0,
  givenUpWindows: 0,
  unflushedWindows: 0,
  neverFlushedWindows: 0,
  overdueMs: null,
  oldestUnflushedSec: null,
  unsettledWindows: 0,
};

export const FACTS: StatusFacts = {
  prefix: 'weir',
  redisTimeMs: 1_700_000_000_000,
  relays: [RELAY],
  partitions: [PARTITION, { ...PARTITION, partition: 1, owner: 'aggregator-2' }],
  books: { balanced: true, received: 5_000, wrong: [], dead: { late: 0 } },
  aggregators: ['aggregator-1', 'aggregator-2'].map((id, partition) => ({
    id,
    alive: true,
    seenAgoMs: 300,
    partitions: [partition],
    interrupted: {},
    heldBack: false,
    rollbackAgoMs: null,
    clockAheadMs: 0,
  })),
  windows: { open: 3, due: 2, sealDue: 0, waiting: [], finalRecords: 10 },
  sinks: [SINK],
  redis: {
    version: '7.0.15',
    role: 'master',
    usedMemoryBytes: 1_000,
    maxMemoryBytes: 100_000,
    policy: 'noeviction',
    appendOnly: true,
    appendFsync: 'everysec',
    snapshots: false,
    lastWriteToDiskFailed: false,
    connections: 12,
    maxConnections: 10_000,
    loading: false,
  },
};
