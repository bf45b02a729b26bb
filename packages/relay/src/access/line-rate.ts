/**
 * How many lines a token may write per second: a bucket that holds `burstLines` when full and fills at `linesPerSec`. Who
 * may write at all is known before its body is read, how many lines that has only after; so a request is let in while
 * a line's worth is left, and what it takes beyond is owed by those after it. Over time the rate holds exactly. Pure:
 * the time is an argument.
 */
export interface Rate {
  linesPerSec: number;
  burstLines: number;
}

export class LineRate {
  readonly #rate: Rate;
  /** Below 0: owed. */
  #lines: number;
  #atMs: number;

  /** Full, or with no more than another one for the same token has left. */
  constructor(rate: Rate, nowMs: number, before?: LineRate) {
    this.#rate = rate;
    this.#lines = Math.min(rate.burstLines, before?.left(nowMs) ?? rate.burstLines);
    this.#atMs = nowMs;
  }

  left(nowMs: number): number {
    const gained = ((nowMs - this.#atMs) / 1_000) * this.#rate.linesPerSec;
    this.#lines = Math.min(this.#rate.burstLines, this.#lines + gained);
    this.#atMs = nowMs;
    return this.#lines;
  }

  /** 0 when a request may come now; else after how many whole seconds it may. */
  waitSec(nowMs: number): number {
    const left = this.left(nowMs);
    return left >= 1 ? 0 : Math.ceil((1 - left) / this.#rate.linesPerSec);
  }

  take(lines: number, nowMs: number): void {
    this.#lines = this.left(nowMs) - lines;
  }
}
