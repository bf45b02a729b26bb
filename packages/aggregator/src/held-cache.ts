/**
 * What one sink is known to hold, by window and point; the least recently used windows go when it is too many points.
 * Forgetting is safe: the sink is read back before the next write.
 */
export class HeldCache {
  readonly #maxPoints: number;
  readonly #windows = new Map<number, Map<string, number>>();
  /** Points counted per window: a window may have grown since it was set. */
  readonly #counted = new Map<number, number>();
  #points = 0;

  constructor(maxPoints: number) {
    this.#maxPoints = maxPoints;
  }

  get points(): number {
    return this.#points;
  }

  get(startSec: number): Map<string, number> | undefined {
    const held = this.#windows.get(startSec);
    if (!held) return undefined;
    this.#windows.delete(startSec);
    this.#windows.set(startSec, held);
    return held;
  }

  set(startSec: number, held: Map<string, number>): void {
    this.delete(startSec);
    this.#windows.set(startSec, held);
    this.#counted.set(startSec, held.size);
    this.#points += held.size;
    for (const oldest of this.#windows.keys()) {
      if (this.#points <= this.#maxPoints || oldest === startSec) break;
      this.delete(oldest);
    }
  }

  delete(startSec: number): void {
    this.#points -= this.#counted.get(startSec) ?? 0;
    this.#counted.delete(startSec);
    this.#windows.delete(startSec);
  }

  clear(): void {
    this.#windows.clear();
    this.#counted.clear();
    this.#points = 0;
  }
}
