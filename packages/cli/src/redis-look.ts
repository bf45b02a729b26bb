import { redisInfo } from '@weir/common/redis-check';
import { redisFault } from '@weir/common/redis-fault';
import type { Redis } from 'ioredis';
import { INFO_SECTIONS, type RedisStatus, redisStatus } from './redis-status.ts';

/** Asks Redis how it is. A Redis that does not let itself be asked for its configuration tells the rest all the same. */
export async function lookAtRedis(redis: Redis): Promise<RedisStatus> {
  const info = await redisInfo(redis, INFO_SECTIONS);
  return redisStatus(info, await readConfig(redis));
}

async function readConfig(redis: Redis): Promise<Map<string, string>> {
  try {
    const flat = (await redis.config('GET', 'appendfsync', 'save', 'maxclients')) as string[];
    const config = new Map<string, string>();
    for (let i = 0; i + 1 < flat.length; i += 2) config.set(flat[i]!, flat[i + 1]!);
    return config;
  } catch (error) {
    const fault = redisFault(error);
    if (fault.outcome === 'not-applied') return new Map();
    throw fault;
  }
}
