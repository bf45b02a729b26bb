import type { Clock } from '@weir/common/clock';
import type { Lane, LaneAnswer, LaneStep } from './lane.ts';

/**
 * Drives one lane: does what it says is next, one call at a time, and sleeps in between. Started by the publisher.
 * Lines that arrive in one turn of the event loop are seen together, because waking waits for the end of the turn.
 */
export interface LaneRunnerOptions {
  lane: Lane;
  clock: Clock;
  /** Carries out an append or a probe. Rejects when the outcome is unknown or Redis refused. */
  call: (step: Exclude<LaneStep, { kind: 'wait' }>) => Promise<LaneAnswer>;
  onFailure: (error: unknown) => void;
}

export class LaneRunner {
  readonly #options: LaneRunnerOptions;
  #timer: NodeJS.Timeout | undefined;
  #woken: NodeJS.Immediate | undefined;
  #running = false;
  #inFlight: Promise<void> | undefined;

  constructor(options: LaneRunnerOptions) {
    this.#options = options;
  }

  start(): void {
    this.#running = true;
    this.wake();
  }

  /** The lane may have something new to do. Cheap, and may be called while lines are being added. */
  wake(): void {
    if (!this.#running || this.#woken !== undefined || this.#inFlight !== undefined) return;
    this.#woken = setImmediate(() => {
      this.#woken = undefined;
      this.#step();
    });
  }

  /** Starts nothing more; resolves when what is in flight has come back. */
  async stop(): Promise<void> {
    this.#running = false;
    clearImmediate(this.#woken);
    clearTimeout(this.#timer);
    await this.#inFlight;
  }

  #step(): void {
    if (!this.#running || this.#inFlight !== undefined) return;
    clearTimeout(this.#timer);
    const { lane, clock } = this.#options;
    const step = lane.next(clock.monotonicMs());
    if (step.kind !== 'wait') {
      this.#inFlight = this.#call(step).finally(() => {
        this.#inFlight = undefined;
        this.#step();
      });
    } else if (step.ms < Number.POSITIVE_INFINITY) {
      this.#timer = setTimeout(() => this.#step(), Math.ceil(step.ms));
    }
  }

  async #call(step: Exclude<LaneStep, { kind: 'wait' }>): Promise<void> {
    const { lane, clock, call, onFailure } = this.#options;
    let answer: LaneAnswer;
    try {
      answer = await call(step);
    } catch (error) {
      lane.failed(clock.monotonicMs());
      onFailure(error);
      return;
    }
    lane.answered(answer, clock.monotonicMs());
  }
}
