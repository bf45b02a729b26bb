import { sealAskedKey, sinkAskedKey } from '@weir/common/keys';
import { redisFault } from '@weir/common/redis';
import type { Redis } from 'ioredis';

/**
 * What operators ask of the aggregators: to bring a window to a sink again (`weir flush`), to seal a window before its time
 * (`weir seal --force`). Only the asking is here; the answer is in the sink's books, and in the sealed bits. All calls reject
 * with a RedisFault.
 */
export interface FlushRequests {
  /** Windows that were asked for since the last call. Which are still to be written the books say. */
  news(): Promise<number[]>;
  /** Redis lost data: what was asked for may come again. */
  forget(): void;
}

export interface SealRequests {
  /** Windows, and when their seal was asked for (ms, Redis's clock). */
  read(): Promise<ReadonlyMap<number, number>>;
  remove(startSec: number): Promise<void>;
}

export class RedisFlushRequests implements FlushRequests {
  readonly #redis: Redis;
  readonly #key: string;
  /** Scores only grow. */
  #seen = '-inf';

  constructor(redis: Redis, prefix: string, sink: string) {
    this.#redis = redis;
    this.#key = sinkAskedKey(prefix, sink);
  }

  async news(): Promise<number[]> {
    try {
      const rows = await this.#redis.zrangebyscore(this.#key, `(${this.#seen}`, '+inf', 'WITHSCORES');
      this.#seen = rows.at(-1) ?? this.#seen;
      return rows.filter((_, i) => i % 2 === 0).map(Number);
    } catch (error) {
      throw redisFault(error);
    }
  }

  forget(): void {
    this.#seen = '-inf';
  }
}

export class RedisSealRequests implements SealRequests {
  readonly #redis: Redis;
  readonly #key: string;

  constructor(redis: Redis, prefix: string) {
    this.#redis = redis;
    this.#key = sealAskedKey(prefix);
  }

  async read(): Promise<ReadonlyMap<number, number>> {
    try {
      const fields = Object.entries(await this.#redis.hgetall(this.#key));
      return new Map(fields.map(([startSec, askedMs]) => [Number(startSec), Number(askedMs)]));
    } catch (error) {
      throw redisFault(error);
    }
  }

  async remove(startSec: number): Promise<void> {
    try {
      await this.#redis.hdel(this.#key, String(startSec));
    } catch (error) {
      throw redisFault(error);
    }
  }
}
