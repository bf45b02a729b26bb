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
  /** The oldest entry no consumer was handed yet; without a group that is the first. */
  firstUndeliveredId: string | undefined;
  groupKnown: boolean;
  /** XINFO GROUPS' own figure; undefined where Redis does not know (after XDEL, XGROUP SETID). */
  xinfoLag: number | undefined;
  pendingEntries: number;
  oldestPendingId: string | undefined;
  oldestPendingIdleMs: number | undefined;
  consumers: readonly { name: string; pendingEntries: number }[];
  /** The ledger, in lines. */
  counters: ReadonlyMap<string, number>;
}

const lookScript = Script.beside(import.meta.url, 'partition-state');
const countPageScript = Script.beside(import.meta.url, 'count-page');
const countLinesScript = Script.beside(import.meta.url, 'count-lines');

export async function lookAtPartition(redis: Redis, partition: number, keys: PartitionKeys): Promise<PartitionState> {
  const reply = (await lookScript.run(redis, [keys.stream, keys.counters], [CONSUMER_GROUP])) as LookReply;
  const [redisMs, length, firstId, undeliveredId, groupKnown, lag, pendingEntries, oldestId, oldestIdleMs] = reply;
  const consumers = pairs(reply[9]).map(([name, entries]) => ({ name: String(name), pendingEntries: Number(entries) }));
  return {
    partition,
    redisMs,
    length,
    firstId: orUndefined(firstId),
    firstUndeliveredId: orUndefined(undeliveredId),
    groupKnown: groupKnown === 1,
    xinfoLag: lag < 0 ? undefined : lag,
    pendingEntries,
    oldestPendingId: orUndefined(oldestId),
    oldestPendingIdleMs: pendingEntries > 0 ? oldestIdleMs : undefined,
    consumers,
    counters: new Map(pairs(reply[10]).map(([name, lines]) => [String(name), Number(lines)])),
  };
}

type LookReply = [
  number,
  number,
  Buffer,
  Buffer,
  number,
  number,
  number,
  Buffer,
  number,
  readonly (Buffer | number)[],
  readonly (Buffer | number)[],
];

function orUndefined(id: Buffer): string | undefined {
  return id.length === 0 ? undefined : id.toString('latin1');
}

function pairs<T>(flat: readonly T[]): [T, T][] {
  const found: [T, T][] = [];
  for (let i = 0; i + 1 < flat.length; i += 2) found.push([flat[i]!, flat[i + 1]!]);
  return found;
}

/** Entries from `firstId` to the end of the stream; undefined when the budget ran out before. */
export async function countEntriesFrom(
  redis: Redis,
  stream: string,
  firstId: string,
  budget: Budget,
): Promise<number | undefined> {
  const page = new PageSize();
  let entries = 0;
  let start = firstId;
  for (;;) {
    if (budget.spent()) return undefined;
    const size = page.size;
    const [found, nextId] = (await page.timed(budget, () =>
      countPageScript.run(redis, [stream], [start, '+', size, STEP_BYTES]),
    )) as [number, Buffer];
    entries += found;
    if (nextId.length === 0) return entries;
    start = nextId.toString('latin1');
  }
}

export interface PendingEntry {
  id: string;
  consumer: string;
  idleMs: number;
  deliveries: number;
}

const PENDING_PAGE = 500;

/** All pending entries of the partition, oldest first; undefined when the budget ran out before. */
export async function listPending(redis: Redis, stream: string, budget: Budget): Promise<PendingEntry[] | undefined> {
  const entries: PendingEntry[] = [];
  let start = '-';
  try {
    for (;;) {
      if (budget.spent()) return undefined;
      const page = await redis.xpending(stream, CONSUMER_GROUP, start, '+', PENDING_PAGE);
      for (const [id, consumer, idleMs, deliveries] of page as [string, string, number, number][]) {
        entries.push({ id, consumer, idleMs, deliveries });
      }
      if (page.length < PENDING_PAGE) return entries;
      start = `(${entries.at(-1)!.id}`;
    }
  } catch (error) {
    const fault = redisFault(error);
    // No stream or no group: nothing was ever delivered.
    if (fault.code === 'redis-nogroup') return [];
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
