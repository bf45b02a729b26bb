import { relaysKey } from '@weir/common/keys';
import { redisFault } from '@weir/common/redis-fault';
import type { Redis } from 'ioredis';
import { parseRelayReport, type RelayReport } from './seal-plan.ts';

/** What the relays say of themselves in Redis. */
export class RelayReports {
  readonly #redis: Redis;
  readonly #key: string;
  #last: readonly RelayReport[] = [];

  constructor(redis: Redis, prefix: string) {
    this.#redis = redis;
    this.#key = relaysKey(prefix);
  }

  /** As of the last read. */
  get last(): readonly RelayReport[] {
    return this.#last;
  }

  /** Rejects with a RedisFault. */
  async read(): Promise<readonly RelayReport[]> {
    try {
      const fields = await this.#redis.hgetall(this.#key);
      this.#last = Object.entries(fields).flatMap(([id, text]) => parseRelayReport(id, text) ?? []);
      return this.#last;
    } catch (error) {
      throw redisFault(error);
    }
  }
}
