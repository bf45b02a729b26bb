/**
 * Timestamps for lines that came without: a clock in microseconds, counted on where several lines fall into
 * one, and in the last three digits a number of this process, a relay or a sender. So no two lines of one share a stamp,
 * and those of two relays hardly ever. Pure: the time is an argument.
 */
export const STAMP_DIGITS = 1000;

export class Stamps {
  /** The last stamp: Unix seconds, and nanoseconds within the second. */
  sec = 0;
  nanos = 0;
  readonly #low: number;
  #lastMicros = 0;

  /** `low`: 0 to 999. */
  constructor(low: number) {
    this.#low = low;
  }

  /** `nowMs` may stand still or go back; stamps do not. */
  next(nowMs: number): void {
    const micros = Math.max(Math.floor(nowMs * 1000), this.#lastMicros + 1);
    this.#lastMicros = micros;
    this.sec = Math.floor(micros / 1_000_000);
    this.nanos = (micros - this.sec * 1_000_000) * STAMP_DIGITS + this.#low;
  }
}
