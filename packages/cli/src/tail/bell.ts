import type { Clock } from '@weir/common/clock';
import { type RedisFault, redisFault } from '@weir/common/redis';
import type { Redis } from 'ioredis';

/**
 * Tells that something has come to one of many streams, by a blocking read on a connection of its own. It is set before the
 * streams are looked at: what comes after a look has rung then, and is read at once, before it may be trimmed. What
 * rings is one entry, which whoever reads the streams reads in its turn. To wait behind the ids that were read last
 * would need no second connection, but the answer could be an entry of every stream at once, of 1 MB each.
 */
export interface BellOptions {
  redis: Redis;
  streams: readonly string[];
  clock: Clock;
  stopping: AbortSignal;
  /** Rings by itself after so long. */
  waitMs: number;
}

export class Bell {
  readonly #options: BellOptions;
  #ringing: Promise<{ fault?: RedisFault }> | undefined;

  constructor(options: BellOptions) {
    this.#options = options;
  }

  /** Does nothing where it is set already and has not rung. */
  set(): void {
    if (this.#ringing) return;
    this.#ringing = this.#listen().finally(() => {
      this.#ringing = undefined;
    });
  }

  /** Rejects with a RedisFault that does not pass by itself. */
  async rung(): Promise<void> {
    const { clock, stopping, waitMs } = this.#options;
    const answer = await this.#ringing;
    if (!answer?.fault) return;
    if (!answer.fault.retryable) throw answer.fault;
    // Whoever reads the streams finds out, and says it.
    await clock.sleep(waitMs, stopping);
  }

  async #listen(): Promise<{ fault?: RedisFault }> {
    const { redis, streams, waitMs } = this.#options;
    const newOnes = streams.map(() => '$');
    try {
      await redis.callBuffer('XREAD', 'COUNT', 1, 'BLOCK', waitMs, 'STREAMS', ...streams, ...newOnes);
      return {};
    } catch (error) {
      return { fault: redisFault(error) };
    }
  }
}
