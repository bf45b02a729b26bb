import type { Clock } from '@weir/common/clock';
import { type RedisFault, redisFault } from '@weir/common/redis';
import type { Redis } from 'ioredis';

/**
 * Asks Redis again and again while it is away: for commands that only read, and that go on for hours. What a command is told
 * by Redis that does not pass by itself it rejects with.
 */
export interface PatientRedisOptions {
  redis: Redis;
  clock: Clock;
  stopping: AbortSignal;
  /** Once for each time that it is away. */
  onAway: (fault: RedisFault) => void;
}

const AGAIN_MS = 500;

export class PatientRedis {
  readonly #options: PatientRedisOptions;
  #away = false;

  constructor(options: PatientRedisOptions) {
    this.#options = options;
  }

  /** Bulk strings arrive as Buffers. Rejects with a RedisFault. */
  async call(command: string, ...args: (string | number)[]): Promise<unknown> {
    const { redis, clock, stopping, onAway } = this.#options;
    for (;;) {
      const answer = await this.#ask(redis, command, args);
      if ('reply' in answer) {
        this.#away = false;
        return answer.reply;
      }
      if (!answer.fault.retryable || stopping.aborted) throw answer.fault;
      if (!this.#away) onAway(answer.fault);
      this.#away = true;
      await clock.sleep(AGAIN_MS, stopping);
      if (stopping.aborted) throw answer.fault;
    }
  }

  async #ask(redis: Redis, command: string, args: (string | number)[]) {
    try {
      return { reply: await redis.callBuffer(command, ...args) };
    } catch (error) {
      return { fault: redisFault(error) };
    }
  }
}
