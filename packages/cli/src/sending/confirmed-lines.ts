/**
 * Up to which line of the input all is confirmed, though requests are answered in any order. What it remembers is bounded by
 * the requests in flight. Pure.
 */
export class ConfirmedLines {
  /** Every line up to here is confirmed, or was rejected for good. */
  upTo: number;
  /** Lines behind a gap that are confirmed, too. */
  beyond = 0;
  readonly #waiting = new Map<number, number>();

  /** `before`: the lines that are left out at the beginning. */
  constructor(before: number) {
    this.upTo = before;
  }

  confirm({ firstLine, lineCount }: { firstLine: number; lineCount: number }): void {
    this.#waiting.set(firstLine, lineCount);
    this.beyond += lineCount;
    for (let next = this.#take(); next !== undefined; next = this.#take()) {
      this.upTo += next;
      this.beyond -= next;
    }
  }

  #take(): number | undefined {
    const lineCount = this.#waiting.get(this.upTo + 1);
    this.#waiting.delete(this.upTo + 1);
    return lineCount;
  }
}
