/**
 * The one contract of every long-lived part. `start` resolves once the part does its work; `stop` may be called at any
 * time, any number of times, and resolves when nothing of the part runs any more: no timer, no socket, no promise.
 */
export interface Service {
  start(): Promise<void>;
  stop(): Promise<void>;
}

/**
 * Starts parts in the order given and stops them in reverse, so connections come first and go last while inputs come
 * last and go first. A part that fails to start takes down those already started before the error is passed on.
 */
export class ServiceGroup implements Service {
  readonly #parts: readonly Service[];
  readonly #started: Service[] = [];
  #stopping: Promise<void> | undefined;

  constructor(parts: readonly Service[]) {
    this.#parts = parts;
  }

  /** Rejects with what a part rejected with; when `stop` was called meanwhile it stops too and resolves. */
  async start(): Promise<void> {
    for (const part of this.#parts) {
      if (this.#stopping) return this.#stopping;
      // Counted as started before it is: a part that fails half way still has something to stop.
      this.#started.push(part);
      try {
        await part.start();
      } catch (error) {
        await this.stop();
        throw error;
      }
      // Stopped while it was starting: what it set up since then is stopped as well.
      if (this.#stopping) await part.stop();
    }
  }

  stop(): Promise<void> {
    this.#stopping ??= this.#stopAll();
    return this.#stopping;
  }

  async #stopAll(): Promise<void> {
    const failures: unknown[] = [];
    for (const part of [...this.#started].reverse()) {
      try {
        await part.stop();
      } catch (error) {
        failures.push(error);
      }
    }
    if (failures.length > 0) throw new AggregateError(failures, 'parts failed to stop');
  }
}
