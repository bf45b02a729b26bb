import { isAfter } from '../entry-id.ts';
import type { PatientRedis } from './patient-redis.ts';
import { bytesOf, ReadSize } from './read-size.ts';

/**
 * Reads the streams of all partitions behind what it has read, without a consumer group: nobody else notices. A read has a
 * bound, also where every partition has an entry of 1 MB: it takes a few of them, and few entries of each.
 */
export interface PassedEntry {
  partition: number;
  id: string;
  fields: Buffer[];
}

export type StreamReply = [stream: Buffer, entries: [id: Buffer, fields: Buffer[]][]][] | null;

export class StreamReader {
  readonly #redis: PatientRedis;
  readonly #streams: readonly string[];
  readonly #lastIds: string[];
  /** By partition: at the last look nothing was behind what was read. */
  readonly #empty: boolean[];
  readonly #size = new ReadSize();

  /** By partition: the streams, and behind which ids to read. */
  constructor(redis: PatientRedis, streams: readonly string[], lastIds: readonly string[]) {
    this.#redis = redis;
    this.#streams = streams;
    this.#lastIds = [...lastIds];
    this.#empty = streams.map(() => false);
  }

  /** Looks at each partition once. */
  async *pass(): AsyncGenerator<PassedEntry[]> {
    for (let first = 0; first < this.#streams.length; ) {
      const to = Math.min(this.#streams.length, first + this.#size.streams);
      const entries = await this.#read(first, to);
      if (entries.length > 0) yield entries;
      first = to;
    }
  }

  /** By partition: all that is there up to these ids has been read. */
  hasRead(ids: readonly string[]): boolean {
    return ids.every((id, partition) => this.#empty[partition] || !isAfter(id, this.#lastIds[partition]!));
  }

  async #read(first: number, to: number): Promise<PassedEntry[]> {
    const streams = this.#streams.slice(first, to);
    const ids = this.#lastIds.slice(first, to);
    const count = this.#size.ofEach;
    const reply = await this.#redis.call('XREAD', 'COUNT', count, 'STREAMS', ...streams, ...ids);
    const entries: PassedEntry[] = [];
    let bytes = 0;
    this.#empty.fill(true, first, to);
    for (const [stream, some] of (reply as StreamReply) ?? []) {
      const partition = first + streams.indexOf(stream.toString());
      this.#empty[partition] = false;
      for (const [id, fields] of some) {
        entries.push({ partition, id: id.toString(), fields });
        bytes += bytesOf(fields);
        this.#lastIds[partition] = id.toString();
      }
    }
    this.#size.took(bytes);
    return entries;
  }
}
