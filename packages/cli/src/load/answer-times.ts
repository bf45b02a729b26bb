/** How long answers took, as a histogram whose steps are 2 %: it stays small however long a load runs. Pure. */
const STEP = Math.log(1.02);
const SMALLEST_MS = 0.01;

export class AnswerTimes {
  readonly #counts = new Map<number, number>();
  #all = 0;
  maxMs = 0;

  add(ms: number): void {
    const bucket = Math.max(0, Math.ceil(Math.log(ms / SMALLEST_MS) / STEP));
    this.#counts.set(bucket, (this.#counts.get(bucket) ?? 0) + 1);
    this.#all++;
    this.maxMs = Math.max(this.maxMs, ms);
  }

  /** At most 2 % above what it was; null: there were none. */
  quantile(share: number): number | null {
    let left = Math.ceil(this.#all * share);
    for (const [bucket, count] of [...this.#counts].sort(([a], [b]) => a - b)) {
      left -= count;
      if (left <= 0) return Math.min(this.maxMs, SMALLEST_MS * Math.exp(bucket * STEP));
    }
    return null;
  }
}
