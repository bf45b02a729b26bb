import { aggregatorsKey, partitionKeys } from '@weir/common/keys';
import { redisFault, redisTimeMs } from '@weir/common/redis';
import { duration, integer, text } from '@weir/common/setting-values';
import type { Redis } from 'ioredis';
import type { CommandContext } from '../command-context.ts';
import { withDeployment } from '../deployment-target.ts';
import { readHeartbeats } from '../heartbeats.ts';
import { Budget } from '../page-size.ts';
import { countLines, listPending, type PendingList } from '../partition-state.ts';
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

export const schema = PENDING_SCHEMA;

export async function run(context: CommandContext): Promise<number> {
  const filters = readFilters(context);
  const patienceMs = context.flags.read('patience', duration({ minMs: 1, maxMs: 600_000 }));
  return withDeployment(context, ({ redis, prefix, partitions }) =>
    show(context, async () => {
      const { redisMs, heartbeats } = await readAlive(redis, prefix);
      const patience = () => new Budget(patienceMs, () => context.clock.monotonicMs());
      const listing = patience();
      const lists: PendingList[] = [];
      for (let partition = 0; partition < partitions; partition++) {
        const { stream } = partitionKeys(prefix, partition);
        lists.push(await listPending(redis, stream, listing, filters.consumer ?? undefined));
      }
      // What is slower, reading the entries, comes last: no partition's list waits for it.
      const counting = patience();
      const consumers: ConsumerPending[] = [];
      for (const [partition, { entries }] of lists.entries()) {
        const { stream } = partitionKeys(prefix, partition);
        for (const [consumer, own] of byConsumer(keepPending(entries, filters))) {
          const ids = own.map(({ id }) => id);
          const lines = await countLines(redis, stream, ids, counting);
          consumers.push(consumerPending(partition, consumer, own, lines, heartbeats, redisMs));
        }
      }
      const complete = lists.every((list) => list.complete);
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
