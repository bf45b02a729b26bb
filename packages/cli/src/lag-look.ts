import { partitionKeys } from '@weir/common/keys';
import type { Redis } from 'ioredis';
import type { DeploymentTarget } from './deployment-target.ts';
import type { Sample } from './flow.ts';
import { inBatches, partitionNumbers } from './in-batches.ts';
import { type LagMeasures, undeliveredEntries } from './lag-report.ts';
import type { Budget } from './page-size.ts';
import { countLines, countUndelivered, listPending, lookAtPartition } from './partition-state.ts';

/** A look at every partition, for rates. */
export async function samplePartitions({ redis, prefix, partitions }: DeploymentTarget): Promise<Sample[]> {
  const look = (partition: number) => lookAtPartition(redis, partition, partitionKeys(prefix, partition));
  return inBatches(partitionNumbers(partitions), look);
}

/** `before`: an earlier look, for rates. Lines of pending entries are not counted: see `countPending`. */
export async function measurePartitions(
  { redis, prefix, partitions }: DeploymentTarget,
  before: readonly Sample[] | undefined,
  budget: Budget,
): Promise<LagMeasures[]> {
  return inBatches(partitionNumbers(partitions), async (partition) => {
    const measured = await measure(redis, prefix, partition, budget);
    return { ...measured, before: before?.[partition] };
  });
}

/** Reads how many lines the pending entries hold. It takes longer than all else, so it comes after all else. */
export async function countPending(
  { redis, prefix }: DeploymentTarget,
  measured: readonly LagMeasures[],
  budget: Budget,
): Promise<void> {
  for (const measures of measured) measures.pending = await pendingLines(redis, prefix, measures, budget);
}

const TRIES = 3;

async function measure(
  redis: Redis,
  prefix: string,
  partition: number,
  budget: Budget,
): Promise<Omit<LagMeasures, 'before'>> {
  const keys = partitionKeys(prefix, partition);
  for (let tries = 1; ; tries++) {
    const state = await lookAtPartition(redis, partition, keys);
    const known = undeliveredEntries(state);
    const undelivered = known === 'count' ? await countUndelivered(redis, keys.stream, state, budget) : known;
    const pending = state.pendingEntries === 0 ? { lines: 0, missing: 0 } : undefined;
    if (undelivered !== 'moved') return { state, undelivered, pending };
    if (tries === TRIES) return { state, undelivered: undefined, pending };
  }
}

async function pendingLines(redis: Redis, prefix: string, { state, pending }: LagMeasures, budget: Budget) {
  if (pending) return pending;
  const { stream } = partitionKeys(prefix, state.partition);
  const { entries, complete } = await listPending(redis, stream, budget);
  if (!complete) return undefined;
  const ids = entries.map(({ id }) => id);
  return countLines(redis, stream, ids, budget);
}
