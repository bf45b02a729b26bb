import { isAfter } from '../entry-id.ts';
import type { TailLine } from './tail-events.ts';

/** Of lines that come in any order the last ones, by their entries' ids. Holds little more than those. Pure. */
export class LastLines {
  readonly #most: number;
  #kept: TailLine[] = [];

  constructor(most: number) {
    this.#most = most;
  }

  /** Lines of one entry, in their order. */
  add(lines: readonly TailLine[]): void {
    for (const line of lines.slice(-this.#most)) this.#kept.push(line);
    if (this.#kept.length >= 2 * this.#most) this.#settle();
  }

  /** False: lines of this entry, or of older ones, would not be among them. */
  wants(entry: string): boolean {
    this.#settle();
    return this.#kept.length < this.#most || isAfter(entry, this.#kept[0]!.entry);
  }

  /** Oldest first. */
  get lines(): readonly TailLine[] {
    this.#settle();
    return this.#kept;
  }

  #settle(): void {
    // Stable: lines of one entry stay in their order.
    this.#kept.sort(byEntry);
    this.#kept = this.#kept.slice(-this.#most);
  }
}

function byEntry(a: TailLine, b: TailLine): number {
  if (a.entry === b.entry) return a.partition - b.partition;
  return isAfter(a.entry, b.entry) ? 1 : -1;
}
