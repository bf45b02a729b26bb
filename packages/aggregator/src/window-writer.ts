import type { Clock } from '@weir/common/clock';
import type { Logger } from '@weir/common/logger';
import type { RejectedPoint, Sink, SinkWindow } from '@weir/sinks/sink';
import { SinkError } from '@weir/sinks/sink';
import { type FlushPlan, heldOf, planFlush, pointName } from './flush-plan.ts';
import type { HeldCache } from './held-cache.ts';
import type { Version } from './log-codec.ts';
import type { RefusedStore } from './store/refused-store.ts';
import type { SinkBooks, WriteIntent } from './store/sink-books.ts';
import type { GroupCount } from './totals-codec.ts';

/**
 * Brings one window of one sink up to given totals: intent, read back, write what is larger, confirm. A crash between
 * any two of these leaves the window unconfirmed, to be written again; writing again changes nothing, because a point
 * has one value per window and a smaller one is never sent.
 */
export interface WindowWriterOptions {
  sink: Sink;
  books: SinkBooks;
  held: HeldCache;
  /** Where refused points are kept for people. */
  refused: Pick<RefusedStore, 'add'>;
  windowSec: number;
  clock: Clock;
  alive: () => readonly string[];
  /**
   * Changes whenever the connection to Redis was lost. A server that was restarted or failed over may have forgotten that
   * somebody else wrote the window.
   */
  epoch: () => number;
  events: WindowWriterEvents;
  logger: Logger;
}

export interface WindowWriterEvents {
  wrote(points: number, seconds: number): void;
  shrunk(points: number): void;
  rejected(points: number): void;
}

export interface WindowTotalsRead {
  groups: readonly GroupCount[];
  /** By partition; empty for a final record. */
  versions: ReadonlyMap<number, Version>;
}

export type WriteOutcome = 'confirmed' | 'busy' | 'overlapped' | 'short' | 'superseded';
export type WritePurpose = 'flush' | 'settle' | 'check';

const MAX_SHRUNK_WINDOWS = 10_000;
/** Refused points in one line of the log. */
const MAX_NAMED_POINTS = 10;

function named(rejected: readonly RejectedPoint[]): { line: string; reason: string }[] {
  return rejected.slice(0, MAX_NAMED_POINTS).map(({ line, reason }) => ({ line, reason }));
}

export class WindowWriter {
  readonly #options: WindowWriterOptions;
  readonly #shrunk = new Map<number, number>();
  /** By window: the last write of which Redis has not been told how it ended. No more than were under way at once. */
  readonly #unended = new Map<number, { intent: WriteIntent; sent: boolean }>();

  constructor(options: WindowWriterOptions) {
    this.#options = options;
  }

  /**
   * `read` is called once the intent stands, so that the totals are no older than any write that is already confirmed;
   * it answers undefined when there is something better to do than to write. Rejects with a SinkError or RedisFault.
   *
   * 'short': the sink holds less than was written, some other write came after. 'overlapped': the intent was revoked.
   */
  async bring(
    startSec: number,
    purpose: WritePurpose,
    read: () => Promise<WindowTotalsRead | undefined>,
    signal: AbortSignal,
  ): Promise<WriteOutcome> {
    const { sink, books, held, alive, epoch } = this.#options;
    const since = epoch();
    const intent = await books.begin(startSec, alive());
    if (intent === 'busy') return 'busy';
    let sent = false;
    try {
      const totals = await read();
      if (!totals) {
        await this.#cancel(startSec, intent);
        return 'superseded';
      }
      const verify = purpose !== 'flush' || intent.abandoned;
      // A sink that cannot be read is believed to hold what this process wrote; there is nothing better to know.
      if (sink.readable && (verify || !held.isAsOf(startSec, intent.lastWrite, since))) held.delete(startSec);
      const refused = await this.#write(startSec, totals.groups, signal, () => {
        sent = true;
      });
      if (verify && sent && !(await this.#holds(startSec, totals.groups, refused, signal))) {
        await this.#abandon(startSec, intent);
        return 'short';
      }
      if (!(await this.#confirm(startSec, purpose, intent, totals.versions))) return 'overlapped';
      held.wrote(startSec, { token: intent.token, epoch: since });
      return 'confirmed';
    } catch (error) {
      held.delete(startSec);
      const applied = error instanceof SinkError ? error.outcome : 'unknown';
      if (sent && applied === 'unknown') await this.#abandon(startSec, intent);
      else await this.#cancel(startSec, intent);
      throw error;
    }
  }

  /**
   * Tells Redis of writes whose end it could not be told; to be called before anything else is written. The intent of one
   * that took long may have been revoked, and it may have landed after another's, which nobody else knows. Rejects with a
   * RedisFault, and may be called again.
   */
  async endAll(): Promise<void> {
    for (const [startSec, { intent, sent }] of this.#unended) {
      await (sent ? this.#abandon(startSec, intent) : this.#cancel(startSec, intent));
    }
  }

  async #abandon(startSec: number, intent: WriteIntent): Promise<void> {
    this.#unended.set(startSec, { intent, sent: true });
    await this.#options.books.abandon(startSec, intent);
    this.#unended.delete(startSec);
  }

  /** An intent that stays for want of a word keeps every other process from the window for two minutes. */
  async #cancel(startSec: number, intent: WriteIntent): Promise<void> {
    this.#unended.set(startSec, { intent, sent: false });
    await this.#options.books.cancel(startSec, intent);
    this.#unended.delete(startSec);
  }

