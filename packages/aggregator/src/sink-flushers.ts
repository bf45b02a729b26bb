import type { Clock, RedisTime } from '@weir/common/clock';
import type { SinkState } from '@weir/common/daemon-state';
import { SettingsError } from '@weir/common/errors';
import type { Logger } from '@weir/common/logger';
import type { Service } from '@weir/common/service';
import type { Sink } from '@weir/sinks/sink';
import type { Redis } from 'ioredis';
import type { AggregatorMetrics } from './aggregator-metrics.ts';
import { Flusher, type FlusherEvents } from './flusher.ts';
import { HeldCache } from './held-cache.ts';
import type { Membership } from './membership.ts';
import type { Observer } from './observer.ts';
import type { PublishTimes } from './publish-plan.ts';
import { PublishedSums } from './published-sums.ts';
import type { SettleTimes } from './seal-plan.ts';
import { SinkWatch } from './sink-watch.ts';
import type { FinalStore } from './store/final-store.ts';
import { RedisFlushRequests } from './store/operator-requests.ts';
import type { PartitionStore } from './store/partition-store.ts';
import type { RefusedStore } from './store/refused-store.ts';
import { RedisSinkBooks, type SinkBooks } from './store/sink-books.ts';
import { WindowWriter } from './window-writer.ts';

/** One flusher per sink, each with its own books, memory and pace, so that no sink waits for another. */
export interface SinkFlushersOptions {
  sinks: readonly Sink[];
  redis: Redis;
  prefix: string;
  /** Of `redis`. */
  epoch: () => number;
  incarnation: string;
  stores: readonly PartitionStore[];
  finals: FinalStore;
  refused: RefusedStore;
  observer: Observer;
  membership: Membership;
  clock: Clock;
  time: RedisTime;
  times: PublishTimes;
  settleTimes: SettleTimes;
  heldPoints: number;
  concurrency: number;
  heldBack: () => boolean;
  /** Whether the sink of that name is still of the deployment. */
  inUse: (sink: string) => boolean;
  metrics: AggregatorMetrics;
  logger: Logger;
  fail: (error: unknown) => void;
}

const FLUSH_EVERY_MS = 200;
const INCOMPLETE_AFTER_MS = 10_000;
/** Of a sink's last error in the detail of health. */
const MAX_ERROR_LENGTH = 300;

export class SinkFlushers implements Service {
  readonly #sinks: readonly Sink[];
  readonly #inUse: (sink: string) => boolean;
  readonly #metrics: AggregatorMetrics;
  readonly #logger: Logger;
  readonly #flushers: readonly Flusher[];
  readonly #watches: readonly SinkWatch[];

  constructor(options: SinkFlushersOptions) {
    const { sinks, redis, prefix, incarnation } = options;
    this.#sinks = sinks;
    this.#inUse = options.inUse;
    this.#metrics = options.metrics;
    this.#logger = options.logger;
    const sums = new PublishedSums();
    const watched = sinks.map((sink) => {
      const watch: SinkWatch = new SinkWatch({
        name: sink.name,
        nowMs: () => options.time.nowMs(),
        lastError: () => flusher.lastError,
        away: () => flusher.away,
      });
      const books = new RedisSinkBooks(redis, prefix, sink.name, incarnation);
      const flusher = buildFlusher({ ...options, sums }, sink, books, watch);
      return { flusher, watch };
    });
    this.#flushers = watched.map(({ flusher }) => flusher);
    this.#watches = watched.map(({ watch }) => watch);
  }

