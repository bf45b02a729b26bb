import { partitionKeys } from '@weir/common/keys';
import { partitionOf } from '@weir/common/partition';
import { Stamps } from '@weir/common/stamps';
import { appendBatch, probe } from '@weir/relay/append-script';
import type { JournalBatch } from '@weir/relay/journal';
import { LineReader, type LinesRead, type LineTaker } from '@weir/relay/lines';
import type { Redis } from 'ioredis';

/**
 * A relay without its doors, for tests that want batches cut at random: lines are judged by the relay's own reader,
 * routed by user and appended by its own script; a reply that is lost makes it send the same batch again, and so does a
 * Redis that has lost what it held.
 */
export interface BatchingRelayOptions {
  redis: Redis;
  prefix: string;
  partitions: number;
  id: string;
  /** 16 hex digits. */
  incarnation: string;
  /** 0 to 1. */
  random: () => number;
}

interface Line {
  bytes: Buffer;
  number: number;
}

export class BatchingRelay {
  readonly #options: BatchingRelayOptions;
  readonly #reader = new LineReader(new Stamps(0));
  /** Every batch of every partition: sequence 1 stands first. */
  readonly #journal: JournalBatch[][];
  #acceptedLines = 0;

  constructor(options: BatchingRelayOptions) {
    this.#options = options;
    this.#journal = Array.from({ length: options.partitions }, () => []);
  }

  /** Appended so far, each once. */
  get acceptedLines(): number {
    return this.#acceptedLines;
  }

  /** Takes a request's body and appends its lines in batches of at most so many lines. */
  async send(body: Buffer, batchLines: number, idempotencyKey?: string): Promise<LinesRead> {
    const { partitions } = this.#options;
    const lanes = Array.from({ length: partitions }, (): Line[] => []);
    const events: LineTaker = {
      take: (source, start, end, { username }, number) => {
        const partition = partitionOf(username.bytes, username.start, username.end, partitions);
        lanes[partition]!.push({ bytes: Buffer.from(source.subarray(start, end)), number });
      },
      takeStamped: () => {
        throw new Error('a test sends timestamps: its oracle would not know the event');
      },
    };
    const read = this.#reader.read(body, 'ns', Date.now(), { events });
    for (const [partition, lines] of lanes.entries()) {
      for (let at = 0; at < lines.length; at += batchLines) {
        await this.#append(partition, lines.slice(at, at + batchLines), idempotencyKey);
      }
    }
    return read;
  }

  /** Sends again what Redis has lost. */
  async catchUp(): Promise<void> {
    const { redis, prefix, id, incarnation } = this.#options;
    for (const [partition, batches] of this.#journal.entries()) {
      const { last } = await probe(redis, partitionKeys(prefix, partition), { relayId: id, incarnation });
      await this.#sendFrom(partition, last, batches.length);
    }
  }

  async #append(partition: number, lines: readonly Line[], idempotencyKey: string | undefined): Promise<void> {
    const batches = this.#journal[partition]!;
    const keyed =
      idempotencyKey === undefined ? {} : { idempotencyKey, lineNumbers: lines.map(({ number }) => number).join(',') };
    const before = batches.length;
    batches.push({
      sequence: before + 1,
      receivedMs: Date.now(),
      lineCount: lines.length,
      lines: Buffer.concat(lines.flatMap(({ bytes }) => [bytes, Buffer.from('\n')])),
      ...keyed,
    });
    this.#acceptedLines += lines.length;
    await this.#sendFrom(partition, before, batches.length);
  }

  /** `held`: the last sequence that Redis is believed to hold. It says itself what it holds, and is believed. */
  async #sendFrom(partition: number, held: number, until: number): Promise<void> {
    const { redis, prefix, id, incarnation, random } = this.#options;
    let last = held;
    while (last < until) {
      const batch = this.#journal[partition]![last]!;
      const append = () =>
        appendBatch(redis, partitionKeys(prefix, partition), { relayId: id, incarnation }, batch, false);
      if (random() < 0.2) await append();
      ({ last } = await append());
    }
  }
}
