import { redisFault } from '@weir/common/redis';
import type { Redis } from 'ioredis';

/**
 * Reads the streams of all partitions behind what it has read, without a consumer group: nobody else notices. A read takes a
 * few partitions and few entries each, about a megabyte where entries are as large as before; only the one that waits
 * asks for all, and gets one entry of each.
 */
export interface PassedEntry {
  partition: number;
  id: string;
  fields: Buffer[];
}

const PARTITIONS_AT_ONCE = 8;
const READ_BYTES = 1024 * 1024;
const MOST_ENTRIES = 64;

type Reply = [stream: Buffer, entries: [id: Buffer, fields: Buffer[]][]][] | null;

export class StreamReader {
  readonly #redis: Redis;
  readonly #streams: readonly string[];
  readonly #lastIds: string[];
  readonly #blockMs: number;
  #count = 1;

  /** `redis`: a connection of its own, as it blocks. By partition: the streams, and behind which ids to read. */
  constructor(redis: Redis, streams: readonly string[], lastIds: readonly string[], blockMs: number) {
    this.#redis = redis;
    this.#streams = streams;
    this.#lastIds = [...lastIds];
    this.#blockMs = blockMs;
  }

  /** All that is there, read by read; where nothing is, it waits for a while. */
  async *round(): AsyncGenerator<PassedEntry[]> {
    let found = false;
    for (let first = 0; first < this.#streams.length; first += PARTITIONS_AT_ONCE) {
      const entries = await this.#read(first, PARTITIONS_AT_ONCE, undefined);
      if (entries.length === 0) continue;
      found = true;
      yield entries;
    }
    if (!found) yield await this.#read(0, this.#streams.length, this.#blockMs);
  }

  async #read(first: number, most: number, blockMs: number | undefined): Promise<PassedEntry[]> {
    const streams = this.#streams.slice(first, first + most);
    const ids = this.#lastIds.slice(first, first + most);
    const how = blockMs === undefined ? ['COUNT', this.#count] : ['COUNT', 1, 'BLOCK', blockMs];
    const entries: PassedEntry[] = [];
    let bytes = 0;
    for (const [stream, some] of await this.#ask([...how, 'STREAMS', ...streams, ...ids])) {
      const partition = this.#streams.indexOf(stream.toString());
      for (const [id, fields] of some) {
        entries.push({ partition, id: id.toString(), fields });
        bytes += fields.reduce((sum, field) => sum + field.length, 0);
        this.#lastIds[partition] = id.toString();
      }
    }
    if (blockMs === undefined)
      this.#count = Math.max(1, Math.min(MOST_ENTRIES, bytes > READ_BYTES ? this.#count >> 1 : this.#count * 2));
    return entries;
  }

  async #ask(args: (string | number)[]): Promise<NonNullable<Reply>> {
    try {
      return ((await this.#redis.callBuffer('XREAD', ...args)) as Reply) ?? [];
    } catch (error) {
      throw redisFault(error);
    }
  }
}
