import type { Clock, RedisTime } from '@weir/common/clock';
import { decodeFinal } from '@weir/common/final-codec';
import type { Logger } from '@weir/common/logger';
import { Loop } from '@weir/common/loop';
import { passingFault } from '@weir/common/redis-fault';
import type { Service } from '@weir/common/service';
import { SinkError } from '@weir/sinks/sink';
import type { HeldCache } from './held-cache.ts';
import { sameVersion, type Version } from './log-codec.ts';
import { type Observer, type OpenWindow, signature } from './observer.ts';
import { dueMs, type PublishTimes } from './publish-plan.ts';
import type { PublishedSums } from './published-sums.ts';
import { nextSettleStep, type SettleTimes } from './seal-plan.ts';
import { SinkPace } from './sink-pace.ts';
import type { FinalStore } from './store/final-store.ts';
import type { FlushRequests } from './store/operator-requests.ts';
import type { PartitionStore } from './store/partition-store.ts';
import type { SinkBooks } from './store/sink-books.ts';
import { Unwritten } from './unwritten.ts';
import type { WindowTotalsRead, WindowWriter, WriteOutcome } from './window-writer.ts';

/**
 * Keeps one sink filled: every window whose published totals differ from what the sink confirmed is written again, and
 * every sealed one is settled from its final record. Each sink has a flusher of its own in every aggregator; which of
 * them works on a window is a matter of assignment and saves work only. A sink that is down holds up nothing but itself,
 * and finds every window still waiting when it is back; a window that fails holds up nothing but itself either.
 */
export interface FlusherOptions {
  sinkName: string;
  readable: boolean;
  stores: readonly PartitionStore[];
  finals: FinalStore;
  /** Of all sinks. */
  sums: PublishedSums;
  books: SinkBooks;
  requests: FlushRequests;
  writer: WindowWriter;
  held: HeldCache;
  observer: Observer;
  clock: Clock;
  time: RedisTime;
  random: () => number;
  intervalMs: number;
  /** Windows written at once. */
  concurrency: number;
  times: PublishTimes;
  settleTimes: SettleTimes;
  /** A window is first written when all its partitions are published, or this long after it was due. */
  incompleteAfterMs: number;
  owns: (key: string) => boolean;
  /** True while flushes wait: Redis lost data and relays are sending it again. */
  heldBack: () => boolean;
  /** False once the sink is no longer of the deployment: then there is nothing to bring to it. */
  inUse: () => boolean;
  events: FlusherEvents;
  logger: Logger;
  fail: (error: unknown) => void;
}

export interface FlusherEvents {
  confirmed(): void;
  settled(): void;
  gaveUp(): void;
  failed(code: string): void;
  /** How many windows this process still has to bring to the sink, and how many of them failed at their last try. */
  backlog(windows: number, failing: number): void;
  /** The sink as a whole does not take what it is given. */
  away(away: boolean): void;
}

/** Whether the sink answered, or there was nothing to ask of it. */
type Reach = 'reached' | 'not-asked';

const LOOK_AGAIN_MS = 10_000;
const ASKED_EVERY_MS = 1_000;

export class Flusher implements Service {
  readonly #options: FlusherOptions;
  readonly #loop: Loop;
  /** Windows known to be as they should be: what was seen of them then, and when. */
  readonly #clean = new Map<number, { seen: string; atMs: number }>();
  /** Final records: when to look again. */
  readonly #settleAtMs = new Map<number, number>();
  readonly #unwritten = new Unwritten();
  readonly #pace: SinkPace;
  #askAtMs = Number.NEGATIVE_INFINITY;
  #lastError: SinkError | undefined;

