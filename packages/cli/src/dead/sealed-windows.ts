import { partitionKeys } from '@weir/common/keys';
import { redisFault } from '@weir/common/redis';
import { SEALED_CHUNK, windowIndex } from '@weir/common/window';
import type { Redis } from 'ioredis';

/** Which windows are sealed, partition by partition; each is asked for once. */
export class SealedWindows {
  readonly #redis: Redis;
  readonly #prefix: string;
  readonly #windowLengthSec: number;
  readonly #known = new Map<string, boolean>();

  constructor(redis: Redis, prefix: string, windowLengthSec: number) {
    this.#redis = redis;
    this.#prefix = prefix;
    this.#windowLengthSec = windowLengthSec;
  }

  /** Rejects with a RedisFault. */
  async has(partition: number, startSec: number): Promise<boolean> {
    const name = `${partition}/${startSec}`;
    const known = this.#known.get(name);
    if (known !== undefined) return known;
    const index = windowIndex(startSec, this.#windowLengthSec);
    const key = `${partitionKeys(this.#prefix, partition).base}sealed:${Math.floor(index / SEALED_CHUNK)}`;
    try {
      const sealed = (await this.#redis.getbit(key, index % SEALED_CHUNK)) === 1;
      this.#known.set(name, sealed);
      return sealed;
    } catch (error) {
      throw redisFault(error);
    }
  }
}
