import type { LagReport } from '../lag-report.ts';

/** What was seen at the looks before, for the sparklines; the oldest are forgotten. */
export interface Moment {
  rateIn: number | null;
  rateOut: number | null;
  lagEvents: number | null;
  lagSeconds: number | null;
  /** Lines not folded, by partition. */
  partitions: readonly (number | null)[];
}

/** More than any terminal has columns for. */
const KEPT = 400;
const NOTHING: Moment = { rateIn: null, rateOut: null, lagEvents: null, lagSeconds: null, partitions: [] };

export class History {
  readonly #moments: Moment[] = [];

  add({ totals, partitions }: LagReport): void {
    this.#push({
      rateIn: totals.rateInPerSec,
      rateOut: totals.rateOutPerSec,
      lagEvents: totals.lagEvents,
      lagSeconds: totals.lagSeconds,
      partitions: partitions.map(({ lagEvents }) => lagEvents),
    });
  }

  /** A look that failed. */
  addGap(): void {
    this.#push(NOTHING);
  }

  /** The oldest first. */
  of(value: (moment: Moment) => number | null): (number | null)[] {
    return this.#moments.map(value);
  }

  #push(moment: Moment): void {
    this.#moments.push(moment);
    if (this.#moments.length > KEPT) this.#moments.shift();
  }
}
