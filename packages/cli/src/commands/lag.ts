import { aggregatorsKey, partitionKeys } from '@weir/common/keys';
import { redisFault } from '@weir/common/redis';
import { duration } from '@weir/common/setting-values';
import type { Redis } from 'ioredis';
import type { CommandContext } from '../command-context.ts';
import { type DeploymentTarget, withDeployment } from '../deployment-target.ts';
import type { Sample } from '../flow.ts';
import { aliveIds, readHeartbeats } from '../heartbeats.ts';
import { LAG_SCHEMA, type LagMeasures, lagReport, partitionLag, undeliveredEntries } from '../lag-report.ts';
import { lagTable } from '../lag-table.ts';
import { Budget } from '../page-size.ts';
import { countLines, countUndelivered, listPending, lookAtPartition } from '../partition-state.ts';
import { show } from '../show.ts';

export const schema = LAG_SCHEMA;

export async function run(context: CommandContext): Promise<number> {
  const { flags, view, clock, stopping } = context;
  const intervalMs = flags.read('interval', duration({ maxMs: 60_000 }));
  const patienceMs = flags.read('patience', duration({ minMs: 1, maxMs: 600_000 }));
  return withDeployment(context, (target) => {
    let before: Sample[] | undefined;
    return show(context, async () => {
      if (!before && intervalMs > 0) {
        before = await sampleAll(target);
        await clock.sleep(intervalMs, stopping);
      }
      const budget = new Budget(patienceMs, () => clock.monotonicMs());
      const measured = await measureAll(target, before, budget);
      const report = await reportOf(target, measured);
      if (view.watchMs !== undefined) before = measured.map(({ state }) => state);
      return { report, text: (how) => lagTable(report, how) };
    });
  });
}

async function sampleAll({ redis, prefix, partitions }: DeploymentTarget): Promise<Sample[]> {
  const samples: Sample[] = [];
  // One partition after the other: an operator looking must not be a load.
  for (let partition = 0; partition < partitions; partition++) {
    samples.push(await lookAtPartition(redis, partition, partitionKeys(prefix, partition)));
  }
  return samples;
}

export async function measureAll(
  { redis, prefix, partitions }: DeploymentTarget,
  before: readonly Sample[] | undefined,
  budget: Budget,
): Promise<LagMeasures[]> {
  const measured: LagMeasures[] = [];
  for (let partition = 0; partition < partitions; partition++) {
    measured.push({ ...(await measure(redis, prefix, partition, budget)), before: before?.[partition] });
  }
  // What takes reading comes last, so that one large partition does not leave the others without an answer.
  for (const measures of measured) {
    measures.pending = await pendingLines(redis, prefix, measures, budget);
  }
  return measured;
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
    if (undelivered !== 'moved') return { state, undelivered, pending: undefined };
    if (tries === TRIES) return { state, undelivered: undefined, pending: undefined };
  }
}

async function pendingLines(redis: Redis, prefix: string, { state }: LagMeasures, budget: Budget) {
  if (state.pendingEntries === 0) return { lines: 0, missing: 0 };
  const { stream } = partitionKeys(prefix, state.partition);
  const { entries, complete } = await listPending(redis, stream, budget);
  if (!complete) return undefined;
  return countLines(
    redis,
    stream,
    entries.map(({ id }) => id),
    budget,
  );
}

async function reportOf({ redis, prefix }: DeploymentTarget, measured: readonly LagMeasures[]) {
  const [first] = measured;
  const redisTimeMs = first!.state.redisMs;
  const alive = aliveIds(readHeartbeats(await readHash(redis, aggregatorsKey(prefix)), redisTimeMs));
  const intervalMs = first!.before ? redisTimeMs - first!.before.redisMs : null;
  return lagReport(
    { prefix, redisTimeMs, intervalMs },
    measured.map((measures) => partitionLag(measures, alive)),
  );
}

export async function readHash(redis: Redis, key: string): Promise<Record<string, string>> {
  try {
    return await redis.hgetall(key);
  } catch (error) {
    throw redisFault(error);
  }
}
