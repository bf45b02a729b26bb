import type { World } from '../command-context.ts';

/** How far a scan of windows is: drawn over and over on a terminal, not at all elsewhere. */
const REDRAW_MS = 200;
const CLEAR_LINE = '\r\u001b[K';

export class ScanProgress {
  readonly #world: Pick<World, 'err' | 'errTerminal' | 'clock'>;
  readonly #whole: number;
  #drawnMs = Number.NEGATIVE_INFINITY;

  constructor(world: Pick<World, 'err' | 'errTerminal' | 'clock'>, whole: number) {
    this.#world = world;
    this.#whole = whole;
  }

  at(windows: number, words: string): void {
    const { err, errTerminal, clock } = this.#world;
    const nowMs = clock.monotonicMs();
    if (!errTerminal.isTty || nowMs - this.#drawnMs < REDRAW_MS) return;
    this.#drawnMs = nowMs;
    const share = this.#whole === 0 ? 100 : Math.floor((windows * 100) / this.#whole);
    const text = `${String(share).padStart(3)}%  ${windows} of ${this.#whole} windows, ${words}`;
    // The last column stays free: a full line would wrap on some terminals.
    err(CLEAR_LINE + text.slice(0, errTerminal.size().columns - 1));
  }

  end(): void {
    if (this.#drawnMs > Number.NEGATIVE_INFINITY) this.#world.err(CLEAR_LINE);
  }
}
