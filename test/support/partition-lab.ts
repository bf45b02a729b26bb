import { randomBytes } from 'node:crypto';
import { type FoldItem, type FoldPlan, planFold, windowsTouched } from '@weir/aggregator/fold-plan';
import { Folder } from '@weir/aggregator/folder';
import type { IdentityMode } from '@weir/aggregator/identity';
import { PartitionMemory } from '@weir/aggregator/partition-memory';
import type { PartitionStore, PartitionStoreOptions, SealReply } from '@weir/aggregator/store/partition-store';
import { RedisPartitionStore } from '@weir/aggregator/store/redis-partition-store';
import { parseStreamEntry, type StreamEntry } from '@weir/common/batch';
import { systemClock } from '@weir/common/clock';
import { CONSUMER_GROUP, partitionKeys } from '@weir/common/keys';
import { silentLogger } from '@weir/common/logger';
import type { Redis } from 'ioredis';
import { lineOf, type TestEvent } from './event-lines.ts';
import { groupKey, type OracleTotals } from './totals-oracle.ts';

/**
 * One partition on a real Redis, and everything a test needs to play the processes around it step by step: entries as
 * relays append them, folders with memories of their own, plans that are made now and sent later, and the books.
 */
export interface PartitionLabOptions extends Partial<PartitionStoreOptions> {
  partition?: number;
  identity?: IdentityMode;
}

export class PartitionLab {
  readonly redis: Redis;
  readonly options: PartitionStoreOptions;
  readonly identity: IdentityMode;
  readonly store: RedisPartitionStore;
  readonly keys: ReturnType<typeof partitionKeys>;
  #batches = 0;

  constructor(redis: Redis, { partition = 0, identity = 'content', ...options }: PartitionLabOptions = {}) {
    this.redis = redis;
    this.identity = identity;
    this.options = {
      prefix: `lab-${randomBytes(4).toString('hex')}`,
      windowSec: 60,
      latenessMs: 900_000,
      maxOldWindows: 1_000,
      maxLogBytes: 2 ** 30,
      chunkBytes: 2 ** 20,
      maxDeadBytes: 2 ** 20,
      ...options,
    };
    this.store = new RedisPartitionStore(redis, partition, this.options);
    this.keys = partitionKeys(this.options.prefix, partition);
  }

  /** The same partition with other limits, as another process with other settings sees it. */
  with(options: Partial<PartitionStoreOptions>, redis = this.redis): PartitionLab {
    return new PartitionLab(redis, { ...this.options, ...options, partition: this.store.partition });
  }

  async createGroup(): Promise<void> {
    await this.redis.xgroup('CREATE', this.keys.stream, CONSUMER_GROUP, '0', 'MKSTREAM');
  }

  /** Appends an entry as relays do: the received counter moves with it. Answers its id. */
  async append(lines: readonly (TestEvent | string | Buffer)[], fields: Record<string, string> = {}): Promise<string> {
    const bytes = Buffer.concat(
      lines.flatMap((line) => [
        Buffer.isBuffer(line) ? line : Buffer.from(typeof line === 'string' ? line : lineOf(line)),
        Buffer.from('\n'),
      ]),
    );
    const entry = {
      b: `relay-1:0011223344556677:${++this.#batches}`,
      t: String(Date.now()),
      n: String(lines.length),
      d: bytes,
      ...fields,
    };
    const [added] = (await this.redis
      .multi()
      .xadd(this.keys.stream, '*', ...Object.entries(entry).flat())
      .hincrby(this.keys.counters, 'received', Number(entry.n))
      .exec())!;
    return String(added![1]);
  }

  /** Delivers new entries to a consumer, as XREADGROUP does. */
  async deliver(consumer = 'a', count = 1_000): Promise<StreamEntry[]> {
    const reply = (await this.redis.callBuffer(
      'XREADGROUP',
      'GROUP',
      CONSUMER_GROUP,
      consumer,
      'COUNT',
      count,
      'STREAMS',
      this.keys.stream,
      '>',
    )) as [Buffer, [Buffer, Buffer[]][]][] | null;
    return (reply?.[0]?.[1] ?? []).map(([id, fields]) => parseStreamEntry(id.toString(), fields)!);
  }

  /** Appends and delivers one entry. */
  async entry(lines: readonly (TestEvent | string | Buffer)[], consumer = 'a'): Promise<StreamEntry> {
    const id = await this.append(lines);
    const entry = (await this.deliver(consumer)).find((delivered) => delivered.id === id);
    if (!entry) throw new Error(`entry ${id} was not delivered`);
    return entry;
  }

  /** A process of its own: nothing in memory but what it learns. Where the partition has no seed it proposes this one. */
  async process({ store = this.store as PartitionStore, seed = '00112233445566ff' } = {}): Promise<LabProcess> {
    const made = new LabProcess(this, store, seed);
    await made.memory.begin();
    return made;
  }

  /** Seals a window as a sealer does that has just looked at the partition. */
  async seal(startSec: number, dueMs: number, foldedMs: number): Promise<SealReply> {
    const birth = (await this.redis.get(this.keys.birth)) ?? '';
    const reply = await this.store.seal(startSec, { dueMs, foldedMs, birth });
    return reply === 'changed' && birth === '' ? this.seal(startSec, dueMs, foldedMs) : reply;
  }

