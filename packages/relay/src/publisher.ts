import type { Clock } from '@weir/common/clock';
import { partitionKeys } from '@weir/common/keys';
import type { Logger } from '@weir/common/logger';
import { passingFault } from '@weir/common/redis';
import type { Service } from '@weir/common/service';
import type { Redis } from 'ioredis';
import { type Appender, appendBatch, probe } from './append-script.ts';
import { backoffMs } from './backoff.ts';
import type { Journal } from './journal.ts';
import { Lane } from './lane.ts';
import { LaneRunner } from './lane-runner.ts';
import type { RelayCounts } from './relay-metrics.ts';

/**
 * Brings what the doors took to Redis: one lane per partition, all on one connection. Guarantees that a receipt settles
 * only after Redis confirmed the batch, that no batch is appended twice, and that what Redis lost is sent again as far
 * as the journal reaches. Owns its connection, so that nothing it sent runs later than it believes.
 */
export interface PublisherOptions {
  redis: Redis;
  prefix: string;
  partitions: number;
  appender: Appender;
  journal: Journal;
  clock: Clock;
  random: () => number;
  batchBytes: number;
  lingerMs: number;
  /** How long `stop` goes on appending what is left. */
  drainMs: number;
  counts: RelayCounts;
  /** Redis has lost data. May be called once per partition. */
  onLostByRedis: () => void;
  logger: Logger;
  fail: (error: unknown) => void;
}

const PROBE_EVERY_MS = 1_000;
const DRAIN_LOOK_MS = 10;

export class Publisher implements Service {
  readonly lanes: readonly Lane[];
  readonly #options: PublisherOptions;
  readonly #runners: LaneRunner[] = [];
  #failingSince: number | undefined;

  constructor(options: PublisherOptions) {
    this.#options = options;
    const { partitions } = options;
    this.lanes = Array.from({ length: partitions }, (_, partition) => this.#addLane(partition));
    options.redis.on('close', () => {
      for (const lane of this.lanes) lane.disconnected();
      for (const runner of this.#runners) runner.wake();
    });
  }

  async start(): Promise<void> {
    for (const runner of this.#runners) runner.start();
  }

  /** Appends what is left, as long as it may, and closes the connection. Inputs are closed by now. */
  async stop(): Promise<void> {
    const { clock, drainMs, logger, redis, counts } = this.#options;
    const deadlineMs = clock.monotonicMs() + drainMs;
    for (const lane of this.lanes) lane.drain();
    while (!this.#empty && clock.monotonicMs() < deadlineMs) {
      for (const runner of this.#runners) runner.wake();
      await clock.sleep(DRAIN_LOOK_MS);
    }
    redis.disconnect();
    await Promise.all(this.#runners.map((runner) => runner.stop()));
    if (this.#empty) return;
    const lines = this.lanes.reduce((sum, lane) => sum + lane.waitingLines, 0);
    counts.linesAbandoned += lines;
    logger.error(
      { lines },
      'stopped with lines that Redis did not confirm; no request that held them was answered 204',
    );
  }

  /** Redis does not take what we have, as far as the last calls tell. */
  get away(): boolean {
    return this.#options.redis.status !== 'ready' || this.lanes.some((lane) => lane.failing);
  }

  /** Every line received before this moment is in Redis (its clock, ms); undefined while a partition never answered. */
  get drainedMs(): number | undefined {
    let drainedMs = Number.POSITIVE_INFINITY;
    for (const lane of this.lanes) {
      const laneMs = lane.drainedMs;
      if (laneMs === undefined) return undefined;
      drainedMs = Math.min(drainedMs, laneMs);
    }
    return drainedMs;
  }

  get #empty(): boolean {
    return this.lanes.every((lane) => lane.empty);
  }

  #addLane(partition: number): Lane {
    const { journal, batchBytes, lingerMs, random, clock, counts, prefix, appender, redis, logger } = this.#options;
    const keys = partitionKeys(prefix, partition);
    const lane: Lane = new Lane({
      partition,
      journal,
      batchBytes,
      lingerMs,
      probeEveryMs: PROBE_EVERY_MS,
      backoffMs: (failures) => backoffMs(failures, random),
      events: {
        work: () => runner.wake(),
        journaled: (lines) => {
          counts.linesJournaled += lines;
        },
        confirmed: ({ lineCount }, again) => {
          counts.batchesAppended++;
          counts.linesAppended += lineCount;
          if (!again) return;
          counts.batchesAppendedAgain++;
          counts.linesAppendedAgain += lineCount;
        },
        lostByRedis: (batches) => {
          logger.error({ partition, batches }, 'Redis has lost data: sending it again');
          this.#options.onLostByRedis();
        },
        gap: (batches) => {
          counts.gapBatches += batches;
          logger.error({ partition, batches }, 'Redis has lost data that the journal no longer holds');
        },
      },
    });
    const runner = new LaneRunner({
      lane,
      clock,
      call: async (step) => {
        if (step.kind === 'probe') return probe(redis, keys, appender);
        const sentMs = clock.monotonicMs();
        const answer = await appendBatch(redis, keys, appender, step.batch, step.afterGap);
        counts.appendSeconds.observe((clock.monotonicMs() - sentMs) / 1_000);
        this.#recovered();
        return answer;
      },
      onFailure: (error) => this.#onFailure(error),
    });
    this.#runners.push(runner);
    return lane;
  }

  #recovered(): void {
    if (this.#failingSince === undefined) return;
    const awayMs = Math.round(this.#options.clock.monotonicMs() - this.#failingSince);
    this.#failingSince = undefined;
    this.#options.logger.info({ awayMs }, 'Redis takes batches again');
  }

  #onFailure(error: unknown): void {
    const { fail, logger, counts, clock } = this.#options;
    const fault = passingFault(error);
    if (!fault) {
      fail(error);
      return;
    }
    counts.countAppendFailure(fault.code);
    if (this.#failingSince !== undefined) return;
    this.#failingSince = clock.monotonicMs();
    logger.warn({ err: fault }, 'Redis does not take batches; requests are answered 503 until it does');
  }
}
