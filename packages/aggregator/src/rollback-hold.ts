import type { RelayReport } from './seal-plan.ts';

/**
 * Whether flushes wait after Redis lost data: until every relay that is alive has said, since then, that all it received
 * before is in Redis again; at least a moment, so that relays have said anything at all, and at most a minute. It only
 * spares the sinks a round of smaller totals, which would not be written anyway. Pure.
 */
const MIN_HOLD_MS = 3_000;
const MAX_HOLD_MS = 60_000;
/** A relay that has not reported for this long is not waited for. */
const RELAY_GONE_MS = 5_000;

export function holdsFlushes(rollbackMs: number | undefined, reports: readonly RelayReport[], nowMs: number): boolean {
  if (rollbackMs === undefined) return false;
  const sinceMs = nowMs - rollbackMs;
  if (sinceMs < MIN_HOLD_MS) return true;
  if (sinceMs >= MAX_HOLD_MS) return false;
  return reports.some(({ lastMs, drainedMs }) => nowMs - lastMs < RELAY_GONE_MS && drainedMs < rollbackMs);
}
