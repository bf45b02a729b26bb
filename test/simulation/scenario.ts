import type { PartitionStoreOptions } from '@weir/aggregator/store/partition-store';
import type { Random } from '@weir/common/random';

/**
 * The frame of a run, drawn from its seed: how many of everything, and how much goes wrong. Times are short and near each
 * other, so that a run of a minute sees a window's whole life, with faults at every turn of it.
 */
export interface Scenario {
  /**
   * `folding` looks at what happens up to the logs only; `whole` goes on to the sinks and to the end of every window;
   * `flushing` keeps the windows open, so that nothing hides what flushing left wrong.
   */
  kind: 'folding' | 'flushing' | 'whole';
  partitions: number;
  aggregators: number;
  /** Every aggregator reads every partition: the assignment is only a hint. */
  everybodyReads: boolean;
  requests: number;
  /** Clients begin to send within this time. */
  sendingMs: number;
  /** Then everything heals. */
  chaosMs: number;
  commandRate: number;
  sinkRate: number;
  /** Writes may land long after whoever sent them has given up. */
  lateWrites: boolean;
  crashEveryMs: number;
  pauseEveryMs: number;
  /** Where windows are sealed it is short, so that `finalKeepMs` covers what the process may still write. */
  longestPauseMs: number;
  rollbacks: number;
  /** How long sealing waits for a relay. The short one may be over before a relay that was paused is back. */
  holdMs: number;
  journalBytes: number;
  journalMemoryBytes: number;
  /** The relays' disks refuse for a while. */
  diskFaults: boolean;
  store: PartitionStoreOptions;
}

export const EPOCH_MS = 1_700_000_000_000;
export const WINDOW_SEC = 10;

export const SHORT_HOLD_MS = 12_000;

export const TIMES = {
  graceMs: 500,
  republishMs: 500,
  claimIdleMs: 1_500,
  claimEveryMs: 800,
  blockMs: 1_000,
  incompleteAfterMs: 2_000,
  firstCheckMs: 1_500,
  finalKeepMs: 14_000,
  beatEveryMs: 1_000,
  deadAfterMs: 3_000,
  loopMs: 1_000,
  staleIntentMs: 8_000,
  /** As long as a flusher believes that a window is clean. */
  lookAgainMs: 12_000,
} as const;

/** How long after healing everything must have come to rest, whatever happened before. */
export const REST_WITHIN_MS = 120_000;

/** Makes some things certain that are otherwise left to chance. */
export type Focus = Partial<Omit<Scenario, 'store'>> & { maxOldWindows?: number };

const KINDS = ['folding', 'folding', 'folding', 'folding', 'folding', 'flushing', 'whole', 'whole'] as const;

export function drawScenario(random: Random, { maxOldWindows, ...focus }: Focus = {}): Scenario {
  const drawn = random.pick(KINDS);
  const kind = focus.kind ?? drawn;
  const chaosMs = kind === 'folding' ? random.between(3_000, 8_000) : random.between(12_000, 26_000);
  const calm = random.chance(0.1);
  const scenario: Scenario = {
    kind,
    partitions: random.integer(1, 2),
    aggregators: random.integer(1, 3),
    everybodyReads: random.chance(kind === 'folding' ? 0.7 : 0.2),
    requests: random.integer(3, 10),
    sendingMs: chaosMs * random.pick([0.03, 0.4, 0.7, 1]),
    chaosMs,
    commandRate: calm ? 0 : random.pick([0.01, 0.03, 0.1]),
    sinkRate: calm ? 0 : random.pick([0.05, 0.3]),
    lateWrites: true,
    crashEveryMs: calm ? Number.POSITIVE_INFINITY : random.pick([2_000, 6_000, 20_000]),
    pauseEveryMs: calm ? Number.POSITIVE_INFINITY : random.pick([3_000, 10_000, 30_000]),
    longestPauseMs: 4_000,
    rollbacks: random.chance(0.4) ? random.integer(1, 2) : 0,
    holdMs: random.pick([SHORT_HOLD_MS, 45_000]),
    journalBytes: random.chance(0.1) ? 3_000 : 1_000_000,
    journalMemoryBytes: random.chance(0.3) ? 1_000 : 1_000_000,
    diskFaults: !calm && random.chance(0.3),
    store: {
      prefix: 'sim',
      windowSec: WINDOW_SEC,
      latenessMs: 6_000,
      maxOldWindows: random.chance(0.4) ? 1 : 1_000,
      maxLogBytes: random.chance(0.1) ? 600 : 1_000_000,
      chunkBytes: 1_000_000,
      maxDeadBytes: random.chance(0.1) ? 300 : 1_000_000,
    },
  };
  const store = maxOldWindows === undefined ? scenario.store : { ...scenario.store, maxOldWindows };
  const focused = { ...scenario, ...focus, store };
  return kind === 'flushing' ? keepOpen(focused) : focused;
}

/**
 * A write that lands after everybody has forgotten it is put right when its window is settled, and not before. Windows
 * that stay open must be right without that, if no write lands that late: a writer may be away for long and come back,
 * but it comes back.
 */
function keepOpen(scenario: Scenario): Scenario {
  return {
    ...scenario,
    aggregators: 3,
    requests: scenario.requests * 2,
    pauseEveryMs: Math.min(scenario.pauseEveryMs, 5_000),
    longestPauseMs: 7_000,
    lateWrites: false,
    crashEveryMs: Number.POSITIVE_INFINITY,
    rollbacks: 0,
    store: { ...scenario.store, latenessMs: 1_000_000_000 },
  };
}