  async pendingIds(): Promise<string[]> {
    const rows = (await this.redis.xpending(this.keys.stream, CONSUMER_GROUP, '-', '+', 10_000)) as [string][];
    return rows.map(([id]) => id);
  }

  async counters(): Promise<Record<string, number>> {
    const fields = await this.redis.hgetall(this.keys.counters);
    return Object.fromEntries(Object.entries(fields).map(([name, value]) => [name, Number(value)]));
  }

  /** Lines received, and lines told of: counted, duplicate, dead, or in entries that are not folded. */
  async ledger(): Promise<{ received: number; told: number }> {
    const counters = await this.counters();
    const dead = Object.entries(counters).filter(([name]) => name.startsWith('dead:'));
    const pending = new Set(await this.pendingIds());
    const groups = (await this.redis.xinfo('GROUPS', this.keys.stream)) as string[][];
    const delivered = groups[0]![groups[0]!.indexOf('last-delivered-id') + 1]!;
    let waiting = 0;
    for (const [id, fields] of await this.redis.xrange(this.keys.stream, '-', '+')) {
      if (pending.has(id) || isAfter(id, delivered)) waiting += Number(fields[fields.indexOf('n') + 1]);
    }
    const folded = dead.reduce((sum, [, lines]) => sum + lines, (counters.counted ?? 0) + (counters.duplicate ?? 0));
    return { received: counters.received ?? 0, told: folded + waiting };
  }

  /** The totals of all open windows, replayed from their logs in Redis. */
  async totals(): Promise<Map<string, OracleTotals>> {
    const { memory } = await this.process();
    const starts = (await this.redis.hkeys(this.keys.windows)).map(Number);
    await memory.learn(starts);
    const totals = new Map<string, OracleTotals>();
    for (const startSec of starts) {
      const known = memory.windows.get(startSec);
      if (!known || known.kind === 'absent' || !known.state) throw new Error(`window ${startSec} has no log`);
      for (const { group, events, users } of known.state.groups) {
        totals.set(groupKey(startSec, group.eventType, group.product), { events, users });
      }
    }
    return totals;
  }

  async deadLetters(): Promise<Record<string, string>[]> {
    const rows = await this.redis.xrange(this.keys.dead, '-', '+');
    return rows.map(([, fields]) => {
      const pairs: [string, string][] = [];
      for (let i = 0; i < fields.length; i += 2) pairs.push([fields[i]!, fields[i + 1]!]);
      return Object.fromEntries(pairs);
    });
  }

  /** Every key with all it holds: two snapshots are the same when nothing was written between them. */
  async snapshot(): Promise<Map<string, string>> {
    const names = (await this.redis.keys(`${this.options.prefix}:*`)).sort();
    const dumps = await Promise.all(names.map((name) => this.redis.dumpBuffer(name)));
    return new Map(names.map((name, i) => [name, dumps[i]!.toString('hex')]));
  }
}

export class LabProcess {
  readonly memory: PartitionMemory;
  readonly folder: Folder;
  readonly folded: FoldPlan[] = [];
  readonly conflicts: string[] = [];
  readonly #lab: PartitionLab;
  readonly #store: PartitionStore;

  constructor(lab: PartitionLab, store: PartitionStore, seed: string) {
    this.#lab = lab;
    this.#store = store;
    this.memory = new PartitionMemory({ store, newSeed: () => seed });
    this.folder = new Folder({
      store,
      memory: this.memory,
      limits: lab.options,
      digest: { identity: lab.identity, windowSec: lab.options.windowSec },
      clock: systemClock,
      random: Math.random,
      nonce: () => randomBytes(16),
      isOwner: () => true,
      events: { folded: (plan) => this.folded.push(plan), conflict: (kind) => this.conflicts.push(kind) },
      logger: silentLogger,
    });
  }

  item(entry: StreamEntry): FoldItem {
    return this.folder.digest({ entry });
  }

  /** Plans a fold from what stands in Redis now, without sending it. */
  async plan(...entries: StreamEntry[]): Promise<FoldPlan> {
    const items = entries.map((entry) => this.item(entry));
    if (!(await this.memory.learn(windowsTouched(items)))) throw new Error('another seed stands for this partition');
    return this.planAsKnown(items);
  }

  /** Plans a fold from what this process believes. */
  planAsKnown(items: readonly FoldItem[]): FoldPlan {
    const { windows, nowMs, openOldWindows } = this.memory;
    return planFold(items, windows, {
      limits: this.#lab.options,
      nowMs,
      openOldWindows,
      nonce: () => randomBytes(16),
    });
  }

  /** Sends a plan as it is, and takes in the answer when it was folded. */
  async send(plan: FoldPlan) {
    const reply = await this.#store.fold(plan, this.memory.seed);
    if (reply.kind === 'folded') this.memory.apply(plan);
    return reply;
  }

  /** Folds the entries as an aggregator does, conflicts and all. */
  fold(...entries: StreamEntry[]): Promise<'folded' | 'left'> {
    return this.folder.fold(entries.map((entry) => this.item(entry)));
  }
}

function isAfter(id: string, other: string): boolean {
  const [ms = 0, seq = 0] = id.split('-').map(Number);
  const [otherMs = 0, otherSeq = 0] = other.split('-').map(Number);
  return ms > otherMs || (ms === otherMs && seq > otherSeq);
}
