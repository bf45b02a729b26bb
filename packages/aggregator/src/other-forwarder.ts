import type { Clock } from '@weir/common/clock';
import type { Logger } from '@weir/common/logger';
import { Loop } from '@weir/common/loop';
import { passingFault } from '@weir/common/redis-fault';
import type { Service } from '@weir/common/service';
import { type RejectedLine, type Sink, SinkError } from '@weir/sinks/sink';
import type { GroupReader, ReadEntry } from './group-reader.ts';
import { OtherFeed } from './other-feed.ts';

/**
 * Brings other lines to one sink, as they came: reads batches from the partitions that are this process's, writes their
 * lines in order, and acks a batch once the sink has confirmed it or refused its bad lines for good. At least once: what was
 * written and not acked is written again, here or by another process. InfluxDB keeps one value per series, field and time,
 * so this shows only where a point was overwritten meanwhile: the older value may come back until the newer batch is
 * written again too, which it is, because batches are acked in their order.
 *
 * A sink that is away holds up nothing but itself: its batches wait in the streams, and at most one round is in memory.
 */
export interface OtherForwarderOptions {
  sink: Pick<Sink, 'name' | 'writeLines'>;
  /** Of the sink's consumer group, by partition. */
  readers: readonly GroupReader[];
  /** The name of this consumer. */
  consumer: string;
  owns: (partition: number) => boolean;
  /** Consumers that live. */
  alive: () => readonly string[];
  claimIdleMs: number;
  /** False once the sink is no longer of the deployment: then nothing is read for it, and its groups may go. */
  inUse: () => boolean;
  /** See other-feed.ts. */
  handoverMs: number;
  /** Keeps what the sink refused for good. */
  refused: (lines: readonly RejectedLine[]) => Promise<void>;
  clock: Clock;
  random: () => number;
  events: OtherForwarderEvents;
  logger: Logger;
  /** Called with a bug. */
  fail: (error: unknown) => void;
}

export interface OtherForwarderEvents {
  wrote(lines: number): void;
  failed(code: string): void;
  /** Pending entries that were deleted from the stream, or that no relay wrote. */
  lost(entries: number): void;
}

interface Round {
  /** What was read of each feed, in order. */
  parts: { feed: OtherFeed; entries: ReadEntry[] }[];
  lines: string[];
}

const POLL_MS = 200;
/** A round ends here; a batch may go beyond. */
const ROUND_BYTES = 4 * 1024 * 1024;
const MIN_PAUSE_MS = 250;
const MAX_PAUSE_MS = 10_000;

export class OtherForwarder implements Service {
  readonly #options: OtherForwarderOptions;
  readonly #loop: Loop;
  readonly #feeds: readonly OtherFeed[];
  /** Read and not yet acked. */
  #round: Round | undefined;
  /** The feed that the next round begins with, so that a full one does not starve the others. */
  #first = 0;
  #pauseMs = 0;
  #notBeforeMs = 0;

  constructor(options: OtherForwarderOptions) {
    this.#options = options;
    const { readers, consumer, alive, claimIdleMs, handoverMs, clock } = options;
    this.#feeds = readers.map((reader) => new OtherFeed({ reader, consumer, alive, claimIdleMs, handoverMs, clock }));
    this.#loop = new Loop({
      clock,
      intervalMs: POLL_MS,
      runOnce: (signal) => this.runOnce(signal),
      onError: (error) => this.#onError(error),
    });
  }

  start(): Promise<void> {
    return this.#loop.start();
  }

  /** What is in hand stays pending: who owns the partition next takes it over. */
  stop(): Promise<void> {
    return this.#loop.stop();
  }

  /** Goes on until there is nothing more to bring, or the sink fails. */
  async runOnce(signal: AbortSignal): Promise<void> {
    const { clock, inUse } = this.#options;
    while (!signal.aborted && inUse() && clock.monotonicMs() >= this.#notBeforeMs) {
      this.#round ??= await this.#gather();
      if (this.#round === undefined) return;
      await this.#deliver(this.#round, signal);
      this.#round = undefined;
      this.#pauseMs = 0;
    }
  }

  async #gather(): Promise<Round | undefined> {
    const { owns } = this.#options;
    const parts: Round['parts'] = [];
    const count = this.#feeds.length;
    const from = this.#first;
    let bytes = 0;
    for (let i = 0; i < count && bytes < ROUND_BYTES; i++) {
      const partition = (from + i) % count;
      const feed = this.#feeds[partition]!;
      const entries = await feed.read(owns(partition), ROUND_BYTES - bytes);
      for (const { entry } of entries) bytes += entry?.lines.length ?? 0;
      if (entries.length > 0) parts.push({ feed, entries });
      this.#first = (partition + 1) % count;
    }
    if (parts.length === 0) return undefined;
    return { parts, lines: parts.flatMap(({ entries }) => entries.flatMap((entry) => this.#linesOf(entry))) };
  }

  #linesOf({ id, entry, readable }: ReadEntry): string[] {
    if (entry !== undefined && readable) return entry.lines.toString().split('\n').slice(0, -1);
    const { events, logger, sink } = this.#options;
    events.lost(1);
    logger.error({ sink: sink.name, id }, 'an entry of other lines was deleted, or no relay wrote it: it is left out');
    return [];
  }

  async #deliver({ parts, lines }: Round, signal: AbortSignal): Promise<void> {
    const { sink, refused, events } = this.#options;
    const { rejected } = lines.length === 0 ? { rejected: [] } : await sink.writeLines(lines, signal);
    if (rejected.length > 0) await refused(rejected);
    for (const { feed, entries } of parts) await feed.ack(entries.map(({ id }) => id));
    events.wrote(lines.length - rejected.length);
  }

  #onError(error: unknown): void {
    const { events, logger, sink, fail } = this.#options;
    if (error instanceof SinkError) {
      events.failed(error.code);
      const retryInMs = this.#rest();
      logger.warn({ err: error, sink: sink.name, retryInMs }, 'other lines wait: the sink does not take them');
      return;
    }
    const fault = passingFault(error);
    if (fault === undefined) {
      fail(error);
      return;
    }
    // Nobody knows what was acked, or given to us without our knowing: it is all read again.
    this.#round = undefined;
    for (const feed of this.#feeds) feed.forget();
    events.failed(fault.code);
    this.#rest();
    logger.debug({ err: fault, sink: sink.name }, 'other lines wait for Redis');
  }

  #rest(): number {
    const { clock, random } = this.#options;
    this.#pauseMs = Math.min(MAX_PAUSE_MS, Math.max(MIN_PAUSE_MS, this.#pauseMs * 2));
    const retryInMs = Math.round(this.#pauseMs * (0.5 + random() / 2));
    this.#notBeforeMs = clock.monotonicMs() + retryInMs;
    return retryInMs;
  }
}
