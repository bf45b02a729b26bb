/**
 * When to try which window of one sink again. A window that fails waits by itself, longer each time, and the others go
 * on: what is wrong may be that window. When several different windows have failed and none got through, it is the sink:
 * then it rests as a whole, longer each time, and is asked with one window only, another one each time, so that no
 * window's own fault can keep it from being found well again. Pure.
 */
export interface SinkPaceOptions {
  random: () => number;
}

export interface Failure {
  /** Of this window alone, or of the sink as a whole. */
  of: 'window' | 'sink';
  /** The sink was not known to be away before. */
  news: boolean;
  retryInMs: number;
}

const MIN_PAUSE_MS = 250;
const MAX_PAUSE_MS = 10_000;
/** So many different windows failed since one got through: it is the sink. */
const FAILED_WINDOWS = 4;

export class SinkPace {
  readonly #random: () => number;
  /** Windows that failed at their last try. */
  readonly #failing = new Map<number, { pauseMs: number; notBeforeMs: number }>();
  readonly #failedSinceReached = new Set<number>();
  /** Windows with which the sink was asked while it was away, in the order of their last try. */
  readonly #asked = new Set<number>();
  #away = false;
  #pauseMs = 0;
  #notBeforeMs = 0;

  constructor({ random }: SinkPaceOptions) {
    this.#random = random;
  }

  /** The sink as a whole is taken to be away. */
  get away(): boolean {
    return this.#away;
  }

  /** How many windows failed at their last try. */
  get failing(): number {
    return this.#failing.size;
  }

  /** Nothing is to be asked of the sink now. */
  resting(nowMs: number): boolean {
    return nowMs < this.#notBeforeMs;
  }

  /** Whether the window may be tried. While the sink is away any may be. */
  due(startSec: number, nowMs: number): boolean {
    return this.#away || nowMs >= (this.#failing.get(startSec)?.notBeforeMs ?? Number.NEGATIVE_INFINITY);
  }

  /** In the order to try them: as given, but while the sink is away those it was asked with go last. */
  order(startSecs: readonly number[]): number[] {
    const turns = new Map([...this.#asked].map((startSec, turn) => [startSec, turn]));
    const turn = (startSec: number) => turns.get(startSec) ?? -1;
    return [...startSecs].sort((a, b) => turn(a) - turn(b));
  }

  /** The sink answered for this window. True when it was taken to be away. */
  reached(startSec: number): boolean {
    const wasAway = this.#away;
    this.#failing.delete(startSec);
    this.#failedSinceReached.clear();
    this.#asked.clear();
    this.#away = false;
    this.#pauseMs = 0;
    this.#notBeforeMs = 0;
    return wasAway;
  }

  failed(startSec: number, nowMs: number): Failure {
    if (this.#away) {
      this.#asked.delete(startSec);
      this.#asked.add(startSec);
      return { of: 'sink', news: false, retryInMs: this.#rest(nowMs) };
    }
    const pauseMs = longer(this.#failing.get(startSec)?.pauseMs ?? 0);
    const retryInMs = this.#spread(pauseMs);
    this.#failing.set(startSec, { pauseMs, notBeforeMs: nowMs + retryInMs });
    this.#failedSinceReached.add(startSec);
    if (this.#failedSinceReached.size < FAILED_WINDOWS) return { of: 'window', news: true, retryInMs };
    this.#away = true;
    return { of: 'sink', news: true, retryInMs: this.#rest(nowMs) };
  }

  /** For faults on the way to the sink: nothing is said of the sink, but it is left alone for a moment, too. */
  pause(nowMs: number): number {
    return this.#rest(nowMs);
  }

  /** A round went through without a fault on the way. */
  wentThrough(): void {
    if (!this.#away) this.#pauseMs = 0;
  }

  /** Of other windows nothing is kept. */
  keep(has: (startSec: number) => boolean): void {
    for (const windows of [this.#failing, this.#failedSinceReached, this.#asked]) {
      for (const startSec of windows.keys()) if (!has(startSec)) windows.delete(startSec);
    }
  }

  #rest(nowMs: number): number {
    this.#pauseMs = longer(this.#pauseMs);
    const retryInMs = this.#spread(this.#pauseMs);
    this.#notBeforeMs = nowMs + retryInMs;
    return retryInMs;
  }

  /** So that the processes of a deployment do not come back all at once. */
  #spread(pauseMs: number): number {
    return pauseMs * (0.5 + this.#random() / 2);
  }
}

function longer(pauseMs: number): number {
  return Math.min(MAX_PAUSE_MS, Math.max(MIN_PAUSE_MS, pauseMs * 2));
}
