import { Flusher } from '@weir/aggregator/flusher';
import { HeldCache } from '@weir/aggregator/held-cache';
import type { Membership } from '@weir/aggregator/membership';
import { Observer } from '@weir/aggregator/observer';
import { PublishedSums } from '@weir/aggregator/published-sums';
import { holdsFlushes } from '@weir/aggregator/rollback-hold';
import { parseRelayReport, type RelayReport } from '@weir/aggregator/seal-plan';
import { Sealer } from '@weir/aggregator/sealer';
import type { FinalStore } from '@weir/aggregator/store/final-store';
import { WindowWriter } from '@weir/aggregator/window-writer';
import type { RedisTime } from '@weir/common/clock';
import { silentLogger } from '@weir/common/logger';
import type { Connection } from './connection.ts';
import { SimFinalStore, SimPartitionStore, SimSinkBooks } from './ports.ts';
import type { Without } from './redis/checks.ts';
import { TIMES } from './scenario.ts';
import type { SimAggregatorOptions } from './sim-aggregator.ts';
import type { SimProcess } from './sim-process.ts';
import { type SimDatabase, SimSink } from './sim-sink.ts';

/**
 * What an aggregator does with windows beyond folding: the real observer, flushers, writers and sealer, put together as
 * aggregator.ts does.
 */
export interface WindowLifeOptions extends SimAggregatorOptions {
  process: SimProcess;
  commands: Connection;
  incarnation: string;
  membership: Pick<Membership, 'owns' | 'incarnations'>;
  stores: readonly SimPartitionStore[];
  time: RedisTime;
}

const NOT_STOPPED = new AbortController().signal;

export class WindowLife {
  readonly #options: WindowLifeOptions;
  readonly #finals: SimFinalStore;
  readonly #observer: Observer;
  readonly #sums = new PublishedSums();
  readonly #flushers: readonly Flusher[];
  #rollbackMs: number | undefined;
  #reports: readonly RelayReport[] = [];

