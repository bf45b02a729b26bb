import { randomBytes } from 'node:crypto';
import { type AggregatorSettings, deploymentOf } from '@weir/common/aggregator-settings';
import { type Clock, RedisTime, systemClock } from '@weir/common/clock';
import { agreeOnDeployment, type Deployment } from '@weir/common/deployment';
import { HttpServer } from '@weir/common/http';
import { httpLimits } from '@weir/common/http-settings';
import { aggregatorStatesKey } from '@weir/common/keys';
import type { Logger } from '@weir/common/logger';
import { Loop } from '@weir/common/loop';
import { Metrics } from '@weir/common/metrics';
import type { BuildContext } from '@weir/common/program';
import { connectionEpoch, openRedis } from '@weir/common/redis';
import { passingFault } from '@weir/common/redis-fault';
import { redisService } from '@weir/common/redis-service';
import { type Service, ServiceGroup } from '@weir/common/service';
import { StateReport } from '@weir/common/state-report';
import { tlsPairReader } from '@weir/common/tls-files';
import type { Sink } from '@weir/sinks/sink';
import type { Redis } from 'ioredis';
import { type AggregatorMetrics, aggregatorMetrics, refusedEvents } from './aggregator-metrics.ts';
import { aggregatorState } from './aggregator-state.ts';
import { BoundsWatch } from './bounds-watch.ts';
import { DeploymentWatch } from './deployment-watch.ts';
import { Membership } from './membership.ts';
import { Observer } from './observer.ts';
import { OtherLines } from './other-lines.ts';
import { Partitions } from './partitions.ts';
import { readyChecks } from './ready-checks.ts';
import { RelayReports } from './relay-reports.ts';
import { holdsFlushes } from './rollback-hold.ts';
import { Sealer } from './sealer.ts';
import { SinkFlushers } from './sink-flushers.ts';
import { RedisFinalStore } from './store/final-store.ts';
import { RedisHeartbeats } from './store/heartbeats.ts';
import { RedisSealRequests } from './store/operator-requests.ts';
import { RedisPartitionStore } from './store/redis-partition-store.ts';
import { RefusedStore } from './store/refused-store.ts';
import { RedisSinkBooks } from './store/sink-books.ts';

const CHUNK_BYTES = 64 * 1024 * 1024;
const REPUBLISH_MS = 1_000;
const OBSERVE_EVERY_MS = 200;
const SEAL_EVERY_MS = 1_000;
const FIRST_CHECK_MS = 60_000;
const WATCH_EVERY_MS = 1_000;

/**
 * The parts of an aggregator, and what they tell each other. They start in the order given at the end of the constructor
 * and stop in reverse: reading ends first, what was read is folded, and the connection goes last.
 */
export class Aggregator implements Service {
  readonly #settings: AggregatorSettings;
  readonly #id: string;
  readonly #logger: Logger;
  readonly #fail: (error: unknown) => void;
  readonly #wanted: Deployment;
  readonly #clock: Clock = systemClock;
  readonly #time = new RedisTime(this.#clock, Date.now());
  readonly #incarnation = randomBytes(8).toString('hex');
  readonly #registry = new Metrics();
  readonly #metrics: AggregatorMetrics;
  readonly #redis: Redis;
  readonly #epoch: () => number;
  readonly #relays: RelayReports;
  readonly #membership: Membership;
  readonly #deployment: DeploymentWatch;
  readonly #observer: Observer;
  readonly #refused: RefusedStore;
  readonly #flushers: SinkFlushers;
  readonly #sealer: Sealer;
  readonly #otherLines: OtherLines;
  readonly #partitions: Partitions;
  readonly #server: HttpServer | undefined;
  readonly #parts: ServiceGroup;
  /** When Redis was last seen to have lost data. */
  #rollbackMs: number | undefined;

