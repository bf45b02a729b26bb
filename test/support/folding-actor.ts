import { randomBytes } from 'node:crypto';
import { type EntrySource, type ReadEntry, RedisEntrySource } from '@weir/aggregator/entry-source';
import type { FoldPlan } from '@weir/aggregator/fold-plan';
import { Folder } from '@weir/aggregator/folder';
import type { IdentityMode } from '@weir/aggregator/identity';
import { PartitionMemory } from '@weir/aggregator/partition-memory';
import type { FoldReply, PartitionStoreOptions } from '@weir/aggregator/store/partition-store';
import { RedisPartitionStore } from '@weir/aggregator/store/redis-partition-store';
import { systemClock } from '@weir/common/clock';
import { partitionKeys } from '@weir/common/keys';
import { silentLogger } from '@weir/common/logger';
import { passingFault, RedisFault } from '@weir/common/redis-fault';
import type { Redis } from 'ioredis';

/**
 * One aggregator at work on one partition of a real Redis, doing at random what can go wrong: reads entries and drops
 * them, takes entries over that others are folding at this moment, loses replies, has commands arrive long after it gave
 * them up, forgets everything it knew. Several of them on one partition must still count exactly.
 */
export interface FoldingActorOptions extends PartitionStoreOptions {
  id: string;
  partition: number;
  identity: IdentityMode;
  /** Blocks for a millisecond at a time. */
  reader: Redis;
  commands: Redis;
  /** 0 to 1. */
  random: () => number;
}

const lost = (what: string) => new RedisFault('redis-unreachable', `${what} lost`, true, 'unknown');

/** Loses replies, and lets commands arrive after their caller gave up. */
class FlakyStore extends RedisPartitionStore {
  readonly #random: () => number;
  readonly #late: Promise<unknown>[] = [];
  sound = false;

  constructor({ commands, partition, random, ...options }: FoldingActorOptions) {
    super(commands, partition, options);
    this.#random = random;
  }

  override async fold(plan: FoldPlan, seed: string): Promise<FoldReply> {
    const luck = this.sound ? 1 : this.#random();
    if (luck < 0.08) {
      const pauseMs = this.#random() * 15;
      this.#late.push(systemClock.sleep(pauseMs).then(() => super.fold(plan, seed)));
      throw lost('command');
    }
    const reply = await super.fold(plan, seed);
    if (luck < 0.2) throw lost('reply');
    return reply;
  }

  override async readWindows(...args: Parameters<RedisPartitionStore['readWindows']>) {
    const reply = await super.readWindows(...args);
    if (!this.sound && this.#random() < 0.03) throw lost('reply');
    return reply;
  }

  /** Resolves when nothing that was given up can arrive any more. */
  async settled(): Promise<void> {
    await Promise.all(this.#late);
  }
}

export class FoldingActor {
  readonly #options: FoldingActorOptions;
  readonly #source: EntrySource;
  readonly #store: FlakyStore;
  readonly #random: () => number;
  #memory!: PartitionMemory;
  #folder!: Folder;

  constructor(options: FoldingActorOptions) {
    this.#options = options;
    this.#random = options.random;
    this.#store = new FlakyStore(options);
    const { reader, commands, id, partition, prefix } = options;
    const { stream, suspects } = partitionKeys(prefix, partition);
    this.#source = new RedisEntrySource({
      reader,
      commands,
      stream,
      suspects,
      consumer: id,
      incarnation: id,
      suspectCrashes: 2,
    });
    this.#forget();
  }

  get memory(): PartitionMemory {
    return this.#memory;
  }

  async start(): Promise<void> {
    await this.#source.ensureGroup();
  }

  /** One random thing. Faults that pass are ridden out as a worker does: what was in hand is dropped. */
  async step(): Promise<void> {
    const luck = this.#random();
    try {
      if (luck < 0.05) return this.#forget();
      if (luck < 0.45) return await this.#fold(await this.#source.readNew(this.#upTo(4), 1));
      if (luck < 0.6) return await this.#fold(await this.#source.readOwnPending('0', this.#upTo(3)));
      if (luck < 0.9) return await this.#fold((await this.#source.claimIdle('0-0', 0, this.#upTo(3))).entries);
      if (luck < 0.93) return void (await this.#store.trim());
      // As after a restart: Redis knows no script any more.
      if (luck < 0.94) return void (await this.#options.commands.script('FLUSH'));
      // Delivered, and then it crashed.
      await this.#source.readNew(this.#upTo(2), 1);
    } catch (error) {
      if (!passingFault(error)) throw error;
    }
  }

  /** Everything works from here on. Resolves when what was given up before has arrived. */
  async heal(): Promise<void> {
    this.#store.sound = true;
    await this.#store.settled();
  }

  /** Reads, and takes over, until nothing is left to fold. */
  async drain(): Promise<void> {
    for (let round = 0; round < 200; round++) {
      const fresh = await this.#source.readNew(10, 1);
      await this.#fold(fresh);
      const { entries } = await this.#source.claimIdle('0-0', 0, 10);
      await this.#fold(entries);
      if (fresh.length === 0 && (await this.#source.pendingByConsumer()).size === 0) return;
    }
    throw new Error(`entries are still pending after 200 rounds of ${this.#options.id}`);
  }

  async #fold(entries: readonly ReadEntry[]): Promise<void> {
    if (entries.length === 0) return;
    if (this.#memory.seed === '' || this.#random() < 0.1) await this.#memory.begin();
    await this.#folder.fold(
      entries.map(({ entry, readable }) => (readable ? this.#folder.digest({ entry: entry! }) : { entry: entry! })),
    );
  }

  #forget(): void {
    const { identity, windowSec } = this.#options;
    this.#memory = new PartitionMemory({ store: this.#store, newSeed: () => randomBytes(8).toString('hex') });
    this.#folder = new Folder({
      store: this.#store,
      memory: this.#memory,
      limits: this.#options,
      digest: { identity, windowSec },
      clock: { ...systemClock, sleep: (ms, signal) => systemClock.sleep(ms / 10, signal) },
      random: this.#random,
      nonce: () => randomBytes(16),
      isOwner: () => this.#store.sound || this.#random() < 0.5,
      events: { folded: () => undefined, conflict: () => undefined },
      logger: silentLogger,
    });
  }

  #upTo(most: number): number {
    return 1 + Math.floor(this.#random() * most);
  }
}
