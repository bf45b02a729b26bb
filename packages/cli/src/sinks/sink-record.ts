import { deploymentKey, finalsKey, partitionKeys, sinkWindowKey } from '@weir/common/keys';
import { redisFault, Script } from '@weir/common/redis';
import type { Redis } from 'ioredis';

/**
 * What a deployment keeps of its sinks: their names, their books, their groups of other lines. All calls reject with a
 * RedisFault.
 */
export interface SinkPlace {
  redis: Redis;
  prefix: string;
  partitions: number;
}

const RECORD = Script.beside(import.meta.url, 'record-sinks');
const SCAN_PAGE = 500;

/** False when others were recorded meanwhile. */
export async function recordSinks(
  { redis, prefix }: SinkPlace,
  from: readonly string[],
  to: readonly string[],
): Promise<boolean> {
  const args = [[...from].sort().join(), [...to].sort().join()];
  return (await RECORD.run(redis, [deploymentKey(prefix)], args)) === 1;
}

/** At the beginning of each stream of other lines, so that the sink gets all that are still there. `made` after each. */
export async function createGroups(
  { redis, prefix, partitions }: SinkPlace,
  sink: string,
  made: () => void,
): Promise<void> {
  for (let partition = 0; partition < partitions; partition++) {
    try {
      await redis.xgroup('CREATE', partitionKeys(prefix, partition).others, sink, '0', 'MKSTREAM');
    } catch (error) {
      const fault = redisFault(error);
      if (fault.code !== 'redis-busygroup') throw fault;
    }
    made();
  }
}

/** `destroyed` after each that there was. */
export async function destroyGroups(
  { redis, prefix, partitions }: SinkPlace,
  sink: string,
  destroyed: () => void,
): Promise<void> {
  try {
    for (let partition = 0; partition < partitions; partition++) {
      const { others, otherCounters } = partitionKeys(prefix, partition);
      if ((await redis.exists(others)) === 0) continue;
      if (Number(await redis.xgroup('DESTROY', others, sink)) === 1) destroyed();
      await redis.hdel(otherCounters, `dropped:${sink}`);
    }
  } catch (error) {
    throw redisFault(error);
  }
}

/** Partitions in whose stream of other lines the sink has a group. */
export async function countGroups({ redis, prefix, partitions }: SinkPlace, sink: string): Promise<number> {
  let found = 0;
  try {
    for (let partition = 0; partition < partitions; partition++) {
      const { others } = partitionKeys(prefix, partition);
      if ((await redis.exists(others)) === 0) continue;
      const groups = (await redis.xinfo('GROUPS', others)) as unknown[][];
      found += groups.filter((group) => group[group.indexOf('name') + 1] === sink).length;
    }
    return found;
  } catch (error) {
    throw redisFault(error);
  }
}

/** Keys of the sink's books: of windows, and what was asked for. Looked for in small steps. */
export async function* bookKeys({ redis, prefix }: SinkPlace, sink: string): AsyncGenerator<string[]> {
  const match = `${escapeGlob(`${prefix}:{sink:${sink}}:`)}*`;
  let cursor = '0';
  try {
    do {
      const [next, keys] = await redis.scan(cursor, 'MATCH', match, 'COUNT', SCAN_PAGE);
      cursor = next;
      if (keys.length > 0) yield keys;
    } while (cursor !== '0');
  } catch (error) {
    throw redisFault(error);
  }
}

/** `dropped` after each step, with how many keys. */
export async function dropBooks(place: SinkPlace, sink: string, dropped: (keys: number) => void): Promise<void> {
  for await (const keys of bookKeys(place, sink)) {
    try {
      dropped(await place.redis.unlink(...keys));
    } catch (error) {
      throw redisFault(error);
    }
  }
}

export async function hasBooks(place: SinkPlace, sink: string): Promise<boolean> {
  for await (const keys of bookKeys(place, sink)) if (keys.length > 0) return true;
  return false;
}

export interface FinalsOfSink {
  /** Final records in all. */
  records: number;
  /** That the sink is not done with. */
  waiting: number;
  /** Of these, those that every other sink is done with. */
  onlyForIt: number;
}

export async function countFinals(
  { redis, prefix }: SinkPlace,
  sink: string,
  others: readonly string[],
): Promise<FinalsOfSink> {
  try {
    const starts = (await redis.zrange(finalsKey(prefix), 0, -1)).map(Number);
    const counts: FinalsOfSink = { records: starts.length, waiting: 0, onlyForIt: 0 };
    const isDone = async (name: string, startSec: number) =>
      (await redis.hexists(sinkWindowKey(prefix, name, startSec), 'done')) === 1;
    for (const startSec of starts) {
      if (await isDone(sink, startSec)) continue;
      counts.waiting++;
      const done = await Promise.all(others.map((other) => isDone(other, startSec)));
      if (done.every(Boolean)) counts.onlyForIt++;
    }
    return counts;
  } catch (error) {
    throw redisFault(error);
  }
}

function escapeGlob(text: string): string {
  return text.replace(/[\\*?[\]^]/g, '\\$&');
}