  constructor(
    settings: AggregatorSettings,
    id: string,
    sinks: readonly Sink[],
    sinkKinds: ReadonlyMap<string, string>,
    { logger, fail, stopping }: BuildContext,
  ) {
    this.#settings = settings;
    this.#id = id;
    this.#logger = logger;
    this.#fail = fail;
    this.#wanted = deploymentOf(settings, sinks);
    this.#registry.collectProcessMetrics();
    this.#metrics = aggregatorMetrics(this.#registry);
    this.#redis = openRedis({
      url: settings.redis,
      name: `weir-aggregator/${id}`,
      onError: (error) => logger.debug({ err: error }, 'redis connection'),
    });
    this.#epoch = connectionEpoch(this.#redis);
    this.#relays = new RelayReports(this.#redis, settings.prefix);
    this.#membership = this.#buildMembership();
    this.#deployment = this.#buildDeploymentWatch();
    const stores = this.#buildStores();
    const finals = new RedisFinalStore(this.#redis, settings.prefix);
    const shared = { stores, finals, clock: this.#clock, epoch: this.#epoch, logger, fail };
    this.#observer = new Observer({ ...shared, intervalMs: OBSERVE_EVERY_MS });
    this.#refused = this.#buildRefused();
    this.#flushers = this.#buildFlushers(sinks, shared);
    this.#observer.onChange(() => this.#flushers.wake());
    this.#sealer = this.#buildSealer(shared);
    this.#otherLines = this.#buildOtherLines(sinks);
    this.#partitions = this.#buildPartitions(stores);
    this.#server = this.#buildServer();
    this.#parts = new ServiceGroup([
      // First, so that health is answered also while the others wait for Redis.
      ...(this.#server ? [this.#server] : []),
      redisService({ redis: this.#redis, logger, stopping }),
      this.#agreement(),
      this.#deployment,
      this.#membership,
      this.#observer,
      this.#flushers,
      this.#sealer,
      this.#otherLines,
      this.#watch(),
      this.#watchBounds(),
      this.#partitions,
      this.#stateReport(sinkKinds),
    ]);
  }

  start(): Promise<void> {
    return this.#parts.start();
  }

  stop(): Promise<void> {
    return this.#parts.stop();
  }

  /** The files it reads again at SIGHUP. */
  reload(): void {
    this.#server?.reloadTls();
    this.#flushers.reloadSinks();
  }

  get ready(): Record<string, unknown> {
    return { id: this.#id, ...(this.#server ? { http: this.#server.address() } : {}) };
  }

  #onRollback(nowMs: number): void {
    this.#logger.error('Redis has lost data: looking at everything anew');
    this.#metrics.rollbacks.inc();
    this.#rollbackMs = nowMs;
    this.#observer.forget();
    this.#flushers.forget();
    this.#agree().catch((error) => {
      if (passingFault(error)) this.#logger.warn({ err: error }, 'the deployment could not be recorded again');
      else this.#fail(error);
    });
  }

  #heldBack(): boolean {
    return holdsFlushes(this.#rollbackMs, this.#relays.last, this.#time.nowMs());
  }

  async #agree(): Promise<void> {
    // After a loss of data the sinks are those that were seen last, whatever this process was started with.
    const wanted = { ...this.#wanted, sinks: this.#deployment.sinks };
    const deployment = await agreeOnDeployment(this.#redis, this.#settings.prefix, wanted);
    this.#logger.info({ deployment }, 'deployment agreed');
  }

  #stateReport(sinkKinds: ReadonlyMap<string, string>): Service {
    const state = () =>
      aggregatorState({
        settings: this.#settings,
        redisMs: this.#time.nowMs(),
        redisTimeKnown: this.#time.known,
        wallMs: Date.now(),
        ownedPartitions: this.#partitions.owned.length,
        interrupted: this.#partitions.interrupted,
        sinks: this.#flushers.states(sinkKinds),
        waiting: this.#sealer.waiting,
        rollbackMs: this.#rollbackMs,
        heldBack: this.#heldBack(),
      });
    const { prefix } = this.#settings;
    const about = { id: this.#id, incarnation: this.#incarnation, clock: this.#clock, logger: this.#logger };
    return new StateReport({ ...about, redis: this.#redis, key: aggregatorStatesKey(prefix), state, fail: this.#fail });
  }

  #agreement(): Service {
    return { start: () => this.#agree(), stop: async () => undefined };
  }

  #buildMembership(): Membership {
    return new Membership({
      heartbeats: new RedisHeartbeats(this.#redis, this.#settings.prefix),
      id: this.#id,
      incarnation: this.#incarnation,
      clock: this.#clock,
      time: this.#time,
      onRollback: (nowMs) => this.#onRollback(nowMs),
      onClockJump: (jumpMs) => {
        this.#logger.error({ jumpMs: Math.round(jumpMs) }, "Redis's clock jumped: sealing pauses for the lateness");
        this.#sealer.pause();
      },
      fail: this.#fail,
      logger: this.#logger,
    });
  }

  #buildDeploymentWatch(): DeploymentWatch {
    const about = { clock: this.#clock, metrics: this.#metrics, logger: this.#logger, fail: this.#fail };
    return new DeploymentWatch({
      ...about,
      redis: this.#redis,
      prefix: this.#settings.prefix,
      own: this.#wanted.sinks,
    });
  }

  #buildStores(): RedisPartitionStore[] {
    const { partitions, prefix, maxDeadBytes } = this.#settings;
    const options = { ...this.#limits, prefix, maxDeadBytes, chunkBytes: CHUNK_BYTES };
    return Array.from({ length: partitions }, (_, partition) => {
      return new RedisPartitionStore(this.#redis, partition, options);
    });
  }

  #buildFlushers(sinks: readonly Sink[], shared: SharedParts): SinkFlushers {
    const { prefix, finalKeepMs, sinkRetainMs, heldPoints, sinkConcurrency } = this.#settings;
    return new SinkFlushers({
      ...shared,
      sinks,
      redis: this.#redis,
      prefix,
      refused: this.#refused,
      incarnation: this.#incarnation,
      observer: this.#observer,
      membership: this.#membership,
      time: this.#time,
      times: this.#times,
      settleTimes: { firstCheckMs: Math.min(FIRST_CHECK_MS, finalKeepMs), finalKeepMs, sinkRetainMs },
      heldPoints,
      concurrency: sinkConcurrency,
      heldBack: () => this.#heldBack(),
      inUse: (sink) => this.#deployment.inUse(sink),
      metrics: this.#metrics,
    });
  }

  #buildRefused(): RefusedStore {
    const { prefix, maxRefusedBytes } = this.#settings;
    return new RefusedStore({
      redis: this.#redis,
      prefix,
      maxBytes: maxRefusedBytes,
      by: this.#id,
      events: refusedEvents(this.#metrics),
      logger: this.#logger,
    });
  }

  #buildSealer(shared: SharedParts): Sealer {
    const { prefix, latenessMs, holdMs, finalKeepMs } = this.#settings;
    return new Sealer({
      ...shared,
      books: () => {
        return this.#deployment.sinks.map((sink) => new RedisSinkBooks(this.#redis, prefix, sink, this.#incarnation));
      },
      requests: new RedisSealRequests(this.#redis, prefix),
      observer: this.#observer,
      time: this.#time,
      times: { windowSec: this.#times.windowSec, latenessMs, holdMs },
      finalKeepMs,
      intervalMs: SEAL_EVERY_MS,
      relays: () => this.#relays.read(),
      owns: (key) => this.#membership.owns(key),
      events: {
        sealed: () => this.#metrics.sealed.inc(),
        waiting: (windows) => this.#metrics.sealWaiting.set(windows),
      },
    });
  }

  #buildOtherLines(sinks: readonly Sink[]): OtherLines {
    const { prefix, partitions, claimIdleMs } = this.#settings;
    return new OtherLines({
      redis: this.#redis,
      prefix,
      partitions,
      id: this.#id,
      sinks,
      deploymentSinks: () => this.#deployment.sinks,
      refused: this.#refused,
      membership: this.#membership,
      claimIdleMs,
      clock: this.#clock,
      metrics: this.#metrics,
      logger: this.#logger,
      fail: this.#fail,
    });
  }

  #buildPartitions(stores: readonly RedisPartitionStore[]): Partitions {
    const { redis, prefix, identity, claimIdleMs, foldLines, gatherMs, windowMemoryBytes } = this.#settings;
    return new Partitions({
      redisUrl: redis,
      commands: this.#redis,
      epoch: this.#epoch,
      prefix,
      id: this.#id,
      incarnation: this.#incarnation,
      stores,
      membership: this.#membership,
      observer: this.#observer,
      clock: this.#clock,
      limits: this.#limits,
      identity,
      times: this.#times,
      claimIdleMs,
      foldLines,
      gatherMs,
      windowMemoryBytes,
      metrics: this.#metrics,
      logger: this.#logger,
      fail: this.#fail,
    });
  }

  #buildServer(): HttpServer | undefined {
    const { http, httpTlsCert, httpTlsKey } = this.#settings;
    if (http === 'off') return undefined;
    return new HttpServer({
      address: http,
      logger: this.#logger,
      metrics: this.#registry,
      metricPrefix: 'weir_aggregator',
      limits: httpLimits(this.#settings),
      readTls: tlsPairReader(httpTlsCert, httpTlsKey),
      readyChecks: readyChecks({
        redis: this.#redis,
        membership: this.#membership,
        partitions: this.#partitions,
        flushers: this.#flushers,
        deployment: this.#deployment,
      }),
    });
  }

  /** Gauges, and the relays' reports as long as flushes may be waiting for them. */
  #watch(): Service {
    return new Loop({
      clock: this.#clock,
      intervalMs: WATCH_EVERY_MS,
      runOnce: async () => {
        this.#metrics.openWindows.set(this.#observer.windows.size);
        this.#metrics.finals.set(this.#observer.finals.size);
        this.#flushers.showAges(this.#time.nowMs());
        if (this.#rollbackMs !== undefined) await this.#relays.read();
      },
      onError: (error) => {
        if (passingFault(error)) this.#logger.debug({ err: error }, 'no relay reports');
        else this.#fail(error);
      },
    });
  }

  #watchBounds(): Service {
    const { prefix, partitions } = this.#settings;
    return new BoundsWatch({
      redis: this.#redis,
      prefix,
      partitions,
      owns: (partition) => this.#membership.owns(partition),
      clock: this.#clock,
      metrics: this.#metrics,
      logger: this.#logger,
      fail: this.#fail,
    });
  }

  get #limits() {
    const { latenessMs, maxOldWindows, maxLogBytes } = this.#settings;
    return { windowSec: this.#times.windowSec, latenessMs, maxOldWindows, maxLogBytes };
  }

  get #times() {
    const { windowMs, graceMs } = this.#settings;
    return { windowSec: windowMs / 1000, graceMs, republishMs: REPUBLISH_MS };
  }
}

interface SharedParts {
  stores: readonly RedisPartitionStore[];
  finals: RedisFinalStore;
  clock: Clock;
  epoch: () => number;
  logger: Logger;
  fail: (error: unknown) => void;
}
