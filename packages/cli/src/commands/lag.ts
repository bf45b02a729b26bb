import { aggregatorsKey, partitionKeys } from '@weir/common/keys';
import { redisFault } from '@weir/common/redis';
import type { Redis } from 'ioredis';
import type { CommandContext } from '../command-context.ts';
import { withDeployment } from '../deployment-target.ts';
import { aliveIds, readHeartbeats } from '../heartbeats.ts';
import { LAG_SCHEMA, type LagMeasures, lagReport, lagTable, partitionLag, undeliveredEntries } from '../lag-report.ts';
import { Budget } from '../page-size.ts';
import { countEntriesFrom, countLines, listPending, lookAtPartition } from '../partition-state.ts';
import { show } from '../show.ts';

/** How long `weir lag` counts, where counting is needed, before it prints `?`. */
const BUDGET_MS = 10_000;

export const schema = LAG_SCHEMA;

export async function run(context: CommandContext): Promise<number> {
  return withDeployment(context, ({ redis, prefix, partitions }) =>
    show(context, async () => {
      const budget = new Budget(BUDGET_MS, () => performance.now());
      const heartbeats = await readHash(redis, aggregatorsKey(prefix));
      const measured: LagMeasures[] = [];
      // One partition after the other: an operator looking must not be a load.
      for (let partition = 0; partition < partitions; partition++) {
        measured.push(await measure(redis, prefix, partition, budget));
      }
      const redisMs = measured[0]!.state.redisMs;
      const alive = aliveIds(readHeartbeats(heartbeats, redisMs));
      const report = lagReport(
        prefix,
        redisMs,
        measured.map((measures) => partitionLag(measures, alive)),
      );
      return { report, text: (view) => lagTable(report, view) };
    }),
  );
}

async function measure(redis: Redis, prefix: string, partition: number, budget: Budget): Promise<LagMeasures> {
  const keys = partitionKeys(prefix, partition);
  const state = await lookAtPartition(redis, partition, keys);
  const known = undeliveredEntries(state);
  const undelivered =
    known === 'count' ? await countEntriesFrom(redis, keys.stream, state.firstUndeliveredId!, budget) : known;
  if (state.pendingEntries === 0) return { state, undelivered, pending: { lines: 0, missing: 0 } };
  const pending = await listPending(redis, keys.stream, budget);
  const ids = pending?.map(({ id }) => id);
  return { state, undelivered, pending: ids && (await countLines(redis, keys.stream, ids, budget)) };
}

export async function readHash(redis: Redis, key: string): Promise<Record<string, string>> {
  try {
    return await redis.hgetall(key);
  } catch (error) {
    throw redisFault(error);
  }
}
