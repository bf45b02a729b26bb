import { setTimeout as sleepFor } from 'node:timers/promises';

/** Time as the rest of Weir may see it. Injected everywhere, so that pure code and the simulation own their time. */
export interface Clock {
  /** Milliseconds since an arbitrary moment; never goes back, never jumps. */
  monotonicMs(): number;
  /** Resolves after `ms`, or early (never rejects) when the signal is aborted. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
}

export const systemClock: Clock = {
  monotonicMs: () => performance.now(),
  sleep: async (ms, signal) => {
    if (signal?.aborted) return;
    try {
      await sleepFor(ms, undefined, signal ? { signal } : {});
    } catch (error) {
      if (!signal?.aborted) throw error;
    }
  },
};

/**
 * Redis's wall clock as seen from here: this process's monotonic clock plus the last known offset to Redis's TIME.
 * Every date that Weir compares with another process's goes through it, so machines need not agree on theirs.
 */
export class RedisTime {
  readonly #clock: Clock;
  #offsetMs: number;
  #known = false;
  /** By how much the offset may be wrong: the answer came at some moment of its round trip. */
  #toleranceMs = 0;

  /** Until Redis was heard, `wallMs` (Date.now() in production) stands in for it. */
  constructor(clock: Clock, wallMs: number) {
    this.#clock = clock;
    this.#offsetMs = wallMs - clock.monotonicMs();
  }

  /** Unix time in milliseconds. */
  nowMs(): number {
    return this.#clock.monotonicMs() + this.#offsetMs;
  }

  get known(): boolean {
    return this.#known;
  }

  /**
   * Takes in a TIME answer of Redis, in milliseconds; the answer is as old as half the round trip, give or take as much.
   * Returns by how much, at least, Redis's clock moved against ours since last time, in milliseconds (0 the first time).
   */
  observe(redisMs: number, roundTripMs = 0): number {
    const offsetMs = redisMs + roundTripMs / 2 - this.#clock.monotonicMs();
    const apartMs = this.#known ? offsetMs - this.#offsetMs : 0;
    const certainMs = Math.max(0, Math.abs(apartMs) - (roundTripMs / 2 + this.#toleranceMs));
    this.#offsetMs = offsetMs;
    this.#toleranceMs = roundTripMs / 2;
    this.#known = true;
    return Math.sign(apartMs) * certainMs;
  }
}
