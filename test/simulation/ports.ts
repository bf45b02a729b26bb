import type { EntrySource, IdlePage, ReadEntry } from '@weir/aggregator/entry-source';
import type { FoldPlan } from '@weir/aggregator/fold-plan';
import type { Version } from '@weir/aggregator/log-codec';
import type { FinalStore, FinalsView } from '@weir/aggregator/store/final-store';
import type { Beat, Heartbeats } from '@weir/aggregator/store/heartbeats';
import type { FoldReply, KnownLog, PartitionStore } from '@weir/aggregator/store/partition-store';
import type { SinkBooks, WriteIntent } from '@weir/aggregator/store/sink-books';
import type { Report, Reports } from '@weir/relay/reports';
import type { Caller } from './connection.ts';
import * as scripts from './redis/partition-scripts.ts';
import * as shared from './redis/shared-scripts.ts';
import type { SimRedis, WaitingRead } from './redis/sim-redis.ts';
import { TIMES } from './scenario.ts';

export interface SimPartitionStoreOptions {
  onFreed?: (startSec: number) => void;
  relaysKnown?: () => ReadonlySet<string>;
}

/** What the aggregator asks of Redis, over a simulated connection: each method is one command, carried out some time later. */
export class SimPartitionStore implements PartitionStore {
  readonly partition: number;
  readonly #connection: Caller;
  readonly #redis: SimRedis;
  readonly #onFreed: (startSec: number) => void;
  readonly #relaysKnown: () => ReadonlySet<string>;

  /**
   * `onFreed` hears of answers that were given when the window's state was freed already; `relaysKnown` are those that a
   * seal rests on.
   */
  constructor(
    connection: Caller,
    redis: SimRedis,
    partition: number,
    { onFreed = () => undefined, relaysKnown = () => new Set() }: SimPartitionStoreOptions = {},
  ) {
    this.#connection = connection;
    this.#redis = redis;
    this.partition = partition;
    this.#onFreed = onFreed;
    this.#relaysKnown = relaysKnown;
  }

  fold(plan: FoldPlan, seed: string): Promise<FoldReply> {
    return this.#call('fold', (redis) => redis.fold(this.partition, plan, seed));
  }

  readWindows(windows: readonly KnownLog[], maxBytes: number) {
    return this.#call('read-windows', ({ nowMs, options }, state) =>
      scripts.readWindows(state, windows, maxBytes, options.store, nowMs),
    );
  }

  dirtyWindows() {
    return this.#call('dirty', ({ nowMs }, state) => scripts.dirtyWindows(state, nowMs));
  }

  publish(startSec: number, version: Version, bytes: Buffer) {
    return this.#call('publish', (redis, state) =>
      scripts.publish(state, startSec, { version, bytes }, redis.stamp(), redis.without),
    );
  }

  async publishedTotals(startSec: number) {
    const { blob, freed } = await this.#call('totals', (_, { totals, dropped }) => {
      return { blob: totals.get(startSec), freed: dropped.has(startSec) };
    });
    // Only where the answer arrived: a command that is carried out late has no reader any more.
    if (freed) this.#onFreed(startSec);
    return blob;
  }

  meta(startSec: number) {
    return this.#call('meta', (_, state) => scripts.meta(state, startSec));
  }

  observe(stamp: string) {
    return this.#call('observe', (_, state) => scripts.observe(state, stamp));
  }

  seal(startSec: number, sealing: { dueMs: number; foldedMs: number; birth: string }) {
    const relays = this.#relaysKnown();
    return this.#call('seal', (redis, state) => {
      const { nowMs, without } = redis;
      if (!state.sealed.has(startSec)) state.sealings.set(startSec, { relays, dueMs: sealing.dueMs });
      return scripts.seal(state, startSec, { ...sealing, nowMs, without, stamp: redis.stamp() });
    });
  }

  drop(startSec: number) {
    return this.#call('drop', (redis, state) => scripts.drop(state, startSec, redis.stamp()));
  }

  trim() {
    return this.#call('trim', (_, state) => scripts.trim(state));
  }

  #call<T>(name: string, run: (redis: SimRedis, state: SimRedis['partitions'][number]) => T): Promise<T> {
    return this.#connection.call(name, (answer) => answer(run(this.#redis, this.#redis.partitions[this.partition]!)));
  }
}

