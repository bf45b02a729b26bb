/**
 * How much of a stream one step may touch. Entries are up to 1 MB, so the right number of them differs by a factor of
 * thousands; it is found by doubling while steps are quick and halving when one was slow. While a script runs Redis
 * serves nobody else, and the relays' and aggregators' work must not feel an operator looking: no step should take 5 ms.
 * What the quickest step took is the way to Redis and back, and no work of it.
 */
const QUICK_MS = 1.5;
const SLOW_MS = 3;
const FIRST_SIZE = 8;
const MAX_SIZE = 1_024;
/** Scripts end a step early at this, give or take an entry: small entries may be followed by large ones. */
export const STEP_BYTES = 1024 * 1024;

export class PageSize {
  size = FIRST_SIZE;
  #quickestMs = Number.POSITIVE_INFINITY;

  async timed<T>(budget: Budget, step: () => Promise<T>): Promise<T> {
    const startedMs = budget.nowMs();
    const answer = await step();
    this.took(budget.nowMs() - startedMs);
    return answer;
  }

  took(stepMs: number): void {
    this.#quickestMs = Math.min(this.#quickestMs, stepMs);
    const workMs = stepMs - this.#quickestMs;
    if (workMs < QUICK_MS) this.size = Math.min(MAX_SIZE, this.size * 2);
    else if (workMs > SLOW_MS) this.size = Math.max(FIRST_SIZE, Math.floor(this.size / 2));
  }
}

/** How long a command may count before it says "unknown" instead. Shared by all its steps. */
export class Budget {
  readonly nowMs: () => number;
  readonly #endMs: number;

  constructor(budgetMs: number, nowMs: () => number) {
    this.nowMs = nowMs;
    this.#endMs = nowMs() + budgetMs;
  }

  spent(): boolean {
    return this.nowMs() >= this.#endMs;
  }
}
