import { type AggregatorState, type SinkState, STATE_LIMITS, type Unsaid } from '@weir/common/daemon-state';
import type { RelayReport } from './seal-plan.ts';

/** What an aggregator says of itself (daemon-state.ts), from what its parts tell. Pure. */
export interface AggregatorStateSources {
  settings: AggregatorState['settings'];
  /** Redis's clock, whether it is known, and this machine's. */
  redisMs: number;
  redisTimeKnown: boolean;
  wallMs: number;
  ownedPartitions: number;
  /** By partition, the code of the fault. */
  interrupted: ReadonlyMap<number, string>;
  sinks: readonly SinkState[];
  /** Windows that are due, and the relays they wait for. */
  waiting: ReadonlyMap<number, readonly RelayReport[]>;
  rollbackMs: number | undefined;
  heldBack: boolean;
}

export function aggregatorState(sources: AggregatorStateSources): Unsaid<AggregatorState> {
  const { settings, redisMs, redisTimeKnown, wallMs, interrupted, sinks, waiting, rollbackMs } = sources;
  const { holdMs, claimIdleMs, sinkRetainMs, finalKeepMs } = settings;
  const byCode: Record<string, number> = {};
  for (const code of interrupted.values()) byCode[code] = (byCode[code] ?? 0) + 1;
  const oldest = [...waiting].sort(([a], [b]) => a - b).slice(0, STATE_LIMITS.waitingWindows);
  return {
    clockAheadMs: redisTimeKnown ? Math.round(wallMs - redisMs) : null,
    settings: { holdMs, claimIdleMs, sinkRetainMs, finalKeepMs },
    ownedPartitions: sources.ownedPartitions,
    interrupted: byCode,
    sinks: sinks.slice(0, STATE_LIMITS.sinks),
    waitingWindows: waiting.size,
    waiting: oldest.map(([startSec, relays]) => ({ startSec, relays: relays.map(({ id }) => id) })),
    rollbackMs: rollbackMs === undefined ? null : Math.round(rollbackMs),
    heldBack: sources.heldBack,
  };
}
