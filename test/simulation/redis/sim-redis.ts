import type { ReadEntry } from '@weir/aggregator/entry-source';
import type { FoldPlan } from '@weir/aggregator/fold-plan';
import type { FoldReply, PartitionStoreOptions } from '@weir/aggregator/store/partition-store';
import type { World } from '../world.ts';
import type { Without } from './checks.ts';
import { fold } from './fold-script.ts';
import { type Appending, type AppendReply, append } from './partition-scripts.ts';
import { type AppendedBatch, PartitionState } from './partition-state.ts';
import { SharedState } from './shared-scripts.ts';

/**
 * The simulated server: its state, its clock, the reads that wait, and going back in time. It knows nothing of
 * connections; whoever calls it does so at the moment in which a command is carried out.
 */
export interface SimRedisOptions {
  partitions: number;
  store: PartitionStoreOptions;
  without: Without;
  /** Unix milliseconds of the world's beginning. */
  epochMs: number;
}

export interface Snapshot {
  readonly atMs: number;
  readonly partitions: readonly PartitionState[];
  readonly shared: SharedState;
}

/** A reader that waits for new entries; `answer` is called once. */
export interface WaitingRead {
  readonly partition: number;
  readonly consumer: string;
  readonly count: number;
  readonly answer: (entries: ReadEntry[]) => void;
}

export class SimRedis {
  readonly options: SimRedisOptions;
  readonly without: Without;
  partitions: PartitionState[];
  shared = new SharedState();
  /** Connections of before do not reach a server that was started anew. */
  starts = 0;
  #downUntilMs = 0;
  readonly #world: World;
  #waiting: WaitingRead[] = [];
  #stamps = 0;
  readonly #onRestart: (() => void)[] = [];
  #onStep: () => void = () => undefined;
  #onFold: (state: PartitionState, plan: FoldPlan) => void = () => undefined;
  #onAppend: (name: string, batch: AppendedBatch) => void = () => undefined;

  constructor(world: World, options: SimRedisOptions) {
    this.#world = world;
    this.options = options;
    this.without = options.without;
    this.partitions = Array.from({ length: options.partitions }, () => new PartitionState());
  }

  /** TIME, in whole milliseconds. */
  get nowMs(): number {
    return Math.floor(this.options.epochMs + this.#world.nowMs);
  }

  get down(): boolean {
    return this.#world.nowMs < this.#downUntilMs;
  }

  /** A value that never came before, not even before a rollback. */
  stamp(): string {
    return `stamp-${++this.#stamps}`;
  }

  append(partition: number, incarnation: string, batch: Appending | undefined): AppendReply {
    const state = this.partitions[partition]!;
    const reply = append(state, incarnation, batch, this.nowMs, this.without);
    if (batch && reply.appended) {
      const { sequence, entry } = batch;
      const name = `${partition}/${incarnation}/${sequence}`;
      state.appended.add(name);
      this.#onAppend(name, { partition, incarnation, sequence, lines: entry.lines, atMs: reply.redisMs });
      this.#serve(partition);
      this.#onStep();
    }
    return reply;
  }

  /** XREADGROUP > BLOCK: answers now, or when there is something, or with nothing after `blockMs`. */
  readNew(read: WaitingRead, blockMs: number): void {
    const found = this.partitions[read.partition]!.stream.readNew(read.consumer, read.count, this.nowMs);
    if (found.length > 0) {
      read.answer(found);
      return;
    }
    this.#waiting.push(read);
    this.#world.after(blockMs, () => {
      this.unblock(read);
      return false;
    });
  }

  /** Ends a read that waits, as CLIENT UNBLOCK does, or its time being up. */
  unblock(read: WaitingRead | undefined): void {
    if (read && this.forget(read)) read.answer([]);
  }

  /** The connection of a read is known to be gone. */
  forget(read: WaitingRead): boolean {
    const before = this.#waiting.length;
    this.#waiting = this.#waiting.filter((other) => other !== read);
    return this.#waiting.length < before;
  }

  save(): Snapshot {
    return {
      atMs: this.#world.nowMs,
      partitions: this.partitions.map((state) => state.clone()),
      shared: this.shared.clone(),
    };
  }

  /** Killed, and started `downMs` later with what was saved: every connection and every waiting read is gone. */
  restart(snapshot: Snapshot, downMs: number): void {
    this.#goBack(snapshot);
    this.starts++;
    this.#downUntilMs = this.#world.nowMs + downMs;
    this.#waiting = [];
    for (const then of this.#onRestart) then();
  }

  fold(partition: number, plan: FoldPlan, seed: string): FoldReply {
    const state = this.partitions[partition]!;
    const { nowMs, without } = this;
    const reply = fold(state, plan, seed, this.options.store, { nowMs, stamp: this.stamp(), without });
    if (reply.kind === 'folded') {
      this.#onFold(state, plan);
      this.#onStep();
    }
    return reply;
  }

  /** After every step that the books tell of. */
  onStep(then: () => void): void {
    this.#onStep = then;
  }

  onFold(then: (state: PartitionState, plan: FoldPlan) => void): void {
    this.#onFold = then;
  }

  onAppend(then: (name: string, batch: AppendedBatch) => void): void {
    this.#onAppend = then;
  }

  /** Connections break with the server. */
  onRestart(then: () => void): void {
    this.#onRestart.push(then);
  }

  /** FLUSHALL: the connections stay, reads that wait for a stream that is gone end. */
  flushAll(empty: Snapshot): void {
    this.#goBack(empty);
    const ended = this.#waiting;
    this.#waiting = [];
    for (const read of ended) read.answer([]);
  }

  #goBack(snapshot: Snapshot): void {
    this.partitions = snapshot.partitions.map((state) => state.clone());
    this.shared = snapshot.shared.clone();
    this.#onStep();
  }

  #serve(partition: number): void {
    for (const read of this.#waiting) {
      if (read.partition !== partition) continue;
      const state = this.partitions[partition]!;
      if (!state.stream.group) return;
      const found = state.stream.readNew(read.consumer, read.count, this.nowMs);
      if (found.length === 0) return;
      this.forget(read);
      read.answer(found);
    }
  }
}
