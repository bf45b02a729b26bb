import { CONSUMER_GROUP, type PartitionKeys } from '@weir/common/keys';
import { redisFault, Script } from '@weir/common/redis';
import type { Redis } from 'ioredis';
import { type Budget, PageSize, STEP_BYTES } from './page-size.ts';

/**
 * What the commands ask of one partition. All of it only reads, and no single step keeps Redis busy for long: looks are
 * scripts that ship no payload, counts go in pages whose size follows the time the last one took.
 */
export interface PartitionState {
  partition: number;
  /** Redis's clock at the look, Unix milliseconds; all ages are relative to it. */
  redisMs: number;
  /** Entries in the stream, folded ones that are not trimmed yet included. */
  length: number;
  firstId: string | undefined;
  /** The greatest id there ever was. */
  lastId: string | undefined;
  /** The oldest entry no consumer was handed yet; without a group that is the first. */
  firstUndeliveredId: string | undefined;
  groupKnown: boolean;
  /** XINFO GROUPS' own figure; undefined where Redis does not know (after XDEL, XGROUP SETID). */
  xinfoLag: number | undefined;
  pendingEntries: number;
  oldestPending: PendingEntry | undefined;
  consumers: readonly { name: string; pendingEntries: number }[];
  /** The ledger, in lines. */
  counters: ReadonlyMap<string, number>;
  /** Letters in the dead-letter stream, and the id of the newest. */
  deadLetters: number;
  newestDeadId: string | undefined;
}

const lookScript = Script.beside(import.meta.url, 'partition-state');
const countPageScript = Script.beside(import.meta.url, 'count-page');
const countLinesScript = Script.beside(import.meta.url, 'count-lines');

export async function lookAtPartition(redis: Redis, partition: number, keys: PartitionKeys): Promise<PartitionState> {
  const reply = await lookScript.run(redis, [keys.stream, keys.counters, keys.dead], [CONSUMER_GROUP]);
  const [redisMs, length, firstId, lastId, undeliveredId, groupKnown, lag, pendingEntries, ...rest] =
    reply as LookReply;
  const [id, consumer, idleMs, deliveries, consumers, counters, deadLetters, newestDeadId] = rest;
  return {
    partition,
    redisMs,
    length,
    firstId: orUndefined(firstId),
    lastId: orUndefined(lastId),
    firstUndeliveredId: orUndefined(undeliveredId),
    groupKnown: groupKnown === 1,
    xinfoLag: lag < 0 ? undefined : lag,
    pendingEntries,
    oldestPending: pendingEntries > 0 ? { id: String(id), consumer: String(consumer), idleMs, deliveries } : undefined,
    consumers: pairs(consumers).map(([name, entries]) => ({ name: String(name), pendingEntries: Number(entries) })),
    counters: new Map(pairs(counters).map(([name, lines]) => [String(name), Number(lines)])),
    deadLetters,
    newestDeadId: orUndefined(newestDeadId),
  };
}

/** As partition-state.lua says. */
type LookReply = [
  redisMs: number,
  length: number,
  firstId: Buffer,
  lastId: Buffer,
  undeliveredId: Buffer,
  groupKnown: number,
  lag: number,
  pendingEntries: number,
  oldestId: Buffer,
  oldestConsumer: Buffer,
  oldestIdleMs: number,
  oldestDeliveries: number,
  consumers: readonly (Buffer | number)[],
  counters: readonly (Buffer | number)[],
  deadLetters: number,
  newestDeadId: Buffer,
];

function orUndefined(id: Buffer): string | undefined {
  return id.length === 0 ? undefined : id.toString('latin1');
}

function pairs<T>(flat: readonly T[]): [T, T][] {
  const found: [T, T][] = [];
  for (let i = 0; i + 1 < flat.length; i += 2) found.push([flat[i]!, flat[i + 1]!]);
  return found;
}

/**
 * Entries from the first undelivered one to the last there was at the look; 'moved' when they were delivered, folded and
 * trimmed meanwhile, undefined when the budget ran out.
 */
export async function countUndelivered(
  redis: Redis,
  stream: string,
  { firstUndeliveredId, lastId }: PartitionState,
  budget: Budget,
): Promise<number | 'moved' | undefined> {
  const page = new PageSize();
  let entries = 0;
  // Streams are trimmed from their beginning, so as long as the entry that a page begins with is there all after it are.
  for (let due = firstUndeliveredId, more = due !== undefined; more; ) {
    if (budget.spent()) return undefined;
    const args = [due!, lastId!, entries === 0 ? 0 : 1, page.size, STEP_BYTES];
    const reply = await page.timed(budget, () => countPageScript.run(redis, [stream], args));
    const [counted, firstId, last, end] = reply as [number, Buffer, Buffer, number];
    if (firstId.toString('latin1') !== due) return 'moved';
    entries += counted;
    due = last.toString('latin1');
    more = end === 0;
  }
  return entries;
}

export interface PendingEntry {
  id: string;
  consumer: string;
  idleMs: number;
  deliveries: number;
}

const PENDING_PAGE = 500;

export interface PendingList {
  /** Oldest first. */
  entries: PendingEntry[];
  /** False when the budget ran out before the end. */
  complete: boolean;
}

/**
 * The pending entries of the partition, or of one consumer there. In pages without a filter on idle time: with one, Redis
 * would look through all entries in one go to fill a page.
 */
export async function listPending(
  redis: Redis,
  stream: string,
  budget: Budget,
  consumer?: string,
): Promise<PendingList> {
  const entries: PendingEntry[] = [];
  let start = '-';
  const of = consumer === undefined ? [] : [consumer];
  try {
    for (;;) {
      if (budget.spent()) return { entries, complete: false };
      const page = await redis.call('XPENDING', stream, CONSUMER_GROUP, start, '+', PENDING_PAGE, ...of);
      const rows = page as [string, string, number, number][];
      for (const [id, name, idleMs, deliveries] of rows) entries.push({ id, consumer: name, idleMs, deliveries });
      if (rows.length < PENDING_PAGE) return { entries, complete: true };
      start = `(${entries.at(-1)!.id}`;
    }
  } catch (error) {
    const fault = redisFault(error);
    // No stream or no group: nothing was ever delivered.
    if (fault.code === 'redis-nogroup') return { entries: [], complete: true };
    throw fault;
  }
}

export interface LineCount {
  /** Undefined when one of the entries does not say how many lines it has. */
  lines: number | undefined;
  /** Entries that are pending but gone from the stream: nobody can fold them any more. */
  missing: number;
}

/** Lines in the entries named; undefined when the budget ran out before. */
export async function countLines(
  redis: Redis,
  stream: string,
  ids: readonly string[],
  budget: Budget,
): Promise<LineCount | undefined> {
  const page = new PageSize();
  let [lines, missing, unreadable] = [0, 0, 0];
  for (let at = 0; at < ids.length; ) {
    if (budget.spent()) return undefined;
    const some = ids.slice(at, at + page.size);
    const reply = await page.timed(budget, () => countLinesScript.run(redis, [stream], [STEP_BYTES, ...some]));
    const [l, m, u, dealtWith] = reply as [number, number, number, number];
    at += dealtWith;
    lines += l;
    missing += m;
    unreadable += u;
  }
  return { lines: unreadable > 0 ? undefined : lines, missing };
}