  constructor(options: FlusherOptions) {
    this.#options = options;
    this.#pace = new SinkPace({ random: options.random });
    this.#loop = new Loop({
      clock: options.clock,
      intervalMs: options.intervalMs,
      runOnce: (signal) => this.runOnce(signal),
      onError: (error) => this.#onError(error),
    });
  }

  start(): Promise<void> {
    return this.#loop.start();
  }

  /** There may be something new to do. */
  wake(): void {
    this.#loop.wake();
  }

  async stop(): Promise<void> {
    const { writer, logger, sinkName } = this.#options;
    await this.#loop.stop();
    try {
      await writer.endAll();
    } catch (error) {
      const fault = passingFault(error);
      if (!fault) throw error;
      logger.warn(
        { err: fault, sink: sinkName },
        'the end of a write could not be told: it is looked at when its window is settled',
      );
    }
  }

  /** The sink as a whole is taken to be away. */
  get away(): boolean {
    return this.#pace.away;
  }

  /** Of the sink, unless it took something since. */
  get lastError(): SinkError | undefined {
    return this.#lastError;
  }

  /** Since when the window waits that has waited longest, by Redis's clock; undefined when none does. */
  get unwrittenSinceMs(): number | undefined {
    return this.#unwritten.oldestMs;
  }

  /** Redis lost data: nothing is known to be clean, and what the sink holds may be all there is. */
  forget(): void {
    this.#clean.clear();
    this.#settleAtMs.clear();
    this.#options.held.clear();
    this.#options.requests.forget();
  }

  /** Rejects with a fault of Redis, or a bug; what the sink does is dealt with here. */
  async runOnce(signal: AbortSignal): Promise<void> {
    const { clock, writer, heldBack, inUse, events } = this.#options;
    if (!inUse()) return this.#letGo();
    if (this.#pace.resting(clock.monotonicMs())) return;
    await writer.endAll();
    if (heldBack()) return;
    this.#forgetGone();
    await this.#forgetAsked();
    const work = this.#toDo(signal);
    // What is not to be done any more does not fail any more: confirmed by another process, or no longer this one's.
    this.#pace.keep((startSec) => work.has(startSec));
    events.backlog(work.size, this.#pace.failing);
    await this.#workThrough(work, signal);
    if (signal.aborted) return;
    this.#unwritten.keep((startSec) => work.has(startSec));
    this.#pace.wentThrough();
    events.backlog(work.size, this.#pace.failing);
  }

  /** By window, oldest first; what was sealed before what is open. */
  #toDo(signal: AbortSignal): Map<number, () => Promise<Reach>> {
    const { observer, owns, sinkName, time, times } = this.#options;
    const nowMs = time.nowMs();
    const work = new Map<number, () => Promise<Reach>>();
    for (const startSec of [...observer.finals.keys()].sort((a, b) => a - b)) {
      if (nowMs < (this.#settleAtMs.get(startSec) ?? 0) || !owns(`${sinkName}/${startSec}`)) continue;
      work.set(startSec, () => this.#settle(startSec, signal));
    }
    for (const window of [...observer.windows.values()].sort((a, b) => a.startSec - b.startSec)) {
      const { startSec } = window;
      if (observer.finals.has(startSec) || !owns(`${sinkName}/${startSec}`)) continue;
      const seen = signature(window);
      if (this.#isClean(startSec, seen) || !this.#complete(window, nowMs)) continue;
      this.#unwritten.waits(startSec, this.#clean.has(startSec) ? nowMs : dueMs(startSec, window.openedMs, times));
      work.set(startSec, () => this.#flush(window, seen, signal));
    }
    return work;
  }

  /**
   * Takes the work that is due and leaves in the map what is still to be done. A sink that is away is asked with one window
   * at a time; a fault of Redis ends it once the windows under way are done.
   */
  async #workThrough(work: Map<number, () => Promise<Reach>>, signal: AbortSignal): Promise<void> {
    const { clock, concurrency } = this.#options;
    const queue = this.#pace.order([...work.keys()]);
    let next = 0;
    let broken = false;
    const run = async (goOn: () => boolean) => {
      while (next < queue.length && goOn() && !broken && !signal.aborted) {
        if (this.#pace.resting(clock.monotonicMs())) return;
        const startSec = queue[next++]!;
        if (!this.#pace.due(startSec, clock.monotonicMs())) continue;
        try {
          if (await this.#tryWindow(startSec, work.get(startSec)!, signal)) work.delete(startSec);
        } catch (error) {
          broken = true;
          throw error;
        }
      }
    };
    await run(() => this.#pace.away);
    const runs = Array.from({ length: Math.min(concurrency, queue.length) }, () => run(() => true));
    for (const result of await Promise.allSettled(runs)) {
      if (result.status === 'rejected') throw result.reason;
    }
  }

  /** False when the sink failed. */
  async #tryWindow(startSec: number, task: () => Promise<Reach>, signal: AbortSignal): Promise<boolean> {
    const { events, logger, sinkName, clock } = this.#options;
    let reach: Reach;
    try {
      reach = await task();
    } catch (error) {
      if (!(error instanceof SinkError)) throw error;
      if (!signal.aborted) this.#onSinkError(startSec, error, clock.monotonicMs());
      return false;
    }
    if (reach === 'not-asked') return true;
    this.#lastError = undefined;
    if (this.#pace.reached(startSec)) {
      events.away(false);
      logger.info({ sink: sinkName }, 'the sink is back: its windows are brought to it');
    }
    return true;
  }

  #onSinkError(startSec: number, error: SinkError, nowMs: number): void {
    const { events, logger, sinkName } = this.#options;
    this.#lastError = error;
    events.failed(error.code);
    const { of, news, retryInMs } = this.#pace.failed(startSec, nowMs);
    const about = { err: error, sink: sinkName, window: startSec, retryInMs: Math.round(retryInMs) };
    if (of === 'window') {
      logger.warn(about, 'a window could not be brought to the sink; it waits, the others do not');
      return;
    }
    if (news) events.away(true);
    // Said once, and again when it is back: it may stay away for days.
    logger[news ? 'warn' : 'debug'](about, 'the sink is away: all its windows wait');
  }

  /** Not for ever: a writer that comes back from the dead takes confirmations back, and only the books know. */
  #isClean(startSec: number, seen: string): boolean {
    const clean = this.#clean.get(startSec);
    return clean?.seen === seen && this.#options.clock.monotonicMs() - clean.atMs < LOOK_AGAIN_MS;
  }

  #markClean(startSec: number, seen: string): void {
    this.#clean.set(startSec, { seen, atMs: this.#options.clock.monotonicMs() });
  }

  #complete({ startSec, openedMs, partitions }: OpenWindow, nowMs: number): boolean {
    const { times, incompleteAfterMs } = this.#options;
    const published = [...partitions.values()].filter((version) => version !== undefined).length;
    if (published === 0) return false;
    return published === partitions.size || nowMs >= dueMs(startSec, openedMs, times) + incompleteAfterMs;
  }

  async #flush(window: OpenWindow, seen: string, signal: AbortSignal): Promise<Reach> {
    const { books, writer, events } = this.#options;
    const { startSec } = window;
    if (confirms((await books.read(startSec)).confirmed, window)) {
      this.#markClean(startSec, seen);
      return 'not-asked';
    }
    const outcome = await writer.bring(startSec, 'flush', () => this.#readTotals(window), signal);
    if (outcome === 'confirmed') {
      this.#markClean(startSec, seen);
      events.confirmed();
    }
    return reachOf(outcome);
  }

  /**
   * All partitions, whatever was seen of the window: one may have opened it since, and another process may have written
   * and confirmed its totals already. The final record after them: had one of the partitions' states been freed
   * meanwhile, the record is there, and a sum over what was left is never written.
   */
  async #readTotals({ startSec }: OpenWindow): Promise<WindowTotalsRead | undefined> {
    const { stores, finals, sums } = this.#options;
    const parts = await Promise.all(
      stores.map(async (store) => ({ partition: store.partition, blob: await store.publishedTotals(startSec) })),
    );
    if ((await finals.get(startSec)) !== undefined) return undefined;
    return sums.of(startSec, parts);
  }

  async #settle(startSec: number, signal: AbortSignal): Promise<Reach> {
    const { books, finals, writer, events, logger, sinkName, readable, settleTimes, time, observer } = this.#options;
    const finalMs = observer.finals.get(startSec);
    if (finalMs === undefined) return 'not-asked';
    const known = await books.read(startSec);
    const step = nextSettleStep(known, finalMs, readable, time.nowMs(), settleTimes);
    switch (step.kind) {
      case 'wait':
        this.#settleAtMs.set(startSec, step.untilMs);
        return 'not-asked';
      case 'done':
        // Whoever finished it first said why.
        if (!known.done) await books.finish(startSec, 'settled');
        this.#lookAgainAtEnd(startSec, finalMs);
        return 'not-asked';
      case 'give-up':
        await books.finish(startSec, 'given-up');
        this.#lookAgainAtEnd(startSec, finalMs);
        events.gaveUp();
        logger.error({ sink: sinkName, window: startSec }, 'the sink was away for too long: this window is lost to it');
        return 'not-asked';
      default: {
        if (step.kind === 'settle') this.#unwritten.waits(startSec, finalMs);
        const read = async () => {
          const blob = await finals.get(startSec);
          return blob && { groups: decodeFinal(blob), versions: new Map() };
        };
        const outcome = await writer.bring(startSec, step.kind, read, signal);
        if (outcome === 'confirmed' && step.kind === 'settle') events.settled();
        return reachOf(outcome);
      }
    }
  }

  /**
   * The record should go at its end; where it has not gone, Redis may have lost that this sink is done with it, without
   * losing a heartbeat that would have told.
   */
  #lookAgainAtEnd(startSec: number, finalMs: number): void {
    const { time, settleTimes } = this.#options;
    this.#settleAtMs.set(startSec, Math.max(time.nowMs() + LOOK_AGAIN_MS, finalMs + settleTimes.finalKeepMs));
  }

  #forgetGone(): void {
    const { observer } = this.#options;
    for (const startSec of this.#clean.keys()) {
      if (!observer.windows.has(startSec)) this.#clean.delete(startSec);
    }
    for (const startSec of this.#settleAtMs.keys()) {
      if (!observer.finals.has(startSec)) this.#settleAtMs.delete(startSec);
    }
  }

  #letGo(): void {
    this.#clean.clear();
    this.#settleAtMs.clear();
    this.#options.held.clear();
    this.#unwritten.keep(() => false);
    this.#options.events.backlog(0, 0);
  }

  /** What somebody asks to bring to the sink again is as unknown as what was never looked at. */
  async #forgetAsked(): Promise<void> {
    const { clock, requests } = this.#options;
    if (clock.monotonicMs() < this.#askAtMs) return;
    for (const startSec of await requests.news()) {
      this.#clean.delete(startSec);
      this.#settleAtMs.delete(startSec);
    }
    this.#askAtMs = clock.monotonicMs() + ASKED_EVERY_MS;
  }

  #onError(error: unknown): void {
    const { clock, events, logger, sinkName, fail } = this.#options;
    const fault = passingFault(error);
    if (!fault) {
      fail(error);
      return;
    }
    const retryInMs = Math.round(this.#pace.pause(clock.monotonicMs()));
    events.failed(fault.code);
    logger.warn({ err: fault, sink: sinkName, retryInMs }, 'flushing interrupted: Redis does not answer as it should');
  }
}

function reachOf(outcome: WriteOutcome): Reach {
  return outcome === 'busy' || outcome === 'superseded' ? 'not-asked' : 'reached';
}

function confirms(confirmed: ReadonlyMap<number, Version>, { partitions }: OpenWindow): boolean {
  for (const [partition, published] of partitions) {
    if (published === undefined) continue;
    const [length, nonce] = published.split(' ');
    const known = confirmed.get(partition);
    if (!known || !sameVersion(known, { length: Number(length), nonce: nonce ?? '' })) return false;
  }
  return true;
}
