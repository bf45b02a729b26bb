import { CONSUMER_GROUP, type PartitionKeys, partitionKeys } from '@weir/common/keys';
import { Script } from '@weir/common/redis';
import type { Redis } from 'ioredis';
import { isAfter } from './entry-id.ts';
import { inBatches, partitionNumbers } from './in-batches.ts';
import { type Budget, PageSize, STEP_BYTES } from './page-size.ts';

/**
 * The books of one partition beside what waits in its stream, both as of the same moment, exact also while relays append
 * and aggregators fold. One look takes the counters and the ids of all that waits; entries never change, so their lines
 * are read afterwards, page by page. What is gone from the stream by then was folded and trimmed meanwhile, or somebody
 * deleted it: a new look tells which, for a deleted entry is pending still.
 */
export interface PartitionBooks {
  /** Redis's clock at the look, Unix milliseconds. */
  redisMs: number;
  /** As the scripts keep them, in lines. */
  counters: ReadonlyMap<string, number>;
  /** Undefined: it changed faster than it could be read, or the budget ran out. */
  waiting: Waiting | undefined;
}

export interface Waiting {
  entries: number;
  lines: number;
  /** Pending entries that are gone from the stream: nobody can fold them any more, and nobody knows their lines. */
  missingEntries: number;
}

interface Look {
  redisMs: number;
  counters: ReadonlyMap<string, number>;
  firstUndelivered: string;
  last: string;
  pending: readonly string[];
}

const lookScript = Script.beside(import.meta.url, 'books-look');
const waitingScript = Script.beside(import.meta.url, 'waiting-lines');

const TRIES = 5;
export const PENDING_PAGE = 1_000;

/** Of every partition, two at a time: while one reads, the other's answer is dealt with. */
export async function readAllBooks(
  redis: Redis,
  prefix: string,
  partitions: number,
  budget: Budget,
): Promise<PartitionBooks[]> {
  const read = (partition: number) => readBooks(redis, partitionKeys(prefix, partition), budget);
  return inBatches(partitionNumbers(partitions), read, 2);
}

export async function readBooks(redis: Redis, keys: PartitionKeys, budget: Budget): Promise<PartitionBooks> {
  let gone: ReadonlySet<string> = new Set();
  for (let tries = 1; ; tries++) {
    const look = await lookAtBooks(redis, keys, budget);
    const read = look && (await readWaiting(redis, keys.stream, look, gone, budget));
    if (look && read?.waiting) return { redisMs: look.redisMs, counters: look.counters, waiting: read.waiting };
    if (tries < TRIES && !budget.spent()) {
      gone = read?.gone ?? gone;
      continue;
    }
    const { redisMs, counters } = look ?? (await lookPage(redis, keys, '-'));
    return { redisMs, counters, waiting: undefined };
  }
}

/** Undefined when pending entries were folded while they were listed. */
async function lookAtBooks(redis: Redis, keys: PartitionKeys, budget: Budget): Promise<Look | undefined> {
  const look = await lookPage(redis, keys, '-');
  const pending = [...look.pending];
  let page = look;
  while (page.pending.length === PENDING_PAGE) {
    if (budget.spent()) return undefined;
    page = await lookPage(redis, keys, `(${page.pending.at(-1)}`);
    if (foldedEntries(page) !== foldedEntries(look)) return undefined;
    // Delivered since the first page, they are among the undelivered ones of the look already.
    pending.push(...page.pending.filter((id) => look.firstUndelivered === '' || isAfter(look.firstUndelivered, id)));
  }
  // The same where nothing was undelivered: what came since is none of this look's.
  return { ...look, pending: pending.filter((id) => !isAfter(id, look.last)) };
}

async function lookPage(redis: Redis, { stream, counters }: PartitionKeys, after: string): Promise<Look> {
  const reply = await lookScript.run(redis, [stream, counters], [CONSUMER_GROUP, after, PENDING_PAGE]);
  const [redisMs, flat, firstUndelivered, last, ...pending] = reply as [number, Buffer[], Buffer, Buffer, ...Buffer[]];
  const byName = new Map<string, number>();
  for (let i = 0; i + 1 < flat.length; i += 2) byName.set(String(flat[i]), Number(flat[i + 1]));
  return {
    redisMs,
    counters: byName,
    firstUndelivered: String(firstUndelivered),
    last: String(last),
    pending: pending.map(String),
  };
}

const foldedEntries = ({ counters }: Look): number => counters.get('folded-entries') ?? 0;

interface WaitingRead {
  /** Undefined: something that waited at the look is gone, and it is not known why. */
  waiting: Waiting | undefined;
  /** Entries that were pending at the look and are no longer in the stream. */
  gone: ReadonlySet<string>;
}

/** `known`: entries that were gone before the look was taken. Undefined when the budget ran out. */
async function readWaiting(
  redis: Redis,
  stream: string,
  look: Look,
  known: ReadonlySet<string>,
  budget: Budget,
): Promise<WaitingRead | undefined> {
  const page = new PageSize();
  const gone = new Set<string>();
  let [entries, lines] = [0, 0];
  const read = async (args: (string | number)[]) => {
    const reply = await page.timed(budget, () => waitingScript.run(redis, [stream], [STEP_BYTES, ...args]));
    const [found, foundLines, first, last, end, ...missing] = reply as [
      number,
      number,
      Buffer,
      Buffer,
      number,
      ...Buffer[],
    ];
    entries += found;
    lines += foundLines;
    for (const id of missing) gone.add(String(id));
    return { dealtWith: found + missing.length, first: String(first), last: String(last), end: end === 1 };
  };
  for (let at = 0; at < look.pending.length; ) {
    if (budget.spent()) return undefined;
    at += (await read(['ids', ...look.pending.slice(at, at + page.size)])).dealtWith;
  }
  // Streams are trimmed from their beginning, so as long as the entry that a page begins with is there all after it are.
  let due = look.firstUndelivered;
  for (let counted = 0, more = due !== ''; more; counted = 1) {
    if (budget.spent()) return undefined;
    const { first, last, end } = await read(['page', due, look.last, counted, page.size]);
    if (first !== due) return { waiting: undefined, gone };
    due = last;
    more = !end;
  }
  const explained = [...gone].every((id) => known.has(id));
  return { waiting: explained ? { entries, lines, missingEntries: gone.size } : undefined, gone };
}
