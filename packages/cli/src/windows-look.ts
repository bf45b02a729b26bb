import { finalsKey, partitionKeys, sinkWindowKey } from '@weir/common/keys';
import { redisFault, Script } from '@weir/common/redis';
import type { ChainableCommander, Redis } from 'ioredis';
import { inBatches, partitionNumbers } from './in-batches.ts';

/**
 * Which windows there are, open ones and those with a final record, and what every sink's books say of them. Totals are
 * not read. In steps that Redis does not feel: partition by partition, records by the thousand, books two hundred at a time.
 */
export interface WindowsLook {
  open: OpenWindowLook[];
  /** Final records, the newest first: when they were stored, Unix milliseconds of Redis's clock. */
  finals: { startSec: number; storedMs: number }[];
  /** How many there are in all; more than `finals` where there are very many. */
  finalRecords: number;
  /** By sink, by window. */
  books: Map<string, Map<number, BooksLook>>;
}

export interface OpenWindowLook {
  startSec: number;
  /** The earliest of the partitions. */
  openedMs: number;
  /** By partition that holds a log of it: "length nonce" of the log and of the published totals. */
  parts: Map<number, { version: string; published: string | undefined }>;
}

export interface BooksLook {
  /** By partition: "length nonce" that the sink has confirmed. Only of open windows. */
  confirmed: Map<number, string>;
  /** Somebody wrote it there, whether that counted or not. */
  written: boolean;
  settled: boolean;
  /** `settled` or `given-up`, once nothing is to be done there any more. */
  done: string | undefined;
}

const LOOK = Script.beside(import.meta.url, 'windows-look');
const FINALS_PAGE = 1_000;
/** Three times what a week of minutes makes. */
const MAX_FINALS = 30_000;
const BOOKS_PAGE = 200;
const CONFIRMED = 'confirmed:';

export async function lookAtWindows(
  redis: Redis,
  prefix: string,
  partitions: number,
  sinks: readonly string[],
): Promise<WindowsLook> {
  try {
    const open = await readOpen(redis, prefix, partitions);
    const { finals, finalRecords } = await readFinals(redis, prefix);
    const books = new Map<string, Map<number, BooksLook>>();
    const sealed = new Set(finals.map(({ startSec }) => startSec));
    const openSecs = open.map(({ startSec }) => startSec).filter((startSec) => !sealed.has(startSec));
    for (const sink of sinks) {
      const ofOpen = await readBooks(
        redis,
        prefix,
        sink,
        openSecs,
        (pipeline, key) => pipeline.hgetall(key),
        allFields,
      );
      const ofFinal = await readBooks(
        redis,
        prefix,
        sink,
        [...sealed],
        (pipeline, key) => pipeline.hmget(key, 'writer', 'settled', 'done'),
        settleFields,
      );
      books.set(sink, new Map([...ofOpen, ...ofFinal]));
    }
    return { open, finals, finalRecords, books };
  } catch (error) {
    throw redisFault(error);
  }
}

async function readOpen(redis: Redis, prefix: string, partitions: number): Promise<OpenWindowLook[]> {
  const open = new Map<number, OpenWindowLook>();
  const looks = await inBatches(partitionNumbers(partitions), (partition) => {
    const { windows, published } = partitionKeys(prefix, partition);
    return LOOK.run(redis, [windows, published], []) as Promise<[Buffer[], Buffer[]]>;
  });
  for (const [partition, [metas, versions]] of looks.entries()) {
    const published = new Map(pairs(versions));
    for (const [start, meta] of pairs(metas)) {
      const [length, nonce, openedMs] = meta.split(' ');
      const startSec = Number(start);
      const window = open.get(startSec) ?? { startSec, openedMs: Number.POSITIVE_INFINITY, parts: new Map() };
      window.openedMs = Math.min(window.openedMs, Number(openedMs));
      window.parts.set(partition, { version: `${length} ${nonce}`, published: published.get(start) });
      open.set(startSec, window);
    }
  }
  return [...open.values()].sort((a, b) => b.startSec - a.startSec);
}

function pairs(flat: readonly Buffer[]): [string, string][] {
  const found: [string, string][] = [];
  for (let i = 0; i + 1 < flat.length; i += 2) found.push([String(flat[i]), String(flat[i + 1])]);
  return found;
}

async function readFinals(redis: Redis, prefix: string) {
  const key = finalsKey(prefix);
  const finals: { startSec: number; storedMs: number }[] = [];
  while (finals.length < MAX_FINALS) {
    const page = await redis.zrevrange(key, finals.length, finals.length + FINALS_PAGE - 1, 'WITHSCORES');
    for (let i = 0; i < page.length; i += 2) finals.push({ startSec: Number(page[i]), storedMs: Number(page[i + 1]) });
    if (page.length < FINALS_PAGE * 2) break;
  }
  finals.sort((a, b) => b.startSec - a.startSec);
  return { finals, finalRecords: finals.length < MAX_FINALS ? finals.length : await redis.zcard(key) };
}

async function readBooks<T>(
  redis: Redis,
  prefix: string,
  sink: string,
  startSecs: readonly number[],
  ask: (pipeline: ChainableCommander, key: string) => unknown,
  parse: (reply: T) => BooksLook,
): Promise<[number, BooksLook][]> {
  const books: [number, BooksLook][] = [];
  for (let at = 0; at < startSecs.length; at += BOOKS_PAGE) {
    const page = startSecs.slice(at, at + BOOKS_PAGE);
    const pipeline = redis.pipeline();
    for (const startSec of page) ask(pipeline, sinkWindowKey(prefix, sink, startSec));
    for (const [i, [error, reply]] of ((await pipeline.exec()) ?? []).entries()) {
      if (error) throw error;
      books.push([page[i]!, parse(reply as T)]);
    }
  }
  return books;
}

function allFields(fields: Record<string, string>): BooksLook {
  const confirmed = new Map<number, string>();
  for (const [field, version] of Object.entries(fields)) {
    if (field.startsWith(CONFIRMED)) confirmed.set(Number(field.slice(CONFIRMED.length)), version);
  }
  const { writer, settled, done } = fields;
  return { confirmed, written: writer !== undefined, settled: settled !== undefined, done };
}

function settleFields([writer, settled, done]: (string | null)[]): BooksLook {
  return { confirmed: new Map(), written: writer != null, settled: settled != null, done: done ?? undefined };
}
