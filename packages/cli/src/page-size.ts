/**
 * How much of a stream one step may touch. Entries are up to 1 MB, so the right number of them differs by a factor of
 * thousands; it is found by doubling while steps are quick and halving when one was slow. While a script runs Redis
 * serves nobody else, and the relays' and aggregators' work must not feel an operator looking.
 */
const QUICK_MS = 4;
const SLOW_MS = 15;
const MAX_SIZE = 4_096;
/** Scripts end a step early at this, give or take a few entries: small entries may be followed by large ones. */
export const STEP_BYTES = 4 * 1024 * 1024;

export class PageSize {
  size = 8;

  async timed<T>(budget: Budget, step: () => Promise<T>): Promise<T> {
    const startedMs = budget.nowMs();
    const answer = await step();
    this.took(budget.nowMs() - startedMs);
    return answer;
  }

  took(stepMs: number): void {
    if (stepMs < QUICK_MS) this.size = Math.min(MAX_SIZE, this.size * 2);
    else if (stepMs > SLOW_MS) this.size = Math.max(1, Math.floor(this.size / 2));
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
