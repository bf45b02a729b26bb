import { type PartitionKeys, partitionKeys, refusedKeys } from '@weir/common/keys';
import { redisFault, redisTimeMs, Script } from '@weir/common/redis';
import type { Redis } from 'ioredis';
import { Budget, PageSize, STEP_BYTES } from '../page-size.ts';
import { type Letter, parseLetter, parseRefused } from './letter.ts';
import { type LetterFilter, type Match, matchLetter, meansPartition, meansRefused } from './letter-filter.ts';
import type { LineReading } from './letter-lines.ts';

/**
 * The letters of a deployment: read page by page, and taken away with the counters that know of them. All calls reject with
 * a RedisFault.
 */
export interface LetterPlace {
  redis: Redis;
  prefix: string;
  partitions: number;
  reading: LineReading;
}

const PAGE = Script.beside(import.meta.url, 'letter-page');
const TAKE = Script.beside(import.meta.url, 'take-letters');
const TAKE_REFUSED = Script.beside(import.meta.url, 'take-refused');

export type Order = 'oldest-first' | 'newest-first';

/** The letters meant, stream by stream; those that come meanwhile are not among them. */
export async function* findLetters(place: LetterPlace, filter: LetterFilter, order: Order): AsyncGenerator<Match> {
  const { redis, prefix, partitions, reading } = place;
  const lastMs = Math.floor(await redisTimeMs(redis));
  for (let partition = 0; partition < partitions; partition++) {
    if (!meansPartition(filter, partition)) continue;
    const { dead } = partitionKeys(prefix, partition);
    const parse = (id: string, fields: Buffer[]) => parseLetter(partition, id, fields);
    for await (const letter of readStream(redis, dead, lastMs, order, parse)) {
      const match = matchLetter(letter, filter, reading);
      if (match) yield match;
    }
  }
  if (!meansRefused(filter)) return;
  for await (const letter of readStream(redis, refusedKeys(prefix).letters, lastMs, order, parseRefused)) {
    const match = matchLetter(letter, filter, reading);
    if (match) yield match;
  }
}

async function* readStream(
  redis: Redis,
  key: string,
  lastMs: number,
  order: Order,
  parse: (id: string, fields: Buffer[]) => Letter,
): AsyncGenerator<Letter> {
  const [command, first, to] =
    order === 'oldest-first' ? ['XRANGE', '-', String(lastMs)] : ['XREVRANGE', String(lastMs), '-'];
  const page = new PageSize();
  const budget = new Budget(Number.POSITIVE_INFINITY, () => performance.now());
  for (let from = first!; ; ) {
    const args = [command!, from, to!, page.size, STEP_BYTES];
    const reply = (await page.timed(budget, () => PAGE.run(redis, [key], args))) as [number, ...[Buffer, Buffer[]][]];
    const [end, ...letters] = reply;
    for (const [id, fields] of letters) yield parse(id.toString('latin1'), fields);
    if (end === 1) return;
    from = `(${letters.at(-1)![0].toString('latin1')}`;
  }
}

/** One letter; undefined when it is gone. `partition` null: of what sinks refuse. */
export async function readLetter(
  { redis, prefix }: LetterPlace,
  partition: number | null,
  id: string,
): Promise<Letter | undefined> {
  const key = partition === null ? refusedKeys(prefix).letters : partitionKeys(prefix, partition).dead;
  try {
    const [raw] = (await redis.callBuffer('XRANGE', key, id, id)) as [Buffer, Buffer[]][];
    if (!raw) return undefined;
    return partition === null ? parseRefused(id, raw[1]) : parseLetter(partition, id, raw[1]);
  } catch (error) {
    throw redisFault(error);
  }
}

/** How many letters there are, of partitions and refused by sinks. */
export async function countLetters({
  redis,
  prefix,
  partitions,
}: LetterPlace): Promise<{ dead: number; refused: number }> {
  try {
    let dead = 0;
    for (let partition = 0; partition < partitions; partition++)
      dead += await redis.xlen(partitionKeys(prefix, partition).dead);
    return { dead, refused: await redis.xlen(refusedKeys(prefix).letters) };
  } catch (error) {
    throw redisFault(error);
  }
}

export interface Taking {
  id: string;
  /** Lines that go, as the ledger counts them. */
  lines: number;
  /** What stays, in a letter of its own; undefined: nothing. */
  rest?: { lineCount: number; lines: Buffer } | undefined;
}

/** What became of lines that are taken away: a counter of the ledger. */
export type TakenAs = 'dead-purged' | 'dead-replayed';

export interface Taken {
  letters: number;
  lines: number;
}

/**
 * Takes letters of a partition away, or some lines of them; answers what was still there, added to
 * `taken`, which is right at each step.
 */
export async function takeLetters(
  redis: Redis,
  { dead, counters }: PartitionKeys,
  as: TakenAs,
  takings: readonly Taking[],
  taken: Taken = { letters: 0, lines: 0 },
): Promise<Taken> {
  const page = new PageSize();
  const budget = new Budget(Number.POSITIVE_INFINITY, () => performance.now());
  for (let at = 0; at < takings.length; ) {
    const some = takings.slice(at, at + page.size).flatMap(({ id, lines, rest }) => {
      return [id, lines, rest?.lineCount ?? 0, rest?.lines ?? ''];
    });
    const reply = await page.timed(budget, () => TAKE.run(redis, [dead, counters], [as, STEP_BYTES, ...some]));
    const [letters, lines, dealtWith] = reply as [number, number, number];
    taken.letters += letters;
    taken.lines += lines;
    at += dealtWith;
  }
  return taken;
}

const REFUSED_AT_ONCE = 200;

/** The same of what sinks refuse. */
export async function takeRefused(
  redis: Redis,
  prefix: string,
  ids: readonly string[],
  taken: Taken = { letters: 0, lines: 0 },
): Promise<Taken> {
  const { letters, known } = refusedKeys(prefix);
  for (let at = 0; at < ids.length; at += REFUSED_AT_ONCE) {
    const gone = (await TAKE_REFUSED.run(redis, [letters, known], ids.slice(at, at + REFUSED_AT_ONCE))) as number;
    taken.letters += gone;
    taken.lines += gone;
  }
  return taken;
}