  async start(): Promise<void> {
    await Promise.all(this.#flushers.map((flusher) => flusher.start()));
  }

  /** There may be something new to bring to the sinks. */
  wake(): void {
    for (const flusher of this.#flushers) flusher.wake();
  }

  async stop(): Promise<void> {
    await Promise.all(this.#flushers.map((flusher) => flusher.stop()));
    await Promise.all(this.#sinks.map((sink) => sink.close()));
  }

  /** Their certificates and tokens. A sink whose files cannot be used goes on with what it had. */
  reloadSinks(): void {
    for (const sink of this.#sinks) {
      try {
        sink.reload?.();
      } catch (error) {
        if (!(error instanceof SettingsError)) throw error;
        this.#metrics.sinkReloadFailures.inc({ sink: sink.name });
        this.#logger.error({ err: error, sink: sink.name }, 'the files of a sink cannot be used: going on as before');
      }
    }
  }

  /** How the sinks are, for people. */
  get detail(): string {
    return this.#sinks
      .map(({ name }, i) => {
        if (!this.#inUse(name)) return `${name}: no longer of the deployment`;
        return describe(name, this.#flushers[i]!, this.#watches[i]!.refusedPoints);
      })
      .join('; ');
  }

  /** Shows how long windows have waited for each sink: also while nothing is asked of it. */
  showAges(nowMs: number): void {
    for (const [i, { name }] of this.#sinks.entries()) {
      const sinceMs = this.#flushers[i]!.unwrittenSinceMs ?? nowMs;
      this.#metrics.sinkOldest.set({ sink: name }, Math.max(0, nowMs - sinceMs) / 1000);
    }
  }

  /** The same for machines. `kinds`: by name. */
  states(kinds: ReadonlyMap<string, string>): SinkState[] {
    return this.#watches.map((watch, i) => watch.look(kinds.get(this.#sinks[i]!.name) ?? 'unknown'));
  }

  /** Redis lost data. */
  forget(): void {
    for (const flusher of this.#flushers) flusher.forget();
  }
}

function describe(name: string, { away, lastError }: Flusher, refused: number): string {
  const state = away ? 'away' : lastError ? 'failing' : 'well';
  const why = lastError ? ` (${lastError.code}: ${lastError.message.slice(0, MAX_ERROR_LENGTH)})` : '';
  return `${name}: ${state}${why}${refused > 0 ? `, refused ${refused} points for good` : ''}`;
}

function buildFlusher(
  options: SinkFlushersOptions & { sums: PublishedSums },
  sink: Sink,
  books: SinkBooks,
  watch: SinkWatch,
): Flusher {
  const { membership, metrics, clock, logger, times } = options;
  const label = { sink: sink.name };
  const held = new HeldCache(options.heldPoints);
  const writer = new WindowWriter({
    sink,
    books,
    held,
    refused: options.refused,
    windowSec: times.windowSec,
    clock,
    alive: () => membership.incarnations,
    epoch: options.epoch,
    events: {
      wrote: (points, seconds) => {
        watch.wrote();
        metrics.sinkLastWrite.set(label, options.time.nowMs() / 1000);
        metrics.sinkPoints.inc(label, points);
        metrics.sinkSeconds.observe(label, seconds);
      },
      shrunk: (points) => {
        metrics.shrunk.inc(label, points);
        watch.shrunk(points);
      },
      rejected: (points) => {
        metrics.sinkRejected.inc(label, points);
        watch.refused(points);
      },
    },
    logger,
  });
  return new Flusher({
    sinkName: sink.name,
    readable: sink.readable,
    stores: options.stores,
    finals: options.finals,
    sums: options.sums,
    books,
    requests: new RedisFlushRequests(options.redis, options.prefix, sink.name),
    writer,
    held,
    observer: options.observer,
    clock,
    time: options.time,
    random: Math.random,
    intervalMs: FLUSH_EVERY_MS,
    concurrency: options.concurrency,
    times,
    settleTimes: options.settleTimes,
    incompleteAfterMs: INCOMPLETE_AFTER_MS,
    owns: (key) => membership.owns(key),
    heldBack: options.heldBack,
    inUse: () => options.inUse(sink.name),
    events: flusherEvents(options, label, held, watch),
    logger,
    fail: options.fail,
  });
}

function flusherEvents(
  { metrics, time }: SinkFlushersOptions,
  label: { sink: string },
  held: HeldCache,
  watch: SinkWatch,
): FlusherEvents {
  metrics.sinkAway.set(label, 0);
  let lastCode: string | undefined;
  /** Faults of Redis are not the sink's. One code at a time: the last one. */
  const showError = (code: string) => {
    if (!code.startsWith('sink-')) return;
    if (lastCode !== undefined && lastCode !== code) metrics.sinkLastError.remove({ ...label, code: lastCode });
    lastCode = code;
    metrics.sinkLastError.set({ ...label, code }, time.nowMs() / 1000);
  };
  return {
    confirmed: () => metrics.confirmed.inc(label),
    settled: () => metrics.settled.inc(label),
    gaveUp: () => {
      metrics.gaveUp.inc(label);
      watch.gaveUp();
    },
    failed: (code) => {
      metrics.sinkFailures.inc({ ...label, code });
      watch.failed(code);
      showError(code);
    },
    away: (away) => metrics.sinkAway.set(label, away ? 1 : 0),
    backlog: (windows, failing) => {
      watch.backlog(windows, failing);
      metrics.sinkBacklog.set(label, windows);
      metrics.sinkFailing.set(label, failing);
      metrics.heldPoints.set(label, held.points);
    },
  };
}