export interface SimEntrySourceOptions {
  reader: Caller;
  commands: Caller;
  redis: SimRedis;
  partition: number;
  consumer: string;
  incarnation: string;
  suspectCrashes: number;
}

export class SimEntrySource implements EntrySource {
  readonly #options: SimEntrySourceOptions;
  #waiting: WaitingRead | undefined;

  constructor(options: SimEntrySourceOptions) {
    this.#options = options;
  }

  ensureGroup() {
    return this.#call('xgroup', ({ stream }) => stream.ensureGroup());
  }

  readNew(count: number, blockMs: number): Promise<ReadEntry[]> {
    const { reader, redis, partition, consumer } = this.#options;
    return reader.call('xreadgroup', (answer, onHangUp) => {
      const read: WaitingRead = { partition, consumer, count, answer };
      this.#waiting = read;
      onHangUp(() => redis.forget(read));
      redis.readNew(read, blockMs);
    });
  }

  readOwnPending(afterId: string, count: number) {
    const { redis, consumer } = this.#options;
    return this.#call('own pending', ({ stream }) => stream.readOwnPending(consumer, afterId, count, redis.nowMs));
  }

  pendingByConsumer() {
    return this.#call('xpending', ({ stream }) => stream.pendingByConsumer());
  }

  async claimFrom(holder: string, count: number): Promise<ReadEntry[]> {
    const { redis, consumer } = this.#options;
    const { ids, gone } = await this.#call('claim from', ({ stream }) =>
      stream.takeFrom(holder, count, consumer, redis.nowMs),
    );
    const taken = ids.filter((id) => !gone.includes(id));
    const claim = () => this.#call('xclaim', ({ stream }) => stream.claim(taken, consumer, redis.nowMs));
    const entries = new Map((taken.length === 0 ? [] : await claim()).map((read) => [read.id, read]));
    return ids.flatMap((id) => {
      return gone.includes(id) ? { id, entry: undefined, readable: false } : (entries.get(id) ?? []);
    });
  }

  claimIdle(cursor: string, idleMs: number, count: number): Promise<IdlePage> {
    const { redis, consumer } = this.#options;
    return this.#call('xautoclaim', ({ stream }) => stream.claimIdle(cursor, idleMs, count, consumer, redis.nowMs));
  }

  deliveries(ids: readonly string[]) {
    return this.#call('deliveries', ({ stream }) => stream.deliveries(this.#options.consumer, ids));
  }

  markSuspect(id: string, alive: readonly string[]) {
    const { incarnation, suspectCrashes: crashes } = this.#options;
    return this.#call('suspect', (state) =>
      scripts.markSuspect(state, id, { incarnation, crashes, alive, nowMs: this.#options.redis.nowMs }),
    );
  }

  ack(ids: readonly string[]) {
    return this.#call('xack', ({ stream }) => {
      for (const id of ids) stream.ack(id);
    });
  }

  unblock() {
    return this.#call('unblock', () => this.#options.redis.unblock(this.#waiting));
  }

  #call<T>(name: string, run: (state: SimRedis['partitions'][number]) => T): Promise<T> {
    const { commands, redis, partition } = this.#options;
    return commands.call(name, (answer) => answer(run(redis.partitions[partition]!)));
  }
}

export class SimFinalStore implements FinalStore {
  readonly #connection: Caller;
  readonly #redis: SimRedis;

  constructor(connection: Caller, redis: SimRedis) {
    this.#connection = connection;
    this.#redis = redis;
  }

  get(startSec: number) {
    return this.#call('get final', ({ finals }) => finals.get(startSec)?.totals);
  }

  store(startSec: number, totals: Buffer) {
    return this.#call('store final', (state) =>
      shared.storeFinal(state, startSec, totals, this.#redis.nowMs, this.#redis.stamp()),
    );
  }

  remove(startSec: number) {
    return this.#call('remove final', (state) => shared.removeFinal(state, startSec, this.#redis.stamp()));
  }

  /** The stamp in one command and the records in the next, as the real one. */
  async list(known: string): Promise<FinalsView | undefined> {
    const stamp = await this.#call('finals stamp', ({ finalsStamp }) => finalsStamp);
    if (stamp === known) return undefined;
    const storedMs = await this.#call('finals', ({ finals }) => {
      return new Map([...finals].map(([startSec, { storedMs }]) => [startSec, storedMs]));
    });
    return { stamp, storedMs };
  }

  #call<T>(name: string, run: (state: shared.SharedState) => T): Promise<T> {
    return this.#connection.call(name, (answer) => answer(run(this.#redis.shared)));
  }
}

