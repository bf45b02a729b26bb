import type { Clock } from './clock.ts';
import type { Service } from './service.ts';

export interface LoopOptions {
  clock: Clock;
  /** Pause between the end of one run and the start of the next, in milliseconds. */
  intervalMs: number;
  /** After it was woken, so long for more of what wakes it to come together; none unless set. */
  gatherMs?: number;
  /** One run. It should look at the signal at every await it makes, and return soon once it is aborted. */
  runOnce: (signal: AbortSignal) => Promise<void>;
  /**
   * Called with what runOnce threw. It must not throw itself: that is a bug, which ends the loop, surfaces as an
   * unhandled rejection, and is what `stop` then rejects with.
   */
  onError: (error: unknown) => void;
}

/**
 * Calls runOnce again and again, never twice at once. `wake` cuts the present pause short, and the next one while a run is
 * under way: it may have looked already.
 */
export class Loop implements Service {
  readonly #options: LoopOptions;
  readonly #abort = new AbortController();
  #running: Promise<void> | undefined;
  /** Of the present pause; one of its own each, for a signal made of two would never be let go of by the longer one. */
  #pause = new AbortController();
  /** Since the last run began. */
  #woken = false;

  constructor(options: LoopOptions) {
    this.#options = options;
  }

  async start(): Promise<void> {
    this.#running ??= this.#run();
  }

  wake(): void {
    this.#woken = true;
    this.#pause.abort();
  }

  async stop(): Promise<void> {
    this.#abort.abort();
    this.#pause.abort();
    await this.#running;
  }

  async #run(): Promise<void> {
    const { clock, intervalMs, gatherMs = 0, runOnce, onError } = this.#options;
    const { signal } = this.#abort;
    while (!signal.aborted) {
      this.#woken = false;
      try {
        await runOnce(signal);
      } catch (error) {
        if (!signal.aborted) onError(error);
      }
      if (signal.aborted) return;
      if (!this.#woken) {
        this.#pause = new AbortController();
        await clock.sleep(intervalMs, this.#pause.signal);
      }
      if (this.#woken && gatherMs > 0) await clock.sleep(gatherMs, signal);
    }
  }
}
