import { setImmediate as turn } from 'node:timers/promises';
import type { Clock } from '@weir/common/clock';

/** A clock that stands still until a test moves it; sleeps end when it passes them, or when their signal is aborted. */
export class FakeClock implements Clock {
  #nowMs: number;
  #sleepers: { untilMs: number; wake: () => void }[] = [];

  constructor(nowMs = 0) {
    this.#nowMs = nowMs;
  }

  /** Until when each sleeper sleeps, soonest first. */
  get sleepingUntilMs(): readonly number[] {
    return this.#sleepers.map(({ untilMs }) => untilMs).sort((a, b) => a - b);
  }

  monotonicMs(): number {
    return this.#nowMs;
  }

  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    if (signal?.aborted) return Promise.resolve();
    return new Promise((resolve) => {
      const sleeper = {
        untilMs: this.#nowMs + ms,
        wake: () => {
          this.#sleepers = this.#sleepers.filter((other) => other !== sleeper);
          signal?.removeEventListener('abort', sleeper.wake);
          resolve();
        },
      };
      this.#sleepers.push(sleeper);
      signal?.addEventListener('abort', sleeper.wake);
    });
  }

  /** Moves time and lets everything that wakes run until it waits again. */
  async advance(ms: number): Promise<void> {
    this.#nowMs += ms;
    for (const { untilMs, wake } of this.#sleepers) if (untilMs <= this.#nowMs) wake();
    await settle();
  }
}

/** Lets every promise that can go on without a timer or the network do so. */
export async function settle(): Promise<void> {
  for (let i = 0; i < 5; i++) await turn();
}
