import { type PartitionKeys, partitionKeys } from '@weir/common/keys';
import { Script } from '@weir/common/redis';
import type { Redis } from 'ioredis';

/**
 * What a partition holds of the things that have a bound, and the care for one of them: dead letters are bounded by a
 * counter of their bytes, which the fold moves as it adds and drops letters. A letter deleted by hand moves no counter, so
 * the bound would bite too early for ever. The fold also counts the letters; where that count differs from the
 * stream's length, somebody deleted some, and the counters are put right from what the stream really holds.
 */
export interface PartitionBounds {
  streamEntries: number;
  streamBytes: number;
  deadLetters: number;
  newestDeadId: string;
  /** As the counters know them. */
  countedDeadLetters: number;
  countedDeadBytes: number;
  /** Lines of letters that the bound has dropped. */
  deadDropped: number;
}

const BOUNDS = Script.beside(import.meta.url, 'bounds');
const PAGE = Script.beside(import.meta.url, 'dead-page');
const SETTLE = Script.beside(import.meta.url, 'dead-settle');
/** One page is to keep Redis busy for about as long as it takes to copy this much. */
const PAGE_BYTES = 1024 * 1024;
const FIRST_PAGE = 16;
const MAX_PAGE = 4_096;

export async function readBounds(redis: Redis, prefix: string, partition: number): Promise<PartitionBounds> {
  const { stream, dead, counters } = partitionKeys(prefix, partition);
  const reply = await BOUNDS.run(redis, [stream, dead, counters], []);
  const [streamEntries, streamBytes, deadLetters, newest, countedDeadLetters, countedDeadBytes, deadDropped] =
    reply as [number, number, number, Buffer, number, number, number];
  const newestDeadId = newest.toString();
  return { streamEntries, streamBytes, deadLetters, newestDeadId, countedDeadLetters, countedDeadBytes, deadDropped };
}

/**
 * Puts the counters of dead letters right where they differ from the stream. Page by page, because there may be very many;
 * 'changed' when letters were dropped or deleted meanwhile: then it is to be tried again with a new look.
 */
export async function settleDeadLetters(
  redis: Redis,
  prefix: string,
  partition: number,
  bounds: PartitionBounds,
): Promise<'right' | 'settled' | 'changed'> {
  const { deadLetters, newestDeadId, countedDeadLetters, countedDeadBytes } = bounds;
  if (deadLetters === countedDeadLetters) return 'right';
  const keys = partitionKeys(prefix, partition);
  const measured = deadLetters === 0 ? { letters: 0, bytes: 0 } : await measure(redis, keys, newestDeadId);
  if (measured.letters !== deadLetters) return 'changed';
  const drift = [countedDeadLetters - deadLetters, countedDeadBytes - measured.bytes];
  return (await SETTLE.run(redis, [keys.dead, keys.counters], drift)) === 1 ? 'settled' : 'changed';
}

async function measure(redis: Redis, { dead }: PartitionKeys, newestId: string) {
  let [letters, bytes, size, start] = [0, 0, FIRST_PAGE, '-'];
  for (;;) {
    const reply = await PAGE.run(redis, [dead], [start, newestId, size]);
    const [pageLetters, pageBytes, last] = reply as [number, number, Buffer];
    letters += pageLetters;
    bytes += pageBytes;
    if (pageLetters < size) return { letters, bytes };
    start = `(${last.toString()}`;
    size = Math.max(1, Math.min(MAX_PAGE, size * 2, Math.floor((PAGE_BYTES * letters) / Math.max(1, bytes))));
  }
}
