import { aggregatorsKey, partitionKeys } from '@weir/common/keys';
import { redisFault, Script } from '@weir/common/redis';
import type { Redis } from 'ioredis';

/** A consumer in the groups of a deployment: of events in every partition, and of other lines per partition and sink. */
export interface ConsumerGroup {
  partition: number;
  stream: 'events' | 'others';
  group: string;
  pendingEntries: number;
}

const LOOK = Script.beside(import.meta.url, 'group-look');
const REMOVE = Script.beside(import.meta.url, 'remove-consumer');
const FORGET = Script.beside(import.meta.url, 'forget-heartbeat');

/** Where it is known. Rejects with a RedisFault, as all here do. */
export async function findConsumer(
  redis: Redis,
  prefix: string,
  partitions: number,
  consumer: string,
): Promise<ConsumerGroup[]> {
  const found: ConsumerGroup[] = [];
  for (let partition = 0; partition < partitions; partition++) {
    const { stream: events, others } = partitionKeys(prefix, partition);
    for (const [stream, key] of [['events', events] as const, ['others', others] as const]) {
      const reply = (await LOOK.run(redis, [key], [consumer])) as (Buffer | number)[];
      for (let i = 0; i + 1 < reply.length; i += 2) {
        found.push({ partition, stream, group: String(reply[i]), pendingEntries: Number(reply[i + 1]) });
      }
    }
  }
  return found;
}

/** False where entries have become pending for it meanwhile: then it stays. */
export async function removeConsumer(
  redis: Redis,
  prefix: string,
  { partition, stream, group }: ConsumerGroup,
  consumer: string,
): Promise<boolean> {
  const { stream: events, others } = partitionKeys(prefix, partition);
  return (await REMOVE.run(redis, [stream === 'events' ? events : others], [group, consumer])) === 0;
}

/** What an aggregator last said, as it stands; undefined where nothing does. */
export async function readHeartbeat(redis: Redis, prefix: string, id: string): Promise<string | undefined> {
  try {
    return (await redis.hget(aggregatorsKey(prefix), id)) ?? undefined;
  } catch (error) {
    throw redisFault(error);
  }
}

export async function forgetHeartbeat(redis: Redis, prefix: string, id: string, standing: string): Promise<boolean> {
  return (await FORGET.run(redis, [aggregatorsKey(prefix)], [id, standing])) === 1;
}
