import { aggregatorsKey, CONSUMER_GROUP, partitionKeys } from '@weir/common/keys';
import { redisFault, redisTimeMs } from '@weir/common/redis';
import type { Redis } from 'ioredis';
import type { CommandContext } from '../command-context.ts';
import { CONSUMERS_SCHEMA, consumersReport, consumersTable, type GroupConsumer } from '../consumers-report.ts';
import { withDeployment } from '../deployment-target.ts';
import { readHeartbeats } from '../heartbeats.ts';
import { inBatches, partitionNumbers } from '../in-batches.ts';
import { show } from '../show.ts';

export const schema = CONSUMERS_SCHEMA;

export async function run(context: CommandContext): Promise<number> {
  return withDeployment(context, ({ redis, prefix, partitions }) =>
    show(context, async () => {
      const redisMs = Math.floor(await redisTimeMs(redis));
      const heartbeats = readHeartbeats(await redis.hgetall(aggregatorsKey(prefix)), redisMs);
      const groups = await inBatches(partitionNumbers(partitions), (partition) =>
        readConsumers(redis, partitionKeys(prefix, partition).stream),
      );
      const report = consumersReport({ prefix, redisTimeMs: redisMs }, groups, heartbeats);
      return { report, text: (view) => consumersTable(report, view) };
    }),
  );
}

async function readConsumers(redis: Redis, stream: string): Promise<GroupConsumer[]> {
  try {
    const rows = (await redis.xinfo('CONSUMERS', stream, CONSUMER_GROUP)) as (string | number)[][];
    return rows.map((row) => {
      const field = (name: string) => row[row.indexOf(name) + 1];
      return { name: String(field('name')), pendingEntries: Number(field('pending')), idleMs: Number(field('idle')) };
    });
  } catch (error) {
    const fault = redisFault(error);
    // No group yet, or no stream: then nobody reads it.
    if (fault.code === 'redis-nogroup' || fault.code === 'redis-err') return [];
    throw fault;
  }
}
