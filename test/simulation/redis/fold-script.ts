import type { FoldPlan, WindowClaim } from '@weir/aggregator/fold-plan';
import { sameVersion } from '@weir/aggregator/log-codec';
import type { FoldReply, PartitionStoreOptions } from '@weir/aggregator/store/partition-store';
import type { Without } from './checks.ts';
import type { PartitionState } from './partition-state.ts';

/** fold.lua over simulated state: the same checks in the same order, and no write before all of them hold. */
export function fold(
  state: PartitionState,
  plan: FoldPlan,
  seed: string,
  options: PartitionStoreOptions,
  { nowMs, stamp, without }: { nowMs: number; stamp: string; without: Without },
): FoldReply {
  if (state.seed !== undefined && state.seed !== seed && !without.has('seed')) {
    return { kind: 'seed', nowMs, seed: state.seed };
  }
  const ids = plan.items.map(({ entry }) => entry.id);
  const notPending = ids.filter((id) => !state.stream.isPending(id));
  if (notPending.length > 0 && !without.has('pending')) return { kind: 'pending', nowMs, ids: notPending };

  const { openOld, isOld } = oldWindows(state, options, nowMs);
  let opening = 0;
  let refusing = false;
  for (const claim of plan.windows) {
    if (!holds(state, claim, without)) return { kind: 'window', nowMs, startSec: claim.startSec };
    const old = isOld(claim.startSec);
    if (claim.claim === 'absent' && old) {
      opening++;
    } else if (claim.claim === 'refused') {
      if (!old && !without.has('verdict')) return { kind: 'verdict', nowMs, openOldWindows: openOld };
      refusing = true;
    }
  }
  const tooMany = opening > 0 && openOld + opening > options.maxOldWindows;
  const tooFew = refusing && openOld + opening < options.maxOldWindows;
  if ((tooMany || tooFew) && !without.has('verdict')) return { kind: 'verdict', nowMs, openOldWindows: openOld };

  state.seed ??= seed;
  state.birth ??= stamp;
  for (const claim of plan.windows) append(state, claim, nowMs, stamp);
  bury(state, plan, options.maxDeadBytes);
  state.counters.counted += plan.counted;
  state.counters.duplicate += plan.duplicates;
  state.counters.foldedEntries += ids.length;
  if (plan.items.some(({ suspect }) => suspect)) for (const id of ids) state.suspects.delete(id);
  for (const id of ids) state.stream.ack(id);
  return { kind: 'folded', nowMs, openOldWindows: openOld + opening };
}

/** Windows are counted as old while they are open, sealed ones too until they are dropped. */
export function oldWindows(
  state: PartitionState,
  { windowSec, latenessMs }: Pick<PartitionStoreOptions, 'windowSec' | 'latenessMs'>,
  nowMs: number,
): { openOld: number; isOld: (startSec: number) => boolean } {
  const isOld = (startSec: number) => startSec < (nowMs - latenessMs) / 1000 - windowSec;
  let openOld = 0;
  for (const startSec of state.windows.keys()) if (isOld(startSec)) openOld++;
  return { openOld, isOld };
}

function holds(state: PartitionState, claim: WindowClaim, without: Without): boolean {
  const sealed = state.sealed.has(claim.startSec);
  const found = state.windows.get(claim.startSec);
  if (claim.claim === 'sealed') return sealed || without.has('sealed');
  if (sealed && !without.has('sealed')) return false;
  if (claim.claim !== 'open') return !found || without.has('version');
  if (without.has('version') || (!claim.delta && without.has('version-of-duplicates'))) return true;
  if (!found) return false;
  if (without.has('nonce')) return found.version.length === claim.version.length;
  return sameVersion(found.version, claim.version);
}

function append(state: PartitionState, claim: WindowClaim, nowMs: number, stamp: string): void {
  const delta = 'delta' in claim ? claim.delta : undefined;
  if (!delta) return;
  const { startSec } = claim;
  const found = state.windows.get(startSec);
  if (!found) state.stamp = stamp;
  const log = found ? Buffer.concat([found.log, delta.record]) : delta.record;
  // Where a check was left out the log is not what the plan thought: its length is then its own.
  const version = { length: log.length, nonce: delta.version.nonce };
  state.windows.set(startSec, { log, version, openedMs: found?.openedMs ?? nowMs });
  state.dirty.add(startSec);
}

function bury(state: PartitionState, { deadLetters }: FoldPlan, maxDeadBytes: number): void {
  for (const { entry, reason, lineCount, lines } of deadLetters) {
    const { id: entryId, batch, receivedMs } = entry;
    state.dead.push({ reason, entryId, batch, receivedMs, lineCount, lines });
    state.deadCounts.set(reason, (state.deadCounts.get(reason) ?? 0) + lineCount);
    state.counters.deadLetters++;
    state.counters.deadBytes += lines.length;
    while (state.counters.deadBytes > maxDeadBytes && state.dead.length > 1) {
      const oldest = state.dead.shift()!;
      state.counters.deadLetters--;
      state.counters.deadDropped += oldest.lineCount;
      state.counters.deadBytes -= oldest.lines.length;
    }
  }
}
