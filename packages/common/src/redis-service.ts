import type { Redis } from 'ioredis';
import { type Clock, systemClock } from './clock.ts';
import type { Logger } from './logger.ts';
import { connectRedis } from './redis.ts';
import { checkRedisServer } from './redis-check.ts';
import type { Service } from './service.ts';

export interface RedisServiceOptions {
  redis: Redis;
  logger: Logger;
  /** Aborted when the process begins to stop. */
  stopping: AbortSignal;
  clock?: Clock;
}

const CONNECT_TIMEOUT_MS = 5_000;
const AGAIN_MS = 1_000;

/**
 * A daemon's Redis connection: the first part to start and the last to stop. It waits for Redis as long as it takes, for
 * a daemon that comes up before its Redis does is no error. Rejects with a SettingsError when that Redis cannot do.
 */
export function redisService({ redis, logger, stopping, clock = systemClock }: RedisServiceOptions): Service {
  const connected = async () => {
    try {
      await connectRedis(redis, CONNECT_TIMEOUT_MS);
      return true;
    } catch (error) {
      if (stopping.aborted) throw error;
      logger.warn({ err: error }, 'waiting for Redis');
      return false;
    }
  };
  return {
    async start() {
      while (!(await connected())) await clock.sleep(AGAIN_MS, stopping);
      const { version, warnings } = await checkRedisServer(redis);
      for (const warning of warnings) logger.warn({ version }, warning);
    },
    async stop() {
      redis.disconnect();
    },
  };
}
