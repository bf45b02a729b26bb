import { aggregatorsKey, partitionKeys } from '@weir/common/keys';
import { redisFault, redisTimeMs } from '@weir/common/redis';
import { duration, integer, text } from '@weir/common/setting-values';
import type { Redis } from 'ioredis';
import { type CommandContext, readFlag } from '../command-context.ts';
import { withDeployment } from '../deployment-target.ts';
import { readHeartbeats } from '../heartbeats.ts';
import { Budget } from '../page-size.ts';
import { countLines, listPending } from '../partition-state.ts';
import {
  byConsumer,
  type ConsumerPending,
  consumerPending,
  keepPending,
  type PendingFilters,
  pendingReport,
  pendingTable,
} from '../pending-report.ts';

/** How long `weir pending` lists and counts before it prints `?`. */
const BUDGET_MS = 10_000;

export async function pending(context: CommandContext): Promise<void> {
  const filters = readFilters(context);
  await withDeployment(context, async ({ redis, prefix, partitions }) => {
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
    context.out(context.flags.json ? `${JSON.stringify(report)}\n` : pendingTable(report));
  });
}

function readFilters(context: CommandContext): PendingFilters {
  return {
    minIdleMs: readFlag(context, { key: 'idle', flag: '--idle', type: duration() }) ?? null,
    minDeliveries:
      readFlag(context, { key: 'minDeliveries', flag: '--min-deliveries', type: integer(1, 1_000_000) }) ?? null,
    consumer: readFlag(context, { key: 'consumer', flag: '--consumer', type: text('the name of a consumer') }) ?? null,
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
