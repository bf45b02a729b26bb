import type { Redis } from 'ioredis';
import type { Clock } from './clock.ts';
import type { AggregatorState, RelayState, Unsaid } from './daemon-state.ts';
import type { Logger } from './logger.ts';
import { Loop } from './loop.ts';
import { passingFault, Script } from './redis.ts';
import type { Service } from './service.ts';

/**
 * Once a second a daemon says in Redis how it is (daemon-state.ts), and takes that back when it stops. What was said a day
 * ago is forgotten whenever a daemon starts.
 */
export interface StateReportOptions {
  redis: Redis;
  /** The hash of the daemon's kind. */
  key: string;
  id: string;
  /** Of this start: 16 hex digits. */
  incarnation: string;
  clock: Clock;
  /** Undefined while there is nothing to say: the id is not ours yet. */
  state: () => Unsaid<RelayState> | Unsaid<AggregatorState> | undefined;
  /** Called with a bug. */
  fail: (error: unknown) => void;
  logger: Logger;
}

const STATE = Script.beside(import.meta.url, 'state');
const SAY_EVERY_MS = 1_000;
const FORGET_MS = 24 * 3_600_000;

export class StateReport implements Service {
  readonly #options: StateReportOptions;
  readonly #loop: Loop;
  #said = false;

  constructor(options: StateReportOptions) {
    const { clock, logger, fail } = options;
    this.#options = options;
    this.#loop = new Loop({
      clock,
      intervalMs: SAY_EVERY_MS,
      runOnce: () => this.#say(),
      onError: (error) => (passingFault(error) ? logger.debug({ err: error }, 'how it is was not said') : fail(error)),
    });
  }

  start(): Promise<void> {
    return this.#loop.start();
  }

  async stop(): Promise<void> {
    await this.#loop.stop();
    if (!this.#said) return;
    const { redis, key, id, logger } = this.#options;
    // Nothing depends on it: whoever reads it sees how old it is.
    await redis.hdel(key, id).catch((error) => logger.debug({ err: error }, 'what was said last stays'));
  }

  async #say(): Promise<void> {
    const { redis, key, id, incarnation, state } = this.#options;
    const now = state();
    if (!now) return;
    const args = [id, incarnation, JSON.stringify(now).slice(1), FORGET_MS, this.#said ? 0 : 1];
    await STATE.run(redis, [key], args);
    this.#said = true;
  }
}
