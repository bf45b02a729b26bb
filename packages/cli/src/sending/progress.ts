import type { Clock } from '@weir/common/clock';
import type { Terminal } from '../command-context.ts';
import { rateText } from '../rate-text.ts';
import { formatAge, formatBytes } from '../time-text.ts';

/**
 * How far a sending is: a bar that is drawn over and over on a terminal, a line now and then elsewhere. It goes to stderr, as
 * stdout may go to a file.
 */
export interface Progress {
  elapsedMs: number;
  lines: number;
  /** How much of the whole is done, and how much that is, in bytes or lines; undefined: nobody knows how much there is. */
  done: number;
  whole: number | undefined;
  unit: 'bytes' | 'lines';
}

/** Pure. Fits into `columns`. */
export function progressText({ elapsedMs, lines, done, whole, unit }: Progress, columns: number): string {
  const perSec = elapsedMs > 0 ? (lines * 1_000) / elapsedMs : null;
  const amount = (value: number) => (unit === 'bytes' ? formatBytes(value) : String(value));
  const size = unit === 'bytes' ? `${amount(done)}${whole === undefined ? '' : ` of ${amount(whole)}`}, ` : '';
  const words = `${size}${lines} lines, ${rateText(perSec)} lines/s`;
  if (whole === undefined || whole === 0) return words.slice(0, columns);
  const share = Math.min(1, done / whole);
  const left = share > 0 ? `, ${formatAge((elapsedMs * (1 - share)) / share)} left` : '';
  const text = ` ${String(Math.floor(share * 100)).padStart(3)}%  ${words}${left}`;
  const width = Math.min(30, columns - text.length - 2);
  if (width < 5) return text.trimStart().slice(0, columns);
  const full = Math.floor(share * width);
  return `[${'#'.repeat(full)}${'.'.repeat(width - full)}]${text}`;
}

export interface ProgressOptions {
  terminal: Terminal;
  err: (text: string) => void;
  quiet: boolean;
  clock: Clock;
  look: () => Omit<Progress, 'elapsedMs'>;
}

const REDRAW_MS = 200;
const PLAIN_MS = 10_000;
const CLEAR_LINE = '\r\u001b[K';

export class ProgressLine {
  readonly #options: ProgressOptions;
  readonly #ended = new AbortController();
  readonly #startedMs: number;
  #running: Promise<void> = Promise.resolve();
  #drawn = false;

  constructor(options: ProgressOptions) {
    this.#options = options;
    this.#startedMs = options.clock.monotonicMs();
  }

  start(): void {
    if (!this.#options.quiet) this.#running = this.#run();
  }

  /** A line of its own, whatever is drawn. */
  say(line: string): void {
    this.#wipe();
    this.#options.err(`${line}\n`);
  }

  async stop(): Promise<void> {
    this.#ended.abort();
    await this.#running;
    this.#wipe();
  }

  async #run(): Promise<void> {
    const { terminal, err, clock, look } = this.#options;
    for (;;) {
      await clock.sleep(terminal.isTty ? REDRAW_MS : PLAIN_MS, this.#ended.signal);
      if (this.#ended.signal.aborted) return;
      const progress = { ...look(), elapsedMs: clock.monotonicMs() - this.#startedMs };
      if (terminal.isTty) {
        // The last column stays free: a full line would wrap on some terminals.
        err(CLEAR_LINE + progressText(progress, terminal.size().columns - 1));
        this.#drawn = true;
      } else {
        err(`${progressText(progress, 120)}\n`);
      }
    }
  }

  #wipe(): void {
    if (this.#drawn) this.#options.err(CLEAR_LINE);
    this.#drawn = false;
  }
}
