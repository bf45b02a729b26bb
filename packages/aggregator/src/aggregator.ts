import { randomBytes } from 'node:crypto';
import { hostname } from 'node:os';
import type { Writable } from 'node:stream';
import { RedisTime, systemClock } from '@weir/common/clock';
import { agreeOnDeployment, type Deployment } from '@weir/common/deployment';
import { SettingsError } from '@weir/common/errors';
import { type Check, HttpServer } from '@weir/common/http';
import { relaysKey } from '@weir/common/keys';
import type { Logger } from '@weir/common/logger';
import { Loop } from '@weir/common/loop';
import { Metrics } from '@weir/common/metrics';
import type { BuildContext, Daemon } from '@weir/common/program';
import { connectRedis, openRedis, passingFault, redisFault } from '@weir/common/redis';
import { checkRedisServer } from '@weir/common/redis-check';
import { type Service, ServiceGroup } from '@weir/common/service';
import type { Redis } from 'ioredis';
import { type AggregatorMetrics, aggregatorMetrics } from './aggregator-metrics.ts';
import { Flusher } from './flusher.ts';
import { HeldCache } from './held-cache.ts';
import { Membership } from './membership.ts';
import { Observer } from './observer.ts';
import { Partitions } from './partitions.ts';
import type { PublishTimes } from './publish-plan.ts';
import { holdsFlushes, MAX_HOLD_MS } from './rollback-hold.ts';
import { parseRelayReport, type RelayReport } from './seal-plan.ts';
import { Sealer } from './sealer.ts';
import type { AggregatorSettings } from './settings.ts';
import { openSink } from './sinks/open-sink.ts';
import type { Sink } from './sinks/sink.ts';
import { parseSinkUrls } from './sinks/sink-url.ts';
import { type FinalStore, RedisFinalStore } from './store/final-store.ts';
import type { PartitionStore } from './store/partition-store.ts';
import { RedisPartitionStore } from './store/redis-partition-store.ts';
import { RedisSinkBooks, type SinkBooks } from './store/sink-books.ts';
import { WindowWriter } from './window-writer.ts';

/**
 * The aggregator, put together. Its parts start in this order and stop in reverse, so that reading ends first, and what
 * was read is folded, before the parts that folding needs go away:
 *
 *   Redis connection · deployment agreed · HTTP · membership · observer · one flusher per sink · sealer · partitions
 */
const CHUNK_BYTES = 64 * 1024 * 1024;
const REPUBLISH_MS = 1_000;
const OBSERVE_EVERY_MS = 200;
const FLUSH_EVERY_MS = 200;
const SEAL_EVERY_MS = 1_000;
const INCOMPLETE_AFTER_MS = 10_000;
const FIRST_CHECK_MS = 60_000;
const CONNECT_TIMEOUT_MS = 5_000;
const CONNECT_AGAIN_MS = 1_000;
const RELAYS_EVERY_MS = 1_000;

