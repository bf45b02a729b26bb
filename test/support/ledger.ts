import { CONSUMER_GROUP, partitionKeys } from '@weir/common/keys';
import type { Redis } from 'ioredis';

/**
 * The books of one partition as Redis holds them, and beside them what is not folded yet, measured from the stream
 * itself and not from the books. All in lines, read in one transaction: they must balance whenever they are looked at.
 */
export interface Books {
  received: number;
  counted: number;
  duplicate: number;
  /** By reason; reasons that never came are absent. */
  dead: Readonly<Record<string, number>>;
  unfolded: number;
}

type RawEntry = [id: string, fields: string[]];

/** One moment's look. No transaction: those are refused when memory is short. Without a stream, or a group: no groups. */
const READ = `#!lua flags=no-writes
local groups = redis.pcall('XINFO', 'GROUPS', KEYS[2])
local pending = redis.pcall('XPENDING', KEYS[2], ARGV[1], '-', '+', 1000000)
return {
  redis.call('HGETALL', KEYS[1]),
  redis.call('XRANGE', KEYS[2], '-', '+'),
  not groups.err and groups,
  not pending.err and pending,
}`;

export async function readBooks(client: Redis, prefix: string, partitions: number): Promise<Books[]> {
  return Promise.all(Array.from({ length: partitions }, (_, partition) => readPartition(client, prefix, partition)));
}

/** What came in is what went somewhere. */
export function expectBalanced(books: readonly Books[]): void {
  for (const partition of books) expect(accountedFor(partition)).toBe(partition.received);
}

/** What the books say became of the lines; it balances when that is what was received. */
export function accountedFor({ counted, duplicate, dead, unfolded }: Books): number {
  return counted + duplicate + sum(Object.values(dead)) + unfolded;
}

/** The sums over all partitions; each of them must balance. */
export function totalBooks(books: readonly Books[]): Books {
  expectBalanced(books);
  const dead = new Map<string, number>();
  for (const partition of books) {
    for (const [reason, lines] of Object.entries(partition.dead)) dead.set(reason, (dead.get(reason) ?? 0) + lines);
  }
  return {
    received: sum(books.map(({ received }) => received)),
    counted: sum(books.map(({ counted }) => counted)),
    duplicate: sum(books.map(({ duplicate }) => duplicate)),
    dead: Object.fromEntries(dead),
    unfolded: sum(books.map(({ unfolded }) => unfolded)),
  };
}

async function readPartition(client: Redis, prefix: string, partition: number): Promise<Books> {
  const { counters, stream } = partitionKeys(prefix, partition);
  const reply = await client.eval(READ, 2, counters, stream, CONSUMER_GROUP);
  const [flat, entries, groups, pending] = reply as [string[], RawEntry[], unknown[][] | null, [string][] | null];
  const held: Record<string, string> = {};
  for (let i = 0; i < flat.length; i += 2) held[flat[i]!] = flat[i + 1]!;
  const count = (field: string) => Number(held[field] ?? 0);
  const dead = Object.keys(held).filter((field) => field.startsWith('dead:'));
  return {
    received: count('received'),
    counted: count('counted'),
    duplicate: count('duplicate'),
    dead: Object.fromEntries(dead.map((field) => [field.slice('dead:'.length), count(field)])),
    unfolded: unfoldedLines(
      entries,
      groups ? lastDelivered(groups) : undefined,
      (pending ?? []).map(([id]) => id),
    ),
  };
}

function unfoldedLines(entries: readonly RawEntry[], delivered: string | undefined, pending: readonly string[]) {
  const held = new Set(pending);
  const unfolded = entries.filter(([id]) => held.has(id) || delivered === undefined || isAfter(id, delivered));
  return sum(unfolded.map(([, fields]) => Number(fields[fields.indexOf('n') + 1])));
}

function lastDelivered(groups: readonly unknown[][]): string | undefined {
  const group = groups.find((info) => info[info.indexOf('name') + 1] === CONSUMER_GROUP);
  return group && String(group[group.indexOf('last-delivered-id') + 1]);
}

function isAfter(id: string, other: string): boolean {
  const [ms, sequence] = id.split('-').map(Number) as [number, number];
  const [otherMs, otherSequence] = other.split('-').map(Number) as [number, number];
  return ms > otherMs || (ms === otherMs && sequence > otherSequence);
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}