  /** Answers the points that the sink refused. `sending` is called before the first byte is sent, if any is. */
  async #write(
    startSec: number,
    groups: readonly GroupCount[],
    signal: AbortSignal,
    sending: () => void,
  ): Promise<ReadonlySet<string>> {
    const { sink, held, refused, events, clock, logger } = this.#options;
    const window = this.#window(startSec);
    let known = held.get(startSec);
    if (!known) {
      known = sink.readable ? heldOf(await sink.read(window, signal)) : new Map();
      held.set(startSec, known);
    }
    const { points, names, shrunk } = planFlush(groups, known);
    this.#reportShrunk(startSec, shrunk);
    if (points.length === 0) return new Set();
    sending();
    const startedMs = clock.monotonicMs();
    const { rejected } = await sink.write(window, points, signal);
    events.wrote(points.length - rejected.length, (clock.monotonicMs() - startedMs) / 1000);
    if (rejected.length > 0) {
      events.rejected(rejected.length);
      logger.error(
        { sink: sink.name, window: startSec, points: rejected.length, refused: named(rejected) },
        'the sink refuses some points for good; the others are written',
      );
      // Before the window is confirmed: a crash in between writes it again, and the points are refused again.
      await refused.add(sink.name, 'totals', rejected);
    }
    // A refused point is remembered as written: trying it again would end no better.
    for (let i = 0; i < points.length; i++) known.set(names[i]!, points[i]!.value);
    held.set(startSec, known);
    return new Set(rejected.map(({ point }) => pointName(point)));
  }

  /** Reads back whether the sink holds at least the totals, refused points apart. */
  async #holds(
    startSec: number,
    groups: readonly GroupCount[],
    refused: ReadonlySet<string>,
    signal: AbortSignal,
  ): Promise<boolean> {
    const { sink, held } = this.#options;
    if (!sink.readable) return true;
    const there = heldOf(await sink.read(this.#window(startSec), signal));
    const { points } = planFlush(groups, there);
    if (points.every((point) => refused.has(pointName(point)))) return true;
    held.set(startSec, there);
    return false;
  }

  /** Said once per window and number of points: the alarm is for people. */
  #reportShrunk(startSec: number, shrunk: FlushPlan['shrunk']): void {
    if (shrunk.length === 0 || this.#shrunk.get(startSec) === shrunk.length) return;
    const { events, logger, sink } = this.#options;
    if (this.#shrunk.size >= MAX_SHRUNK_WINDOWS) this.#shrunk.clear();
    this.#shrunk.set(startSec, shrunk.length);
    events.shrunk(shrunk.length);
    logger.error(
      { sink: sink.name, window: startSec, points: shrunk.length, first: shrunk[0] },
      'the sink holds more than the totals: Redis has lost data; the larger values stay',
    );
  }

  #confirm(
    startSec: number,
    purpose: WritePurpose,
    intent: WriteIntent,
    versions: ReadonlyMap<number, Version>,
  ): Promise<boolean> {
    const { books } = this.#options;
    if (purpose === 'settle') return books.settle(startSec, intent);
    if (purpose === 'check') return books.check(startSec, intent);
    return books.confirm(startSec, intent, versions);
  }

  #window(startSec: number): SinkWindow {
    return { startSec, windowSec: this.#options.windowSec };
  }
}
