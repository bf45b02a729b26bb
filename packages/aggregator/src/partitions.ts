import { randomBytes } from 'node:crypto';
import type { Clock } from '@weir/common/clock';
import { partitionKeys } from '@weir/common/keys';
import type { Logger } from '@weir/common/logger';
import { Loop } from '@weir/common/loop';
import { connectionEpoch, connectRedis, openRedis } from '@weir/common/redis';
import { passingFault } from '@weir/common/redis-fault';
import { type Service, ServiceGroup } from '@weir/common/service';
import type { Redis } from 'ioredis';
import type { AggregatorMetrics } from './aggregator-metrics.ts';
import { RedisEntrySource } from './entry-source.ts';
import type { FoldLimits } from './fold-plan.ts';
import { Folder } from './folder.ts';
import type { IdentityMode } from './identity.ts';
import { NONCE_BYTES } from './log-codec.ts';
import type { Membership } from './membership.ts';
import type { Observer } from './observer.ts';
import { PartitionMemory } from './partition-memory.ts';
import { PartitionWorker } from './partition-worker.ts';
import type { PublishTimes } from './publish-plan.ts';
import { Publisher } from './publisher.ts';
import type { PartitionStore } from './store/partition-store.ts';
import { Turns } from './turns.ts';

/**
 * Runs a worker and a publisher for every partition that is this process's at the moment. Assignments change as others
 * come and go; a worker that is no longer wanted finishes what it has read first. Two processes that both think a
 * partition is theirs do no harm, they only get in each other's way for a moment.
 */
export interface PartitionsOptions {
  redisUrl: string;
  commands: Redis;
  /** Of `commands`. */
  epoch: () => number;
  prefix: string;
  id: string;
  incarnation: string;
  stores: readonly PartitionStore[];
  membership: Membership;
  observer: Observer;
  clock: Clock;
  limits: FoldLimits;
  identity: IdentityMode;
  times: PublishTimes;
  claimIdleMs: number;
  foldLines: number;
  gatherMs: number;
  windowMemoryBytes: number;
  metrics: AggregatorMetrics;
  logger: Logger;
  fail: (error: unknown) => void;
}

interface Running {
  service: Service;
  worker: PartitionWorker;
  memory: PartitionMemory;
}

const CHECK_EVERY_MS = 250;
const BLOCK_MS = 2_000;
const CLAIM_EVERY_MS = 1_000;
const PUBLISH_EVERY_MS = 200;
const READ_BYTES = 4 * 1024 * 1024;
const MAX_DELIVERIES = 5;
const SUSPECT_CRASHES = 2;
const CONNECT_TIMEOUT_MS = 5_000;

export class Partitions implements Service {
  readonly #options: PartitionsOptions;
  readonly #loop: Loop;
  readonly #running = new Map<number, Running>();

