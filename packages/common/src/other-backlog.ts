import type { Redis } from 'ioredis';
import { partitionKeys } from './keys.ts';
import { Script } from './redis.ts';

/** How much one partition holds of other lines, and how much of it each sink still has to get. */
export interface OtherBacklog {
  entries: number;
  bytes: number;
  /** In the order of the sinks that were asked for. */
  sinks: readonly SinkBacklog[];
}

export interface SinkBacklog {
  waitingLines: number;
  waitingBytes: number;
  /** Undefined: none waits. */
  oldestId: string | undefined;
  /** Dropped before the sink had them, ever. */
  droppedLines: number;
}

const LOOK = Script.beside(import.meta.url, 'other-backlog');
type Reply = [entries: number, bytes: number, groups: [number, number, Buffer, number][]];

/** Rejects with a RedisFault. */
export async function lookAtOtherBacklog(
  { redis, prefix }: { redis: Redis; prefix: string },
  partition: number,
  sinks: readonly string[],
): Promise<OtherBacklog> {
  const { others, otherCounters } = partitionKeys(prefix, partition);
  const [entries, bytes, groups] = (await LOOK.run(redis, [others, otherCounters], sinks)) as Reply;
  return {
    entries,
    bytes,
    sinks: groups.map(([waitingLines, waitingBytes, oldestId, droppedLines]) => ({
      waitingLines,
      waitingBytes,
      oldestId: oldestId.length === 0 ? undefined : oldestId.toString(),
      droppedLines,
    })),
  };
}
