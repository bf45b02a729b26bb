import type { Redis } from 'ioredis';
import { SettingsError } from './errors.ts';
import { hasNeedlessPassword, redisFault } from './redis.ts';

/**
 * What a Redis must be for Weir's guarantees to hold on it, looked at once at start: at least 7.0, and never throwing
 * keys away. What it should be besides is said as warnings, for the log.
 */
export async function checkRedisServer(redis: Redis): Promise<{ version: string; warnings: string[] }> {
  const info = await redisInfo(redis, ['server', 'memory', 'persistence', 'replication']);
  const version = info.get('redis_version') ?? 'unknown';
  if (Number(version.split('.')[0]) < 7) {
    throw new SettingsError(`--redis: got a Redis of version ${version}, expected 7.0 or later`);
  }
  const policy = info.get('maxmemory_policy') ?? 'unknown';
  const maxMemoryBytes = Number(info.get('maxmemory') ?? 0);
  const warnings: string[] = [];
  if (policy !== 'noeviction') {
    const problem = `maxmemory-policy: got ${policy}, expected noeviction: Redis would throw counts away`;
    if (maxMemoryBytes > 0) throw new SettingsError(problem);
    warnings.push(problem);
  }
  if (maxMemoryBytes === 0) warnings.push('maxmemory is not set: Redis may take all memory of its machine');
  if (info.get('aof_enabled') !== '1') {
    warnings.push('appendonly is off: after a restart Redis knows only what relays can send again');
  }
  if (info.get('role') !== undefined && info.get('role') !== 'master') {
    warnings.push('this Redis is a replica: writes will be refused until it is promoted');
  }
  if (hasNeedlessPassword(redis)) warnings.push('--redis has a password, and this Redis asks for none');
  return { version, warnings };
}

/** Fields of sections of INFO. Rejects with a RedisFault. */
export async function redisInfo(redis: Redis, sections: readonly string[]): Promise<Map<string, string>> {
  try {
    const text = (await Promise.all(sections.map((section) => redis.info(section)))).join('\n');
    const pairs = text
      .split(/\r?\n/)
      .map((line) => line.split(':', 2) as [string, string?])
      .filter((pair): pair is [string, string] => pair[1] !== undefined);
    return new Map(pairs);
  } catch (error) {
    throw redisFault(error);
  }
}
