import type { Random } from '@weir/common/random';

/**
 * A world in which nothing happens but events, one after the other, in the order of their virtual time. Real code runs in
 * it: whatever it waits for (a reply, a sleep) is an event here, and after each event every promise that can go on does
 * so before the next. So a run is a pure function of its seed: no timer, no thread and no real clock has a say.
 */
export class World {
  readonly random: Random;
  /** What was said, when tracing. */
  readonly trace: string[] = [];
  readonly #tracing: boolean;
  readonly #heap: Event[] = [];
  #order = 0;
  #nowMs = 0;
  #violation: string | undefined;

  constructor(random: Random, { tracing = false } = {}) {
    this.random = random;
    this.#tracing = tracing;
  }

  get nowMs(): number {
    return this.#nowMs;
  }

  /** How many things have been asked to happen. */
  get events(): number {
    return this.#order;
  }

  /** The first thing that went wrong; the run ends there. */
  get violation(): string | undefined {
    return this.#violation;
  }

  violate(claim: string): void {
    this.#violation ??= claim;
    this.say(() => `VIOLATION ${claim}`);
  }

  say(text: () => string): void {
    if (this.#tracing) this.trace.push(`${this.#nowMs.toFixed(1).padStart(9)} ${text()}`);
  }

  /** `run` answers whether it may have let some code go on; false saves the time of looking. */
  after(delayMs: number, run: () => boolean): void {
    push(this.#heap, { atMs: this.#nowMs + delayMs, order: this.#order++, run });
  }

  /** Runs until `done`, or until nothing is left to happen, or for `limitMs`. Answers whether it was done. */
  async run(done: () => boolean, limitMs: number): Promise<boolean> {
    const untilMs = this.#nowMs + limitMs;
    for (;;) {
      if (this.#violation !== undefined) return false;
      if (done()) return true;
      const event = this.#heap[0];
      if (event === undefined || event.atMs > untilMs) {
        this.#nowMs = untilMs;
        return done();
      }
      pop(this.#heap);
      this.#nowMs = Math.max(this.#nowMs, event.atMs);
      let woke = true;
      try {
        woke = event.run();
      } catch (error) {
        this.violate(error instanceof Error ? (error.stack ?? error.message) : String(error));
      }
      // Node runs every microtask before the next of these, and goes through no round of its event loop in between.
      if (woke) await new Promise((goOn) => process.nextTick(goOn));
    }
  }
}

interface Event {
  readonly atMs: number;
  /** Events of the same time happen in the order in which they were asked for. */
  readonly order: number;
  readonly run: () => boolean;
}

function before(a: Event, b: Event): boolean {
  return a.atMs < b.atMs || (a.atMs === b.atMs && a.order < b.order);
}

function push(heap: Event[], event: Event): void {
  let at = heap.push(event) - 1;
  while (at > 0) {
    const parent = (at - 1) >> 1;
    if (!before(event, heap[parent]!)) break;
    heap[at] = heap[parent]!;
    at = parent;
  }
  heap[at] = event;
}

function pop(heap: Event[]): void {
  const last = heap.pop()!;
  if (heap.length === 0) return;
  let at = 0;
  for (;;) {
    let child = at * 2 + 1;
    if (child >= heap.length) break;
    if (child + 1 < heap.length && before(heap[child + 1]!, heap[child]!)) child++;
    if (!before(heap[child]!, last)) break;
    heap[at] = heap[child]!;
    at = child;
  }
  heap[at] = last;
}