export async function buildAggregator(
  settings: AggregatorSettings,
  { logger, fail, stopping }: BuildContext,
  stdout: Writable,
): Promise<Daemon> {
  if (settings.windowMs % 1000 !== 0) {
    throw new SettingsError(`--window: got ${settings.windowMs}ms, expected whole seconds`);
  }
  const clock = systemClock;
  const { prefix } = settings;
  const windowSec = settings.windowMs / 1000;
  const id = settings.id ?? `${hostname()}-${settings.http === 'off' ? 0 : settings.http.port}`;
  const incarnation = randomBytes(8).toString('hex');
  const log = logger.child({ id });
  const sinks = parseSinkUrls(settings.sinks, { setting: '--sink', token: settings.sinkToken }).map((spec) =>
    openSink(spec, { stdout }),
  );
  const metrics = new Metrics();
  metrics.collectProcessMetrics();
  const counts = aggregatorMetrics(metrics);
  const time = new RedisTime(clock, Date.now());
  const redis = openRedis({
    url: settings.redis,
    name: `weir-aggregator/${id}`,
    onError: (error) => log.debug({ err: error }, 'redis connection'),
  });
  const wanted: Deployment = {
    partitions: settings.partitions,
    windowMs: settings.windowMs,
    graceMs: settings.graceMs,
    latenessMs: settings.latenessMs,
    identity: settings.identity,
    sinks: sinks.map(({ name }) => name),
  };

  const limits = {
    windowSec,
    latenessMs: settings.latenessMs,
    maxOldWindows: settings.maxOldWindows,
    maxLogBytes: settings.maxLogBytes,
  };
  const stores: PartitionStore[] = [];
  for (let partition = 0; partition < settings.partitions; partition++) {
    stores.push(
      new RedisPartitionStore(redis, partition, {
        ...limits,
        prefix,
        chunkBytes: CHUNK_BYTES,
        maxDeadBytes: settings.maxDeadBytes,
      }),
    );
  }
  const finals = new RedisFinalStore(redis, prefix);
  const times: PublishTimes = { windowSec, graceMs: settings.graceMs, republishMs: REPUBLISH_MS };
  const relays = new RelayReports(redis, prefix);
  const rollback: { atMs: number | undefined } = { atMs: undefined };

  const membership = new Membership({
    redis,
    prefix,
    id,
    incarnation,
    clock,
    time,
    fail,
    logger: log,
    onClockJump: (jumpMs) => {
      log.error({ jumpMs: Math.round(jumpMs) }, "Redis's clock jumped: sealing pauses for the lateness");
      sealer.pause();
    },
    onRollback: (nowMs) => {
      log.error('Redis has lost data: looking at everything anew');
      counts.rollbacks.inc();
      rollback.atMs = nowMs;
      observer.forget();
      for (const flusher of flushers) flusher.forget();
      agreeOnDeployment(redis, prefix, wanted).catch((error) => {
        if (passingFault(error)) log.warn({ err: error }, 'the deployment could not be recorded again');
        else fail(error);
      });
    },
  });
  const observer = new Observer({ stores, finals, clock, intervalMs: OBSERVE_EVERY_MS, logger: log, fail });
  const owns = (key: string | number) => membership.owns(key);
  const books: SinkBooks[] = [];
  const flushers = sinks.map((sink) => {
    const sinkBooks = new RedisSinkBooks(redis, prefix, sink.name, incarnation);
    books.push(sinkBooks);
    return buildFlusher({ sink, books: sinkBooks, finals, stores, observer });
  });
  const sealer = new Sealer({
    stores,
    finals,
    books,
    observer,
    clock,
    time,
    times: { windowSec, latenessMs: settings.latenessMs, holdMs: settings.holdMs },
    finalKeepMs: settings.finalKeepMs,
    intervalMs: SEAL_EVERY_MS,
    relays: () => relays.read(),
    owns,
    events: { sealed: () => counts.sealed.inc(), waiting: (windows) => counts.sealWaiting.set(windows) },
    logger: log,
    fail,
  });
  const partitions = new Partitions({
    redisUrl: settings.redis,
    commands: redis,
    prefix,
    id,
    incarnation,
    stores,
    membership,
    clock,
    limits,
    identity: settings.identity,
    times,
    claimIdleMs: settings.claimIdleMs,
    foldLines: settings.foldLines,
    windowMemoryBytes: settings.windowMemoryBytes,
    metrics: counts,
    logger: log,
    fail,
  });

  const server =
    settings.http === 'off'
      ? undefined
      : new HttpServer({
          address: settings.http,
          logger: log,
          metrics,
          metricPrefix: 'weir_aggregator',
          maxConnections: settings.httpMaxConnections,
          readyChecks: readyChecks(redis, membership),
        });
  const watch = new Loop({
    clock,
    intervalMs: RELAYS_EVERY_MS,
    runOnce: async () => {
      counts.openWindows.set(observer.windows.size);
      counts.finals.set(observer.finals.size);
      if (rollback.atMs !== undefined) await relays.read();
    },
    onError: (error) => log.debug({ err: error }, 'relay reports'),
  });

  function buildFlusher(parts: {
    sink: Sink;
    books: SinkBooks;
    finals: FinalStore;
    stores: readonly PartitionStore[];
    observer: Observer;
  }): Flusher {
    const { sink } = parts;
    const label = { sink: sink.name };
    const held = new HeldCache(settings.heldPoints);
    const writer = new WindowWriter({
      sink,
      books: parts.books,
      held,
      windowSec,
      clock,
      alive: () => membership.incarnations,
      events: {
        wrote: (points, seconds) => {
          counts.sinkPoints.inc(label, points);
          counts.sinkSeconds.observe(label, seconds);
        },
        shrunk: (points) => counts.shrunk.inc(label, points),
        rejected: (points) => counts.sinkRejected.inc(label, points),
      },
      logger: log,
    });
    return new Flusher({
      ...parts,
      sinkName: sink.name,
      readable: sink.readable,
      writer,
      held,
      clock,
      time,
      random: Math.random,
      intervalMs: FLUSH_EVERY_MS,
      concurrency: settings.sinkConcurrency,
      times,
      settleTimes: {
        firstCheckMs: Math.min(FIRST_CHECK_MS, settings.finalKeepMs),
        finalKeepMs: settings.finalKeepMs,
        sinkRetainMs: settings.sinkRetainMs,
      },
      incompleteAfterMs: INCOMPLETE_AFTER_MS,
      owns,
      heldBack: () => {
        if (rollback.atMs !== undefined && time.nowMs() - rollback.atMs > MAX_HOLD_MS) rollback.atMs = undefined;
        return holdsFlushes(rollback.atMs, relays.last, time.nowMs());
      },
      events: flusherEvents(counts, label, held),
      logger: log,
      fail,
    });
  }

  const service = new ServiceGroup([
    connection(redis, log, stopping),
    agreement(redis, prefix, wanted, log),
    ...(server ? [server] : []),
    membership,
    observer,
    closing(sinks),
    ...flushers,
    sealer,
    watch,
    partitions,
  ]);
  return { service, ready: () => ({ id, ...(server ? { http: server.address() } : {}) }) };
}

