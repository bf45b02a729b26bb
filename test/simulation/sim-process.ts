import type { Clock } from '@weir/common/clock';
import { WeirError } from '@weir/common/errors';
import type { World } from './world.ts';

/**
 * A process of the simulated world: some real code and what it waits for. A crash needs no help from the code: whatever it
 * waits for never comes. A paused process (SIGSTOP, a long pause of its machine) gets all of it late.
 */
export class SimProcess {
  readonly name: string;
  readonly world: World;
  readonly clock: Clock;
  #alive = true;
  #pausedUntilMs = Number.NEGATIVE_INFINITY;
  #stalledUntilMs = Number.NEGATIVE_INFINITY;
  readonly #onCrash: (() => void)[] = [];

  constructor(world: World, name: string) {
    this.world = world;
    this.name = name;
    // Every machine counts from a moment of its own.
    const originMs = world.random.integer(0, 1_000_000) - world.nowMs;
    this.clock = {
      monotonicMs: () => world.nowMs + originMs,
      sleep: (ms, signal) => this.#sleep(ms, signal),
    };
  }

  get alive(): boolean {
    return this.#alive;
  }

  /**
   * When the last of what was put off goes on, of the world's time; long ago when nothing was. A later pause may be over
   * sooner: then parts of the process go on and others do not yet, as with one that waits for a disk or a slow peer.
   */
  get stalledUntilMs(): number {
    return this.#stalledUntilMs;
  }

  get paused(): boolean {
    return this.world.nowMs < this.#pausedUntilMs;
  }

  crash(): void {
    if (!this.#alive) return;
    this.world.say(() => `${this.name} crashes`);
    this.#alive = false;
    for (const then of this.#onCrash) then();
  }

  pause(ms: number): void {
    this.world.say(() => `${this.name} is paused for ${Math.round(ms)} ms`);
    this.#pausedUntilMs = this.world.nowMs + ms;
    this.#stalledUntilMs = Math.max(this.#stalledUntilMs, this.#pausedUntilMs);
  }

  /** What the world does about it: connections close. */
  onCrash(then: () => void): void {
    this.#onCrash.push(then);
  }

  /** Something reaches this process, if it lives; `run` lets its code go on. */
  deliver(delayMs: number, run: () => void): void {
    this.world.after(delayMs, () => {
      if (!this.#alive) return false;
      if (this.paused) {
        this.deliver(this.#pausedUntilMs - this.world.nowMs, run);
        return false;
      }
      run();
      return true;
    });
  }

  /** Runs one thing again and again, as Loop does. Faults of the world pass; anything else is a bug. */
  repeat(intervalMs: number, runOnce: () => Promise<void>): void {
    const run = async () => {
      for (;;) {
        await this.clock.sleep(intervalMs * this.world.random.between(0.6, 1.4));
        try {
          await runOnce();
        } catch (error) {
          this.judge(error);
        }
      }
    };
    void run();
  }

  judge(error: unknown): void {
    if (error instanceof WeirError && error.retryable) return;
    this.world.violate(`${this.name}: ${error instanceof Error ? error.stack : String(error)}`);
  }

  #sleep(ms: number, signal: AbortSignal | undefined): Promise<void> {
    if (signal?.aborted) return Promise.resolve();
    return new Promise((resolve) => {
      if (!signal) {
        this.deliver(ms, resolve);
        return;
      }
      const wake = () => {
        signal.removeEventListener('abort', wake);
        resolve();
      };
      this.deliver(ms, wake);
      signal.addEventListener('abort', wake);
    });
  }
}
