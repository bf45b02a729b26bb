import type { Clock } from '@weir/common/clock';

/**
 * Requests that wait until their lines are durable, each for the same longest time, so they give up in the order in which
 * they came: one sleep watches the first of them, where a timer and an AbortController for each were a twelfth of what a
 * request of 500 lines cost. Once the relay is told to stop, nobody waits longer than `stopWaitMs` from then on.
 */
export interface AppendWaitsOptions {
  clock: Clock;
  appendTimeoutMs: number;
  stopping: AbortSignal;
  stopWaitMs: number;
}

interface Wait {
  readonly sinceMs: number;
  readonly giveUp: () => void;
}

/** How long the watch goes on once nobody waits any more, and how late it may notice a stop. */
const LOOK_EVERY_MS = 100;

export class AppendWaits {
  readonly #options: AppendWaitsOptions;
  /** In the order in which they came. */
  readonly #waits = new Set<Wait>();
  #stoppedMs: number | undefined;
  #watching = false;

  constructor(options: AppendWaitsOptions) {
    this.#options = options;
    const { clock, stopping } = options;
    const stop = () => {
      this.#stoppedMs = clock.monotonicMs();
    };
    if (stopping.aborted) stop();
    else stopping.addEventListener('abort', stop, { once: true });
  }

  /** Whether it is confirmed before the request has waited long enough. */
  inTime(confirmed: Promise<void>): Promise<boolean> {
    return new Promise((resolve) => {
      const wait = { sinceMs: this.#options.clock.monotonicMs(), giveUp: () => resolve(false) };
      this.#waits.add(wait);
      void confirmed.then(() => {
        this.#waits.delete(wait);
        resolve(true);
      });
      if (!this.#watching) void this.#watch();
    });
  }

  async #watch(): Promise<void> {
    const { clock } = this.#options;
    this.#watching = true;
    for (;;) {
      const nowMs = clock.monotonicMs();
      let nextMs = LOOK_EVERY_MS;
      for (const wait of this.#waits) {
        const leftMs = this.#untilMs(wait) - nowMs;
        if (leftMs > 0) {
          nextMs = Math.min(nextMs, leftMs);
          break;
        }
        this.#waits.delete(wait);
        wait.giveUp();
      }
      if (this.#waits.size === 0) break;
      await clock.sleep(nextMs);
    }
    this.#watching = false;
  }

  #untilMs({ sinceMs }: Wait): number {
    const { appendTimeoutMs, stopWaitMs } = this.#options;
    const untilMs = sinceMs + appendTimeoutMs;
    return this.#stoppedMs === undefined ? untilMs : Math.min(untilMs, Math.max(sinceMs, this.#stoppedMs) + stopWaitMs);
  }
}
