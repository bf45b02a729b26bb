import type { Clock } from '@weir/common/clock';
import { partitionKeys } from '@weir/common/keys';
import type { Logger } from '@weir/common/logger';
import { passingFault } from '@weir/common/redis';
import type { Service } from '@weir/common/service';
import type { Redis } from 'ioredis';
import { type Appender, appendBatch, eventTarget, otherTarget, probe } from './append-script.ts';
import { backoffMs } from './backoff.ts';
import type { Recovered } from './disk-journal.ts';
import type { Journal } from './journal.ts';
import { Lane, type LaneOptions } from './lane.ts';
import { laneNumber, lanePlace } from './lane-number.ts';
import { LaneRunner } from './lane-runner.ts';
import type { RelayCounts } from './relay-metrics.ts';

/**
 * Brings what the doors took to Redis: per partition one lane for events and one for other lines, all on one connection.
 * Guarantees that a receipt settles
 * only after Redis confirmed the batch or the journal was synced, that no batch is appended twice, and that what Redis
 * lost is sent again as far as the journal reaches. What earlier starts left in the journal has lanes of its own, which
 * take no lines. Owns its connection, so that nothing it sent runs later than it believes.
 */
export interface PublisherOptions {
  redis: Redis;
  prefix: string;
  partitions: number;
  appender: Appender;
  journal: Journal;
  recovered: readonly Recovered[];
  clock: Clock;
  random: () => number;
  batchBytes: number;
  lingerMs: number;
  unattendedLingerMs: number;
  /** How long `stop` goes on appending what is left. */
  drainMs: number;
  /** What the streams of other lines may hold, all partitions together. */
  otherBytes: number;
  counts: RelayCounts;
  /** Redis has lost data. May be called once per partition. */
  onLostByRedis: () => void;
  logger: Logger;
  fail: (error: unknown) => void;
}

const PROBE_EVERY_MS = 1_000;
/**
 * Earlier starts' partitions are asked as often while they are few; their number slows each of them down, so that
 * together they never ask more often than this.
 */
const RECOVERED_PROBES_PER_SEC = 64;
const DRAIN_LOOK_MS = 10;
const SECURE_EVERY_MS = 10;
const CARE_EVERY_MS = 1_000;

type LaneAbout = Pick<LaneOptions, 'partition' | 'journal' | 'probeEveryMs' | 'recovered'> & { appender: Appender };

interface RunningLane {
  lane: Lane;
  runner: LaneRunner;
  /** It carries other lines. */
  others: boolean;
}

interface RecoveredLane extends RunningLane {
  /** Whether the journal has anything left of it. */
  held: () => boolean;
}

export class Publisher implements Service {
  /** Of events, by partition. */
  readonly lanes: readonly Lane[];
  /** Of other lines, by partition. */
  readonly otherLanes: readonly Lane[];
  readonly #options: PublisherOptions;
  readonly #own: readonly RunningLane[];
  readonly #recovered: RecoveredLane[];
  #securing: NodeJS.Timeout | undefined;
  #caredAtMs = 0;
  #failingSince: number | undefined;

