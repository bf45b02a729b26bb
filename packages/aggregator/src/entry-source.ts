import { CONSUMER_GROUP } from '@weir/common/keys';
import { Script } from '@weir/common/redis';
import type { Redis } from 'ioredis';
import { type GroupReader, RedisGroupReader } from './group-reader.ts';

export type { IdlePage, ReadEntry } from './group-reader.ts';

/** Where a partition's entries come from, and what is known of those that may have brought a process down. */
export interface EntrySource extends GroupReader {
  /** How often entries that are this consumer's now were delivered. */
  deliveries(ids: readonly string[]): Promise<Map<string, number>>;
  /** See suspect.lua. */
  markSuspect(id: string, alive: readonly string[]): Promise<'process' | 'wait' | 'unreadable'>;
  /** Ends a read that waits, without losing what it may just be given. */
  unblock(): Promise<void>;
}

export interface RedisEntrySourceOptions {
  /** Blocks; used by nothing else. */
  reader: Redis;
  commands: Redis;
  stream: string;
  suspects: string;
  consumer: string;
  /** Random, of this process's start. */
  incarnation: string;
  /** Solo crashes after which an entry is unreadable. */
  suspectCrashes: number;
}

/** More than a consumer ever has in hand. */
const MAX_PENDING = 100_000;

const SUSPECT = Script.beside(new URL('./store/', import.meta.url).href, 'suspect');

export class RedisEntrySource extends RedisGroupReader implements EntrySource {
  readonly #options: RedisEntrySourceOptions;

  constructor(options: RedisEntrySourceOptions) {
    super({ ...options, group: CONSUMER_GROUP });
    this.#options = options;
  }

  async deliveries(ids: readonly string[]): Promise<Map<string, number>> {
    const { stream, consumer } = this.#options;
    const counts = new Map<string, number>();
    if (ids.length === 0) return counts;
    const rows = await this.call<[Buffer, Buffer, number, number][]>('XPENDING', [
      stream,
      CONSUMER_GROUP,
      ids[0]!,
      ids[ids.length - 1]!,
      // Not as many as there are ids: others of this consumer's may lie between them.
      MAX_PENDING,
      consumer,
    ]);
    for (const [id, , , deliveries] of rows) counts.set(id.toString(), deliveries);
    return counts;
  }

  async markSuspect(id: string, alive: readonly string[]): Promise<'process' | 'wait' | 'unreadable'> {
    const { commands, suspects, incarnation, suspectCrashes } = this.#options;
    const reply = await SUSPECT.run(commands, [suspects], [id, incarnation, suspectCrashes, ...alive]);
    return String(reply) as 'process' | 'wait' | 'unreadable';
  }
}