function flusherEvents(counts: AggregatorMetrics, label: { sink: string }, held: HeldCache) {
  return {
    confirmed: () => counts.confirmed.inc(label),
    settled: () => counts.settled.inc(label),
    gaveUp: () => counts.gaveUp.inc(label),
    failed: (code: string) => counts.sinkFailures.inc({ ...label, code }),
    backlog: (windows: number) => {
      counts.sinkBacklog.set(label, windows);
      counts.heldPoints.set(label, held.points);
    },
  };
}

function readyChecks(redis: Redis, membership: Membership): Record<string, Check> {
  return {
    redis: () => ({ ok: redis.status === 'ready', detail: `connection ${redis.status}` }),
    membership: () => ({
      ok: membership.present,
      detail: membership.present ? 'heartbeat confirmed' : 'no heartbeat confirmed lately',
    }),
  };
}

/** Waits for Redis as long as it takes: a daemon that comes up before its Redis does is not an error. */
function connection(redis: Redis, logger: Logger, stopping: AbortSignal): Service {
  return {
    async start() {
      for (;;) {
        try {
          await connectRedis(redis, CONNECT_TIMEOUT_MS);
          break;
        } catch (error) {
          if (stopping.aborted) throw error;
          logger.warn({ err: error }, 'waiting for Redis');
          await systemClock.sleep(CONNECT_AGAIN_MS, stopping);
        }
      }
      const { version, warnings } = await checkRedisServer(redis);
      for (const warning of warnings) logger.warn({ version }, warning);
    },
    async stop() {
      redis.disconnect();
    },
  };
}

function agreement(redis: Redis, prefix: string, wanted: Deployment, logger: Logger): Service {
  return {
    async start() {
      logger.info({ deployment: await agreeOnDeployment(redis, prefix, wanted) }, 'deployment agreed');
    },
    stop: async () => undefined,
  };
}

function closing(sinks: readonly Sink[]): Service {
  return {
    start: async () => undefined,
    async stop() {
      await Promise.all(sinks.map((sink) => sink.close()));
    },
  };
}

/** What the relays say of themselves; `last` is as of the last read. */
class RelayReports {
  readonly #redis: Redis;
  readonly #prefix: string;
  #last: RelayReport[] = [];

  constructor(redis: Redis, prefix: string) {
    this.#redis = redis;
    this.#prefix = prefix;
  }

  get last(): readonly RelayReport[] {
    return this.#last;
  }

  async read(): Promise<RelayReport[]> {
    try {
      const fields = await this.#redis.hgetall(relaysKey(this.#prefix));
      this.#last = Object.entries(fields).flatMap(([id, text]) => parseRelayReport(id, text) ?? []);
      return this.#last;
    } catch (error) {
      throw redisFault(error);
    }
  }
}
