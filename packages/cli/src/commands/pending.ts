import { aggregatorsKey, partitionKeys } from '@weir/common/keys';
import { redisFault, redisTimeMs } from '@weir/common/redis';
import { duration, integer, text } from '@weir/common/setting-values';
import type { Redis } from 'ioredis';
import type { CommandContext } from '../command-context.ts';
import { withDeployment } from '../deployment-target.ts';
import { readHeartbeats } from '../heartbeats.ts';
import { Budget } from '../page-size.ts';
import { countLines, listPending } from '../partition-state.ts';
import {
  byConsumer,
  type ConsumerPending,
  consumerPending,
  keepPending,
  PENDING_SCHEMA,
  type PendingFilters,
  pendingReport,
  pendingTable,
} from '../pending-report.ts';
import { show } from '../show.ts';

/** How long `weir pending` lists and counts before it prints `?`. */
const BUDGET_MS = 10_000;

export const schema = PENDING_SCHEMA;

export async function run(context: CommandContext): Promise<number> {
  const filters = readFilters(context);
  return withDeployment(context, ({ redis, prefix, partitions }) =>
    show(context, async () => {
      const budget = new Budget(BUDGET_MS, () => performance.now());
      const { redisMs, heartbeats } = await readAlive(redis, prefix);
      const consumers: ConsumerPending[] = [];
      let complete = true;
      for (let partition = 0; partition < partitions; partition++) {
        const { stream } = partitionKeys(prefix, partition);
        const entries = await listPending(redis, stream, budget);
        complete &&= entries !== undefined;
        for (const [consumer, own] of byConsumer(keepPending(entries ?? [], filters))) {
          const ids = own.map(({ id }) => id);
          const lines = await countLines(redis, stream, ids, budget);
          consumers.push(consumerPending(partition, consumer, own, lines, heartbeats, redisMs));
        }
      }
      const report = pendingReport(prefix, redisMs, filters, consumers, complete);
      return { report, text: (view) => pendingTable(report, view) };
    }),
  );
}

function readFilters({ flags }: CommandContext): PendingFilters {
  return {
    minIdleMs: flags.readOptional('idle', duration()) ?? null,
    minDeliveries: flags.readOptional('min-deliveries', integer(1, 1_000_000)) ?? null,
    consumer: flags.readOptional('consumer', text('the name of a consumer')) ?? null,
  };
}

async function readAlive(redis: Redis, prefix: string) {
  try {
    const [redisMs, hash] = await Promise.all([redisTimeMs(redis), redis.hgetall(aggregatorsKey(prefix))]);
    return { redisMs: Math.floor(redisMs), heartbeats: readHeartbeats(hash, redisMs) };
  } catch (error) {
    throw redisFault(error);
  }
}
