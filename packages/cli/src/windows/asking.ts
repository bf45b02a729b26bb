import { sealAskedKey, sinkAskedKey, sinkWindowKey } from '@weir/common/keys';
import { Script } from '@weir/common/redis';
import type { Redis } from 'ioredis';

/** What the aggregators are asked for; they notice within a second or two. Both reject with a RedisFault. */
const FLUSH = Script.beside(import.meta.url, 'ask-flush');
const SEAL = Script.beside(import.meta.url, 'ask-seal');

export async function askFlush(redis: Redis, prefix: string, sink: string, startSec: number): Promise<void> {
  await FLUSH.run(redis, [sinkWindowKey(prefix, sink, startSec), sinkAskedKey(prefix, sink)], [startSec]);
}

export async function askSeal(redis: Redis, prefix: string, startSec: number): Promise<void> {
  await SEAL.run(redis, [sealAskedKey(prefix)], [startSec]);
}