  constructor(options: WindowLifeOptions) {
    const { process, commands, redis, stores, databases, time, incarnation, membership, scenario } = options;
    this.#options = options;
    this.#finals = new SimFinalStore(commands, redis);
    const fail = (error: unknown) => process.judge(error);
    const epoch = () => commands.losses;
    const shared = { stores, clock: process.clock, epoch, logger: silentLogger, fail, time };
    const intervalMs = TIMES.loopMs;
    this.#observer = new Observer({ ...shared, finals: this.#finals, intervalMs });
    const newToken = () => process.world.random.hex();
    const books = databases.map(({ name }) => new SimSinkBooks(commands, redis, { sink: name, incarnation, newToken }));
    this.#flushers = databases.map((database, i) => this.#buildFlusher(database, books[i]!));
    const { windowSec, latenessMs } = scenario.store;
    const sealer = new Sealer({
      ...shared,
      stores: stores.map(({ partition }) => {
        const relaysKnown = () => new Set(this.#reports.map(({ id }) => id));
        return new SimPartitionStore(commands, redis, partition, { relaysKnown });
      }),
      finals: this.#finals,
      books: () => books,
      requests: { read: async () => new Map(), remove: async () => undefined },
      observer: this.#observer,
      times: { windowSec, latenessMs, holdMs: scenario.holdMs },
      finalKeepMs: TIMES.finalKeepMs,
      intervalMs,
      relays: () => this.#readReports(),
      owns: (key) => membership.owns(key),
      events: { sealed: () => undefined, waiting: () => undefined },
    });
    process.repeat(intervalMs, () => this.#observer.runOnce());
    for (const flusher of this.#flushers) process.repeat(intervalMs, () => flusher.runOnce(NOT_STOPPED));
    process.repeat(intervalMs, () => sealer.runOnce(NOT_STOPPED));
    process.repeat(intervalMs, async () => {
      if (this.#rollbackMs !== undefined) await this.#readReports();
    });
  }

  onRollback(nowMs: number): void {
    this.#options.world.say(() => `${this.#options.id}: notices that Redis lost data`);
    this.#rollbackMs = nowMs;
    this.#observer.forget();
    for (const flusher of this.#flushers) flusher.forget();
  }

  openedMs(startSec: number): number | undefined {
    return this.#observer.windows.get(startSec)?.openedMs;
  }

  #buildFlusher(database: SimDatabase, books: SimSinkBooks): Flusher {
    const { process, faults, scenario, stores, membership, time, redis, commands } = this.#options;
    const { without } = redis;
    const { clock, world } = process;
    const { windowSec } = scenario.store;
    const freed = new FreedReads();
    const held = without.has('read-back') || without.has('settle') ? new Believing(without) : new HeldCache(10_000);
    const shared = { books: freed.watchBooks(books), held, clock, logger: silentLogger };
    const writer = new WindowWriter({
      ...shared,
      sink: freed.watchSink(new SimSink(process, database, faults), process, (startSec) =>
        this.#observer.finals.has(startSec),
      ),
      windowSec,
      alive: () => membership.incarnations,
      epoch: () => commands.losses,
      refused: { add: async () => undefined },
      events: { wrote: () => undefined, shrunk: () => undefined, rejected: () => undefined },
    });
    return new Flusher({
      ...shared,
      sinkName: database.name,
      readable: true,
      stores: stores.map(({ partition }) => {
        return new SimPartitionStore(commands, redis, partition, { onFreed: (startSec) => freed.add(startSec) });
      }),
      finals: without.has('final-after-partitions') ? this.#blind() : this.#finals,
      sums: this.#sums,
      requests: { news: async () => [], forget: () => undefined },
      writer,
      observer: this.#observer,
      time,
      random: () => world.random.fraction(),
      intervalMs: TIMES.loopMs,
      concurrency: 2,
      times: { windowSec, graceMs: TIMES.graceMs, republishMs: TIMES.republishMs },
      settleTimes: { firstCheckMs: TIMES.firstCheckMs, finalKeepMs: TIMES.finalKeepMs, sinkRetainMs: 3_600_000 },
      incompleteAfterMs: TIMES.incompleteAfterMs,
      owns: (key) => membership.owns(key),
      heldBack: () => holdsFlushes(this.#rollbackMs, this.#reports, time.nowMs()),
      inUse: () => true,
      events: {
        confirmed: () => undefined,
        settled: () => undefined,
        gaveUp: () => undefined,
        failed: () => undefined,
        backlog: () => undefined,
        away: () => undefined,
      },
      fail: (error) => process.judge(error),
    });
  }

  async #readReports(): Promise<readonly RelayReport[]> {
    const { commands, redis } = this.#options;
    const fields = await commands.call<Map<string, string>>('relay reports', (answer) =>
      answer(new Map(redis.shared.relays)),
    );
    this.#reports = [...fields].flatMap(([id, text]) => parseRelayReport(id, text) ?? []);
    return this.#reports;
  }

  /** Final records as a flusher would see them that does not look for one after it has read the partitions. */
  #blind(): FinalStore {
    const finals = this.#finals;
    return {
      get: async (startSec) => (this.#observer.finals.has(startSec) ? finals.get(startSec) : undefined),
      store: (startSec, totals) => finals.store(startSec, totals),
      remove: (startSec) => finals.remove(startSec),
      list: (stamp) => finals.list(stamp),
    };
  }
}

/**
 * A flusher must not write what it summed while the partitions' state was being freed. Settling, which comes later, reads
 * the final record and not the partitions.
 */
class FreedReads {
  readonly #windows = new Set<number>();

  add(startSec: number): void {
    this.#windows.add(startSec);
  }

  /** What was read before an intent is of no account. */
  watchBooks(books: SimSinkBooks): SimSinkBooks {
    const begin = books.begin.bind(books);
    books.begin = (startSec, alive) => {
      this.#windows.delete(startSec);
      return begin(startSec, alive);
    };
    return books;
  }

  watchSink(sink: SimSink, { world }: SimProcess, isFinal: (startSec: number) => boolean): SimSink {
    const write = sink.write.bind(sink);
    sink.write = (window, points) => {
      const { startSec } = window;
      if (this.#windows.has(startSec) && !isFinal(startSec)) {
        world.violate(`a sum over freed state of window ${startSec} was written to ${sink.name}`);
      }
      return write(window, points);
    };
    return sink;
  }
}

/** Never reads a sink back before it writes: with the switch 'settle' not again, with 'read-back' not at all. */
class Believing extends HeldCache {
  readonly #without: Without;

  constructor(without: Without) {
    super(10_000);
    this.#without = without;
  }

  override get(startSec: number): Map<string, number> | undefined {
    return super.get(startSec) ?? (this.#without.has('read-back') ? new Map() : undefined);
  }

  override isAsOf(startSec: number, token: string | undefined, epoch: number): boolean {
    return this.#without.has('read-back') || super.isAsOf(startSec, token, epoch);
  }

  override delete(startSec: number): void {
    if (!this.#without.has('settle')) super.delete(startSec);
  }
}
