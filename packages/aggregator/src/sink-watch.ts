import { type SinkState, STATE_LIMITS } from '@weir/common/daemon-state';

/** How one sink is, for the people who look (daemon-state.ts): what its flusher and writer tell, remembered. Pure. */
export interface SinkWatchOptions {
  name: string;
  /** Redis's clock. */
  nowMs: () => number;
  /** Of the sink, unless it took something since. */
  lastError: () => { code: string; message: string } | undefined;
  away: () => boolean;
}

export class SinkWatch {
  readonly #options: SinkWatchOptions;
  #state: SinkState['state'] = 'well';
  #sinceMs: number;
  #lastWriteMs: number | null = null;
  #lastErrorMs: number | null = null;
  #backlog = 0;
  #failing = 0;
  #refused = 0;
  #shrunk = 0;
  #givenUp = 0;

  constructor(options: SinkWatchOptions) {
    this.#options = options;
    this.#sinceMs = options.nowMs();
  }

  wrote(): void {
    this.#lastWriteMs = this.#now();
  }

  refused(points: number): void {
    this.#refused += points;
  }

  shrunk(points: number): void {
    this.#shrunk += points;
  }

  gaveUp(): void {
    this.#givenUp++;
  }

  /** Faults of Redis are told here, too; they are not the sink's. */
  failed(code: string): void {
    if (code.startsWith('sink-')) this.#lastErrorMs = this.#now();
  }

  backlog(windows: number, failing: number): void {
    this.#backlog = windows;
    this.#failing = failing;
  }

  get refusedPoints(): number {
    return this.#refused;
  }

  /** As of now; a change of state counts from when it was first seen here. */
  look(kind: string): SinkState {
    const { name, lastError, away } = this.#options;
    const error = lastError();
    const state = away() ? 'away' : error ? 'failing' : 'well';
    if (state !== this.#state) {
      this.#state = state;
      this.#sinceMs = this.#now();
    }
    return {
      name,
      kind,
      state,
      sinceMs: Math.max(0, Math.round(this.#sinceMs)),
      lastWriteMs: this.#lastWriteMs,
      lastErrorMs: this.#lastErrorMs,
      errorCode: error?.code ?? null,
      errorText: error?.message.slice(0, STATE_LIMITS.errorTextLength) ?? null,
      backlogWindows: this.#backlog,
      failingWindows: this.#failing,
      refusedPoints: this.#refused,
      shrunkPoints: this.#shrunk,
      givenUpWindows: this.#givenUp,
    };
  }

  #now(): number {
    return Math.max(0, Math.round(this.#options.nowMs()));
  }
}
