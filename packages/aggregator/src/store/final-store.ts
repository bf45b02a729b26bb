import { randomBytes } from 'node:crypto';
import { finalKey, finalsKey, finalsStampKey } from '@weir/common/keys';
import { redisFault, Script } from '@weir/common/redis';
import type { Redis } from 'ioredis';

/**
 * The final records: what stays of a sealed window until every sink has it. A record is written once, before the
 * partitions' state is freed, and never changed, so whoever finds the state half freed finds the record.
 */
export interface FinalStore {
  get(startSec: number): Promise<Buffer | undefined>;
  /** False when there was one already. */
  store(startSec: number, totals: Buffer): Promise<boolean>;
  remove(startSec: number): Promise<void>;
  /** All windows that have one, and since when (ms, Redis's clock). Undefined when nothing changed since `stamp`. */
  list(stamp: string): Promise<FinalsView | undefined>;
}

export interface FinalsView {
  stamp: string;
  storedMs: Map<number, number>;
}

const STORE = Script.beside(import.meta.url, 'store-final');
const REMOVE = Script.beside(import.meta.url, 'remove-final');

export class RedisFinalStore implements FinalStore {
  readonly #redis: Redis;
  readonly #prefix: string;

  constructor(redis: Redis, prefix: string) {
    this.#redis = redis;
    this.#prefix = prefix;
  }

  async get(startSec: number): Promise<Buffer | undefined> {
    try {
      return (await this.#redis.getBuffer(finalKey(this.#prefix, startSec))) ?? undefined;
    } catch (error) {
      throw redisFault(error);
    }
  }

  async store(startSec: number, totals: Buffer): Promise<boolean> {
    const keys = [finalKey(this.#prefix, startSec), finalsKey(this.#prefix), finalsStampKey(this.#prefix)];
    return (await STORE.run(this.#redis, keys, [startSec, totals, newStamp()])) === 1;
  }

  async remove(startSec: number): Promise<void> {
    const keys = [finalKey(this.#prefix, startSec), finalsKey(this.#prefix), finalsStampKey(this.#prefix)];
    await REMOVE.run(this.#redis, keys, [startSec, newStamp()]);
  }

  async list(stamp: string): Promise<FinalsView | undefined> {
    try {
      // The stamp first: a change between the two reads is then seen again, not missed.
      const now = (await this.#redis.get(finalsStampKey(this.#prefix))) ?? '';
      if (now === stamp) return undefined;
      const rows = await this.#redis.zrange(finalsKey(this.#prefix), 0, -1, 'WITHSCORES');
      const storedMs = new Map<number, number>();
      for (let i = 0; i < rows.length; i += 2) storedMs.set(Number(rows[i]), Number(rows[i + 1]));
      return { stamp: now, storedMs };
    } catch (error) {
      throw redisFault(error);
    }
  }
}

function newStamp(): string {
  return randomBytes(8).toString('hex');
}
