/** Requests that are under way, at most so many. What one of them rejects with comes out of `room` or `done`. Pure. */
export class InFlight {
  readonly #most: number;
  readonly #running = new Set<Promise<void>>();
  #failed: { error: unknown } | undefined;

  constructor(most: number) {
    this.#most = most;
  }

  /** Resolves once another may be added. */
  async room(): Promise<void> {
    while (this.#running.size >= this.#most && !this.#failed) await Promise.race(this.#running);
    if (this.#failed) throw this.#failed.error;
  }

  add(request: Promise<void>): void {
    const running: Promise<void> = request
      .catch((error: unknown) => {
        this.#failed ??= { error };
      })
      .finally(() => this.#running.delete(running));
    this.#running.add(running);
  }

  async done(): Promise<void> {
    await Promise.all(this.#running);
    if (this.#failed) throw this.#failed.error;
  }
}
