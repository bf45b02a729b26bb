/**
 * What one sink is known to hold, by window and point; the least recently used windows go when it is too many points.
 * Forgetting is safe: the sink is read back before the next write. Believing what is out of date is not: a smaller total
 * would be written over another process's larger one. So a window stays known only from one write of this process to its
 * next, when nobody else's ended in between.
 */
export class HeldCache {
  readonly #maxPoints: number;
  readonly #windows = new Map<number, Map<string, number>>();
  /** Points counted per window: a window may have grown since it was set. */
  readonly #counted = new Map<number, number>();
  /** This process's last write of the window, once it had ended. */
  readonly #lastWrites = new Map<number, { token: string; epoch: number }>();
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

  /** What is known of the window is what it holds after this write, which has ended. */
  wrote(startSec: number, write: { token: string; epoch: number }): void {
    if (this.#windows.has(startSec)) this.#lastWrites.set(startSec, write);
  }

  /** Whether the write that ended last, as Redis tells in this epoch, is the one after which the window was known. */
  isAsOf(startSec: number, token: string | undefined, epoch: number): boolean {
    const last = this.#lastWrites.get(startSec);
    return last !== undefined && last.token === token && last.epoch === epoch;
  }

  delete(startSec: number): void {
    this.#lastWrites.delete(startSec);
    this.#points -= this.#counted.get(startSec) ?? 0;
    this.#counted.delete(startSec);
    this.#windows.delete(startSec);
  }

  clear(): void {
    this.#windows.clear();
    this.#counted.clear();
    this.#lastWrites.clear();
    this.#points = 0;
  }
}
