/**
 * Since when windows wait for a sink. Pure. A window that was brought there before waits since it was found changed, not
 * since it was due, so a late correction does not look like a sink that is hours behind. Times are Redis's, in ms.
 */
export class Unwritten {
  readonly #sinceMs = new Map<number, number>();

  /** The first word about a window counts, until it is dropped by `keep`. */
  waits(startSec: number, sinceMs: number): void {
    if (!this.#sinceMs.has(startSec)) this.#sinceMs.set(startSec, sinceMs);
  }

  /** Of the windows that do not wait any more nothing is kept. */
  keep(has: (startSec: number) => boolean): void {
    for (const startSec of this.#sinceMs.keys()) if (!has(startSec)) this.#sinceMs.delete(startSec);
  }

  /** Since when the one waits that has waited longest; undefined when none does. */
  get oldestMs(): number | undefined {
    let oldest: number | undefined;
    for (const sinceMs of this.#sinceMs.values()) if (oldest === undefined || sinceMs < oldest) oldest = sinceMs;
    return oldest;
  }
}
