import type { Clock } from '@weir/common/clock';
import type { Logger } from '@weir/common/logger';
import { Loop } from '@weir/common/loop';
import { redisInfo } from '@weir/common/redis-check';
import { passingFault } from '@weir/common/redis-fault';
import type { Service } from '@weir/common/service';
import type { Redis } from 'ioredis';
import type { AggregatorMetrics } from './aggregator-metrics.ts';
import { type PartitionBounds, readBounds, settleDeadLetters } from './store/partition-bounds.ts';
import { countRefused } from './store/refused-store.ts';

/**
 * Every few seconds shows how full is what has a bound: the streams and dead letters of the partitions this process owns,
 * what sinks refused, and Redis itself. Says so when dead letters were dropped, and keeps their counters right when
 * somebody deleted some.
 */
export interface BoundsWatchOptions {
  redis: Redis;
  prefix: string;
  partitions: number;
  owns: (partition: number) => boolean;
  clock: Clock;
  metrics: AggregatorMetrics;
  logger: Logger;
  /** Called with a bug. */
  fail: (error: unknown) => void;
}

const WATCH_EVERY_MS = 5_000;

export class BoundsWatch implements Service {
  readonly #options: BoundsWatchOptions;
  readonly #loop: Loop;
  /** By partition: lines of dead letters dropped as of the last look. */
  readonly #dropped = new Map<number, number>();

  constructor(options: BoundsWatchOptions) {
    this.#options = options;
    const { clock, logger, fail } = options;
    this.#loop = new Loop({
      clock,
      intervalMs: WATCH_EVERY_MS,
      runOnce: (signal) => this.runOnce(signal),
      onError: (error) => (passingFault(error) ? logger.debug({ err: error }, 'bounds not known') : fail(error)),
    });
  }

  start(): Promise<void> {
    return this.#loop.start();
  }

  stop(): Promise<void> {
    return this.#loop.stop();
  }

  async runOnce(signal: AbortSignal): Promise<void> {
    const { partitions, owns } = this.#options;
    await this.#watchRedis();
    for (let partition = 0; partition < partitions && !signal.aborted; partition++) {
      if (owns(partition)) await this.#watchPartition(partition);
      else this.#forget(partition);
    }
  }

  async #watchRedis(): Promise<void> {
    const { redis, prefix, metrics } = this.#options;
    metrics.refusedLetters.set(await countRefused(redis, prefix));
    const info = await redisInfo(redis, ['memory', 'clients']);
    metrics.redisMemory.set(Number(info.get('used_memory') ?? 0));
    metrics.redisMemoryLimit.set(Number(info.get('maxmemory') ?? 0));
    metrics.redisConnections.set(Number(info.get('connected_clients') ?? 0));
    metrics.redisConnectionsLimit.set(Number(info.get('maxclients') ?? 0));
  }

  async #watchPartition(partition: number): Promise<void> {
    const { redis, prefix, logger } = this.#options;
    const bounds = await readBounds(redis, prefix, partition);
    const settled = await settleDeadLetters(redis, prefix, partition, bounds);
    if (settled === 'settled') {
      const letters = bounds.countedDeadLetters - bounds.deadLetters;
      logger.info({ partition, letters }, 'dead letters were deleted by hand: their bytes are counted anew');
    }
    this.#show(partition, settled === 'settled' ? await readBounds(redis, prefix, partition) : bounds);
  }

  #show(partition: number, bounds: PartitionBounds): void {
    const { metrics, logger } = this.#options;
    const labels = { partition: String(partition) };
    metrics.streamEntries.set(labels, bounds.streamEntries);
    metrics.streamBytes.set(labels, bounds.streamBytes);
    metrics.deadLetters.set(labels, bounds.deadLetters);
    metrics.deadBytes.set(labels, bounds.countedDeadBytes);
    metrics.deadDropped.set(labels, bounds.deadDropped);
    const lines = bounds.deadDropped - (this.#dropped.get(partition) ?? 0);
    this.#dropped.set(partition, bounds.deadDropped);
    if (lines > 0) {
      logger.warn({ partition, lines, inAll: bounds.deadDropped }, 'dead letters dropped: over --max-dead-letters');
    }
  }

  /** Its new owner shows it. */
  #forget(partition: number): void {
    const { streamEntries, streamBytes, deadLetters, deadBytes, deadDropped } = this.#options.metrics;
    const labels = { partition: String(partition) };
    for (const gauge of [streamEntries, streamBytes, deadLetters, deadBytes, deadDropped]) gauge.remove(labels);
    this.#dropped.delete(partition);
  }
}
