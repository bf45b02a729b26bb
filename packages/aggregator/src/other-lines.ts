import type { Clock } from '@weir/common/clock';
import { partitionKeys } from '@weir/common/keys';
import type { Logger } from '@weir/common/logger';
import { Loop } from '@weir/common/loop';
import { passingFault } from '@weir/common/redis-fault';
import { type Service, ServiceGroup } from '@weir/common/service';
import type { RejectedLine, Sink } from '@weir/sinks/sink';
import type { Redis } from 'ioredis';
import type { AggregatorMetrics } from './aggregator-metrics.ts';
import { RedisGroupReader } from './group-reader.ts';
import { MEMBERSHIP_TIMES, type Membership } from './membership.ts';
import { OtherForwarder } from './other-forwarder.ts';
import { OtherStreams } from './store/other-streams.ts';
import type { RefusedStore } from './store/refused-store.ts';

/**
 * Other lines on their way to the sinks: a forwarder per sink, so that no sink waits for another, and the care for the
 * streams of the partitions that are this process's: what all sinks have is trimmed, and how much waits is shown.
 */
export interface OtherLinesOptions {
  redis: Redis;
  prefix: string;
  partitions: number;
  id: string;
  sinks: readonly Sink[];
  /** Names of the sinks of the deployment, as it is now: what all of them have is trimmed, and no other gets anything. */
  deploymentSinks: () => readonly string[];
  /** Where refused lines are kept for people. */
  refused: Pick<RefusedStore, 'add'>;
  membership: Membership;
  claimIdleMs: number;
  clock: Clock;
  metrics: AggregatorMetrics;
  logger: Logger;
  /** Called with a bug. */
  fail: (error: unknown) => void;
}

const CARE_EVERY_MS = 1_000;
/** Refused lines in one line of the log. */
const MAX_NAMED_LINES = 10;

export class OtherLines implements Service {
  readonly #options: OtherLinesOptions;
  readonly #streams: OtherStreams;
  readonly #parts: ServiceGroup;
  /** By sink: lines dropped as of the last look. */
  readonly #dropped = new Map<string, number>();

  constructor(options: OtherLinesOptions) {
    this.#options = options;
    const { redis, prefix, sinks, clock, logger, fail } = options;
    this.#streams = new OtherStreams({ redis, prefix, sinks: sinks.map(({ name }) => name) });
    const care = new Loop({
      clock,
      intervalMs: CARE_EVERY_MS,
      runOnce: (signal) => this.#care(signal),
      // What was not trimmed now is trimmed later; nothing else depends on it.
      onError: (error) => (passingFault(error) ? logger.debug({ err: error }, 'other lines not trimmed') : fail(error)),
    });
    this.#parts = new ServiceGroup([care, ...sinks.map((sink) => this.#forwarder(sink))]);
  }

  start(): Promise<void> {
    return this.#parts.start();
  }

  stop(): Promise<void> {
    return this.#parts.stop();
  }

  #forwarder(sink: Sink): OtherForwarder {
    const { redis, prefix, partitions, id, membership, claimIdleMs, clock, metrics, logger, fail } = this.#options;
    const { deploymentSinks } = this.#options;
    const label = { sink: sink.name };
    return new OtherForwarder({
      sink,
      readers: Array.from({ length: partitions }, (_, partition) => {
        const stream = partitionKeys(prefix, partition).others;
        return new RedisGroupReader({ commands: redis, stream, group: sink.name, consumer: id });
      }),
      consumer: id,
      // Who has not been heard of for as long as makes him dead to the others reads no more.
      owns: (partition) => membership.present && membership.owns(partition),
      alive: () => membership.ids,
      claimIdleMs,
      inUse: () => deploymentSinks().includes(sink.name),
      handoverMs: MEMBERSHIP_TIMES.deadAfterMs,
      refused: (lines) => this.#refused(sink.name, lines),
      clock,
      random: Math.random,
      events: {
        wrote: (lines) => metrics.otherLines.inc(label, lines),
        failed: (code) => metrics.otherFailures.inc({ ...label, code }),
        lost: (entries) => metrics.lost.inc(entries),
      },
      logger,
      fail,
    });
  }

  async #refused(sink: string, lines: readonly RejectedLine[]): Promise<void> {
    const { metrics, logger, refused } = this.#options;
    metrics.otherRefused.inc({ sink }, lines.length);
    logger.error(
      { sink, lines: lines.length, refused: lines.slice(0, MAX_NAMED_LINES) },
      'the sink refuses some other lines for good; the rest is written',
    );
    await refused.add(sink, 'line', lines);
  }

  async #care(signal: AbortSignal): Promise<void> {
    const { partitions, membership, sinks, deploymentSinks, metrics } = this.#options;
    const sums = sinks.map(() => ({ waitingLines: 0, droppedLines: 0 }));
    let bytes = 0;
    for (let partition = 0; partition < partitions; partition++) {
      if (signal.aborted) return;
      if (!membership.owns(partition)) continue;
      await this.#streams.trim(partition, deploymentSinks());
      const look = await this.#streams.look(partition);
      bytes += look.bytes;
      for (const [i, { waitingLines, droppedLines }] of look.sinks.entries()) {
        sums[i]!.waitingLines += waitingLines;
        sums[i]!.droppedLines += droppedLines;
      }
    }
    metrics.otherBytes.set(bytes);
    for (const [i, { waitingLines, droppedLines }] of sums.entries()) {
      this.#show(sinks[i]!.name, waitingLines, droppedLines);
    }
  }

  #show(sink: string, waitingLines: number, droppedLines: number): void {
    const { metrics, logger } = this.#options;
    metrics.otherWaiting.set({ sink }, waitingLines);
    metrics.otherDropped.set({ sink }, droppedLines);
    const known = this.#dropped.get(sink);
    this.#dropped.set(sink, droppedLines);
    if (known === undefined || droppedLines <= known) return;
    const message = 'other lines dropped before the sink had them: it was away for longer than --other-bytes allows';
    logger.warn({ sink, lines: droppedLines - known }, message);
  }
}