export class SimSinkBooks implements SinkBooks {
  readonly #connection: Caller;
  readonly #redis: SimRedis;
  readonly #sink: string;
  readonly #incarnation: string;
  readonly #newToken: () => string;

  constructor(
    connection: Caller,
    redis: SimRedis,
    { sink, incarnation, newToken }: { sink: string; incarnation: string; newToken: () => string },
  ) {
    this.#connection = connection;
    this.#redis = redis;
    this.#sink = sink;
    this.#incarnation = incarnation;
    this.#newToken = newToken;
  }

  read(startSec: number) {
    return this.#call('read books', (state) => shared.readBooks(state, this.#key(startSec)));
  }

  begin(startSec: number, alive: readonly string[]) {
    const writer = { incarnation: this.#incarnation, token: this.#newToken(), alive };
    return this.#call('begin write', (state, { nowMs }) =>
      shared.beginWrite(state, this.#key(startSec), writer, { nowMs, staleMs: TIMES.staleIntentMs }),
    );
  }

  confirm(startSec: number, intent: WriteIntent, versions: ReadonlyMap<number, Version>) {
    return this.#end(startSec, intent, 'confirmed', versions);
  }

  settle(startSec: number, intent: WriteIntent) {
    return this.#end(startSec, intent, 'settled');
  }

  check(startSec: number, intent: WriteIntent) {
    return this.#end(startSec, intent, 'checked');
  }

  async cancel(startSec: number, intent: WriteIntent) {
    await this.#end(startSec, intent, 'cancelled');
  }

  async abandon(startSec: number, intent: WriteIntent) {
    await this.#end(startSec, intent, 'abandoned');
  }

  finish(startSec: number, reason: 'settled' | 'given-up') {
    return this.#call('finish books', (state) => shared.finishBooks(state, this.#key(startSec), reason));
  }

  remove(startSec: number) {
    return this.#call('remove books', ({ books }) => {
      books.delete(this.#key(startSec));
    });
  }

  #end(
    startSec: number,
    { token }: WriteIntent,
    outcome: shared.WriteEnd,
    versions = new Map() as ReadonlyMap<number, Version>,
  ) {
    const writer = { incarnation: this.#incarnation, token };
    return this.#call(`end write, ${outcome}`, (state, { nowMs, without }) => {
      return shared.endWrite(state, this.#key(startSec), writer, { outcome, versions }, nowMs, without) === 'done';
    });
  }

  #key(startSec: number): string {
    return `${this.#sink}/${startSec}`;
  }

  #call<T>(name: string, run: (state: shared.SharedState, redis: SimRedis) => T): Promise<T> {
    return this.#connection.call(name, (answer) => answer(run(this.#redis.shared, this.#redis)));
  }
}

/** For those who ask for what no partition has. */
abstract class SharedPort {
  readonly #connection: Caller;
  protected readonly redis: SimRedis;

  constructor(connection: Caller, redis: SimRedis) {
    this.#connection = connection;
    this.redis = redis;
  }

  protected call<T>(name: string, run: (state: shared.SharedState) => T): Promise<T> {
    return this.#connection.call(name, (answer) => answer(run(this.redis.shared)));
  }
}

export class SimHeartbeats extends SharedPort implements Heartbeats {
  standing(id: string) {
    return this.call('who has the id', ({ aggregators }) => aggregators.get(id) ?? '');
  }

  nowMs() {
    return this.call('time', () => this.redis.nowMs);
  }

  beat(said: Beat) {
    return this.call('heartbeat', (state) => shared.heartbeat(state, said, this.redis.nowMs));
  }

  signOff(id: string) {
    return this.call('sign off', ({ aggregators }) => {
      aggregators.delete(id);
    });
  }
}

export class SimReports extends SharedPort implements Reports {
  standing(id: string) {
    return this.call('who has the id', ({ relays }) => relays.get(id) ?? '');
  }

  nowMs() {
    return this.call('time', () => this.redis.nowMs);
  }

  report(said: Report) {
    return this.call('report', (state) => shared.report(state, said, this.redis.nowMs));
  }

  signOff(id: string, incarnation: string) {
    return this.call('sign off', ({ relays }) => {
      if (relays.get(id)?.startsWith(`${incarnation} `)) relays.delete(id);
    });
  }
}