  constructor(options: PublisherOptions) {
    this.#options = options;
    const { partitions, appender, journal, recovered } = options;
    const ownLanes = (others: boolean): RunningLane[] =>
      Array.from({ length: partitions }, (_, i) => {
        const partition = laneNumber({ partition: i, others });
        return this.#addLane({ partition, journal, appender, probeEveryMs: PROBE_EVERY_MS });
      });
    this.#own = [...ownLanes(false), ...ownLanes(true)];
    this.lanes = this.#own.slice(0, partitions).map(({ lane }) => lane);
    this.otherLanes = this.#own.slice(partitions).map(({ lane }) => lane);
    const parts = recovered.flatMap((part) =>
      [...part.lastSequences].map(([partition, lastSequence]) => ({ part, partition, lastSequence })),
    );
    const probeEveryMs = Math.max(PROBE_EVERY_MS, (parts.length / RECOVERED_PROBES_PER_SEC) * 1_000);
    this.#recovered = parts.map(({ part, partition, lastSequence }) => {
      const about = { partition, journal: part.journal, probeEveryMs, recovered: { lastSequence } };
      return { ...this.#addLane({ ...about, appender: part.head }), held: () => part.holds(partition) };
    });
    options.redis.on('close', () => {
      for (const { lane, runner } of this.#all) {
        lane.disconnected();
        runner.wake();
      }
    });
  }

  /** Lines may come in, and go into the journal, from now on. */
  startJournal(): void {
    if (this.#options.journal.durable) this.#securing ??= setInterval(() => this.#secure(), SECURE_EVERY_MS);
  }

  /** Redis is there, and takes batches from now on. */
  async start(): Promise<void> {
    this.startJournal();
    for (const { runner } of this.#all) runner.start();
  }

  /** Appends what is left, as long as it may, and closes the connection. Inputs are closed by now. */
  async stop(): Promise<void> {
    const { clock, drainMs, logger, redis, counts, journal } = this.#options;
    const deadlineMs = clock.monotonicMs() + drainMs;
    for (const { lane } of this.#own) lane.drain();
    while (!this.empty && clock.monotonicMs() < deadlineMs) {
      for (const { runner } of this.#all) runner.wake();
      await clock.sleep(DRAIN_LOOK_MS);
    }
    redis.disconnect();
    await Promise.all(this.#all.map(({ runner }) => runner.stop()));
    clearInterval(this.#securing);
    for (const { lane } of this.#own) lane.shelve(clock.monotonicMs());
    const empty = this.empty;
    const lines = await journal.close();
    counts.linesAbandoned += lines;
    if (lines > 0) {
      const message = 'stopped with lines that Redis did not confirm; no request that held them was answered 204';
      logger.error({ lines }, message);
    } else if (!empty) {
      const about = { bytes: journal.unconfirmedBytes };
      logger.warn(about, 'stopped with batches that Redis did not confirm; the journal has them for the next start');
    }
  }

  /** The journal was synced. */
  synced(): void {
    for (const { lane } of this.#own) lane.synced();
  }

  /** Redis does not take what we have, as far as the last calls tell. */
  get away(): boolean {
    return this.#options.redis.status !== 'ready' || this.#own.some(({ lane }) => lane.failing);
  }

  /** Redis holds everything that this and earlier starts took, as far as anybody knows. */
  get empty(): boolean {
    return this.#all.every(({ lane }) => lane.empty);
  }

  /** The same of events alone: windows wait for them, and for nothing else. */
  get eventsDrained(): boolean {
    return this.#all.every(({ lane, others }) => others || lane.empty);
  }

  /** Every event received before this moment is in Redis (its clock, ms); undefined while a partition never answered. */
  get drainedMs(): number | undefined {
    let drainedMs = Number.POSITIVE_INFINITY;
    for (const { lane, others } of this.#all) {
      if (others) continue;
      const laneMs = lane.drainedMs;
      if (laneMs === undefined) return undefined;
      drainedMs = Math.min(drainedMs, laneMs);
    }
    return drainedMs;
  }

  /** When the first event that Redis is not known to hold was received, Unix ms; Infinity: it holds all of them. */
  get owedSinceMs(): number {
    const owed = this.#all.map(({ lane, others }) => (others ? Number.POSITIVE_INFINITY : lane.owedSinceMs));
    return Math.min(...owed);
  }

  /** When the first event was received that the Redis of now may lack, Unix ms; see lane.ts. */
  get unsureSinceMs(): number {
    const unsure = this.#all.map(({ lane, others }) => (others ? Number.POSITIVE_INFINITY : lane.unsureSinceMs));
    return Math.min(...unsure);
  }

  get #all(): readonly RunningLane[] {
    return [...this.#own, ...this.#recovered];
  }

  #secure(): void {
    const { clock, journal } = this.#options;
    const nowMs = clock.monotonicMs();
    let wanted = false;
    for (const { lane } of this.#own) wanted = lane.secure(nowMs) || wanted;
    if (wanted) journal.requestSync();
    if (nowMs - this.#caredAtMs < CARE_EVERY_MS) return;
    this.#caredAtMs = nowMs;
    journal.care();
    this.#forgetRecovered();
  }

  /** An incarnation of which the journal holds nothing any more needs no lanes. */
  #forgetRecovered(): void {
    for (const each of [...this.#recovered]) {
      if (each.held()) continue;
      this.#recovered.splice(this.#recovered.indexOf(each), 1);
      void each.runner.stop();
    }
  }

  #addLane(about: LaneAbout): RunningLane {
    const { batchBytes, lingerMs, unattendedLingerMs, random, clock, prefix, partitions, otherBytes, redis, logger } =
      this.#options;
    const { partition, others } = lanePlace(about.partition);
    const { appender } = about;
    const keys = partitionKeys(prefix, partition);
    const target = others ? otherTarget(keys, Math.ceil(otherBytes / partitions)) : eventTarget(keys);
    const { appendSeconds } = this.#options.counts;
    const counts = others ? this.#options.counts.others : this.#options.counts;
    const lane: Lane = new Lane({
      ...about,
      batchBytes,
      lingerMs,
      unattendedLingerMs,
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
          logger.error({ partition, others, batches }, 'Redis has lost data: sending it again');
          this.#options.onLostByRedis();
        },
        gap: (batches) => {
          counts.gapBatches += batches;
          logger.error({ partition, others, batches }, 'Redis has lost data that the journal no longer holds');
        },
      },
    });
    const runner = new LaneRunner({
      lane,
      clock,
      call: async (step) => {
        if (step.kind === 'probe') return probe(redis, target, appender);
        const sentMs = clock.monotonicMs();
        const answer = await appendBatch(redis, target, appender, step.batch, step.afterGap);
        appendSeconds.observe((clock.monotonicMs() - sentMs) / 1_000);
        this.#takenAgain();
        return answer;
      },
      onFailure: (error) => this.#onFailure(error),
    });
    return { lane, runner, others };
  }

  #takenAgain(): void {
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
    const meanwhile = this.#options.journal.durable ? 'the journal takes them' : 'requests are answered 503';
    logger.warn({ err: fault }, `Redis does not take batches; until it does, ${meanwhile}`);
  }
}