  constructor(options: PartitionsOptions) {
    this.#options = options;
    this.#loop = new Loop({
      clock: options.clock,
      intervalMs: CHECK_EVERY_MS,
      runOnce: (signal) => this.#assign(signal),
      onError: (error) => options.fail(error),
    });
  }

  start(): Promise<void> {
    return this.#loop.start();
  }

  async stop(): Promise<void> {
    await this.#loop.stop();
    await Promise.all([...this.#running.keys()].map((partition) => this.#end(partition)));
  }

  /** The partitions that are being worked on. */
  get owned(): readonly number[] {
    return [...this.#running.keys()].sort((a, b) => a - b);
  }

  /** Partitions in which nothing is folded at present, with the code of the fault that keeps them from it. */
  get interrupted(): ReadonlyMap<number, string> {
    const found = new Map<number, string>();
    for (const partition of this.owned) {
      const code = this.#running.get(partition)?.worker.interruptedBy;
      if (code !== undefined) found.set(partition, code);
    }
    return found;
  }

  async #assign(signal: AbortSignal): Promise<void> {
    const { stores, membership, metrics, logger } = this.#options;
    const leaving: Promise<void>[] = [];
    for (const store of stores) {
      const { partition } = store;
      const wanted = membership.owns(partition);
      if (wanted && !this.#running.has(partition) && !signal.aborted) {
        logger.debug({ partition }, 'reading partition');
        await this.#begin(store);
      } else if (!wanted && this.#running.has(partition)) {
        logger.debug({ partition }, 'leaving partition to its new owner');
        leaving.push(this.#end(partition));
      }
    }
    await Promise.all(leaving);
    metrics.partitions.set(this.#running.size);
    metrics.interrupted.set(this.interrupted.size);
    metrics.windowBytes.set([...this.#running.values()].reduce((sum, { memory }) => sum + memory.bytes, 0));
  }

  async #end(partition: number): Promise<void> {
    const running = this.#running.get(partition);
    await running?.service.stop();
    this.#running.delete(partition);
  }

  async #begin(store: PartitionStore): Promise<void> {
    const { clock, logger, fail, times, metrics, windowMemoryBytes, membership, observer, commands } = this.#options;
    const { partition } = store;
    const reader = this.#openReader(partition);
    const readerEpoch = connectionEpoch(reader);
    const memory = new PartitionMemory({ store, newSeed: () => randomBytes(8).toString('hex') });
    const turns = new Turns();
    const folder = this.#folder(store, memory);
    const keys = partitionKeys(this.#options.prefix, partition);
    const worker = new PartitionWorker({
      partition,
      consumer: this.#options.id,
      source: new RedisEntrySource({
        reader,
        commands,
        stream: keys.stream,
        suspects: keys.suspects,
        consumer: this.#options.id,
        incarnation: this.#options.incarnation,
        suspectCrashes: SUSPECT_CRASHES,
      }),
      folder,
      memory,
      turns,
      clock,
      claimIdleMs: this.#options.claimIdleMs,
      claimEveryMs: CLAIM_EVERY_MS,
      blockMs: BLOCK_MS,
      foldLines: this.#options.foldLines,
      gatherMs: this.#options.gatherMs,
      readBytes: READ_BYTES,
      maxDeliveries: MAX_DELIVERIES,
      alive: () => ({ consumers: membership.ids, incarnations: membership.incarnations }),
      epoch: () => this.#options.epoch() + readerEpoch(),
      events: {
        claimed: (entries) => metrics.claimed.inc(entries),
        lost: (entries) => metrics.lost.inc(entries),
        fault: (code) => metrics.faults.inc({ code }),
      },
      logger,
      fail,
    });
    const publisher = new Publisher({
      store,
      memory,
      turns,
      clock,
      times,
      firstOpenedMs: (startSec) => observer.windows.get(startSec)?.openedMs,
      intervalMs: PUBLISH_EVERY_MS,
      maxBytes: () => windowMemoryBytes / Math.max(1, this.#running.size),
      events: {
        published: () => {
          metrics.published.inc();
          observer.wake();
        },
        evicted: (windows) => metrics.evicted.inc(windows),
        fault: (code) => metrics.faults.inc({ code }),
      },
      logger,
      fail,
    });
    const trimmer = new Loop({
      clock,
      intervalMs: CLAIM_EVERY_MS,
      runOnce: async () => {
        await store.trim();
      },
      // What was not trimmed now is trimmed later; nothing else depends on it.
      onError: (error) => (passingFault(error) ? logger.debug({ err: error, partition }, 'not trimmed') : fail(error)),
    });
    const connection: Service = {
      start: async () => undefined,
      stop: async () => reader.disconnect(),
    };
    const service = new ServiceGroup([connection, publisher, trimmer, worker]);
    this.#running.set(partition, { service, worker, memory });
    await service.start();
  }

  #folder(store: PartitionStore, memory: PartitionMemory): Folder {
    const { limits, identity, clock, membership, metrics, logger } = this.#options;
    return new Folder({
      store,
      memory,
      limits,
      digest: { identity, windowSec: limits.windowSec },
      clock,
      random: Math.random,
      nonce: () => randomBytes(NONCE_BYTES),
      isOwner: () => membership.owns(store.partition),
      events: {
        folded: (plan) => {
          metrics.folds.inc();
          metrics.foldedEntries.inc(plan.items.length);
          metrics.counted.inc(plan.counted);
          metrics.duplicates.inc(plan.duplicates);
          for (const { reason, lineCount } of plan.deadLetters) metrics.dead.inc({ reason }, lineCount);
        },
        conflict: (kind) => metrics.conflicts.inc({ kind }),
      },
      logger,
    });
  }

  #openReader(partition: number): Redis {
    const { redisUrl, id, logger } = this.#options;
    const reader = openRedis({
      url: redisUrl,
      name: `weir-aggregator ${id} partition ${partition}`.replaceAll(' ', '/'),
      blockMs: BLOCK_MS,
      onError: (error) => logger.debug({ err: error, partition }, 'reader connection'),
    });
    // Reads fail until it is there, and the worker tries again; nothing waits for it.
    connectRedis(reader, CONNECT_TIMEOUT_MS).catch((error) =>
      logger.debug({ err: error, partition }, 'reader connection'),
    );
    return reader;
  }
}
