import type { Clock, RedisTime } from '@weir/common/clock';
import { encodeFinal } from '@weir/common/final-codec';
import type { Logger } from '@weir/common/logger';
import { Loop } from '@weir/common/loop';
import { passingFault } from '@weir/common/redis-fault';
import type { Service } from '@weir/common/service';
import { sameVersion } from './log-codec.ts';
import type { Observer, OpenWindow } from './observer.ts';
import { type RelayReport, relaysInTheWay, type SealTimes, sealDueMs } from './seal-plan.ts';
import type { FinalStore } from './store/final-store.ts';
import type { SealRequests } from './store/operator-requests.ts';
import type { PartitionStore } from './store/partition-store.ts';
import type { SinkBooks } from './store/sink-books.ts';
import { decodeTotals, sumTotals, type WindowTotals } from './totals-codec.ts';

/**
 * Closes windows for good, in steps that each stand on what the one before left in Redis, so that any aggregator can go
 * on wherever another stopped:
 *
 *   1. every partition sets the window's sealed bit; from then on folds see its events as late, and its log stands still
 *   2. every partition's totals are published at that last version (the publishers do this)
 *   3. their sum becomes the final record, unless there is one
 *   4. every partition frees its state of the window
 *   5. every sink settles the final record (the flushers do this); when all are done it is removed
 *
 * Stopped between 1 and 3: the next round finds the bits set and goes on. Between 3 and 4: it finds the record and frees
 * the rest. A sum over half-freed state cannot become the record, for freeing begins only once the record stands.
 *
 * A seal cannot be taken back, so it must not rest on what an earlier Redis knew. Windows and births are seen first, then the
 * relays are asked, then the bits are set: all on one connection, so that no restart or failover lies between, and only
 * in partitions that still have the birth seen, so that no emptying does.
 */
export interface SealerOptions {
  stores: readonly PartitionStore[];
  finals: FinalStore;
  /** Of every sink of the deployment, as it is now: a final record goes when all are done with it. */
  books: () => readonly SinkBooks[];
  requests: SealRequests;
  observer: Observer;
  clock: Clock;
  /** Of the connection to Redis. */
  epoch: () => number;
  time: RedisTime;
  times: SealTimes;
  finalKeepMs: number;
  intervalMs: number;
  relays: () => Promise<readonly RelayReport[]>;
  owns: (key: string) => boolean;
  events: {
    sealed(): void;
    /** Windows that are due and wait for relays. */
    waiting(windows: number): void;
  };
  logger: Logger;
  fail: (error: unknown) => void;
}

/** A request whose window is gone stays for so long: what is seen of the windows may be younger than the request. */
const REQUEST_KEPT_MS = 60_000;
/** Reading the totals and storing their sum may take this long; the record's absence vouches for no longer. */
const SUM_DEADLINE_MS = 60_000;

export class Sealer implements Service {
  readonly #options: SealerOptions;
  readonly #loop: Loop;
  /** When all relays were first seen drained, by window: what was appended before must be folded, and no more. */
  readonly #drainedMs = new Map<number, number>();
  readonly #waiting = new Map<number, readonly RelayReport[]>();
  #pausedUntilMs = Number.NEGATIVE_INFINITY;

  constructor(options: SealerOptions) {
    this.#options = options;
    this.#loop = new Loop({
      clock: options.clock,
      intervalMs: options.intervalMs,
      runOnce: (signal) => this.runOnce(signal),
      onError: (error) => {
        const fault = passingFault(error);
        if (!fault) return options.fail(error);
        options.logger.warn({ err: fault }, 'sealing interrupted');
      },
    });
  }

  start(): Promise<void> {
    return this.#loop.start();
  }

  stop(): Promise<void> {
    return this.#loop.stop();
  }

  /** Redis's clock jumped: until real time has passed it decides nothing that cannot be taken back. */
  pause(): void {
    const { clock, times } = this.#options;
    this.#pausedUntilMs = clock.monotonicMs() + times.latenessMs;
  }

  /** Windows that are due, and the relays they wait for. */
  get waiting(): ReadonlyMap<number, readonly RelayReport[]> {
    return this.#waiting;
  }

  async runOnce(signal: AbortSignal): Promise<void> {
    const { clock, observer, owns, time, times, relays, requests, events, epoch } = this.#options;
    if (clock.monotonicMs() < this.#pausedUntilMs || observer.epoch !== epoch()) return;
    const births = this.#births();
    const nowMs = time.nowMs();
    const asked = await requests.read();
    const isDue = ({ startSec, openedMs }: OpenWindow) => nowMs >= sealDueMs(startSec, openedMs, times);
    const due = [...observer.windows.values()]
      .filter((window) => (isDue(window) || asked.has(window.startSec)) && owns(`seal/${window.startSec}`))
      .sort((a, b) => a.startSec - b.startSec);
    this.#waiting.clear();
    if (due.length > 0) {
      const reports = await relays();
      for (const window of due) {
        if (signal.aborted) return;
        const forced = asked.has(window.startSec);
        const inTheWay = forced ? [] : relaysInTheWay(reports, window, nowMs, times);
        if (inTheWay.length > 0) this.#waiting.set(window.startSec, inTheWay);
        // Whoever asked gives up what is still to come, and nothing that is in a stream already.
        else await this.#seal(window, forced ? 0 : sealDueMs(window.startSec, window.openedMs, times), nowMs, births);
      }
    }
    events.waiting(this.#waiting.size);
    for (const startSec of this.#drainedMs.keys()) {
      if (!observer.windows.has(startSec)) this.#drainedMs.delete(startSec);
    }
    for (const [startSec, askedMs] of asked) {
      const gone = !observer.windows.has(startSec) && nowMs - askedMs > REQUEST_KEPT_MS;
      if (gone && owns(`seal/${startSec}`)) await requests.remove(startSec);
    }
    await this.#removeDone(nowMs, signal);
  }

  #births(): ReadonlyMap<number, string> {
    const { stores, observer } = this.#options;
    return new Map(stores.map(({ partition }) => [partition, observer.birth(partition)]));
  }

  async #seal(
    { startSec }: OpenWindow,
    dueMs: number,
    nowMs: number,
    births: ReadonlyMap<number, string>,
  ): Promise<void> {
    const { stores, finals, clock, events, logger, epoch, observer } = this.#options;
    const since = observer.epoch;
    const setBits = async (seal: { dueMs: number; foldedMs: number }): Promise<boolean> => {
      for (const store of stores) {
        const birth = births.get(store.partition)!;
        if (epoch() !== since || (await store.seal(startSec, { ...seal, birth })) !== 'sealed') return false;
      }
      return true;
    };
    if ((await finals.get(startSec)) === undefined) {
      const foldedMs = this.#drainedMs.get(startSec) ?? Math.max(dueMs, nowMs);
      this.#drainedMs.set(startSec, foldedMs);
      if (!(await setBits({ dueMs, foldedMs }))) return;
      const startedMs = clock.monotonicMs();
      const parts: WindowTotals[] = [];
      for (const store of stores) {
        const part = await this.#lastTotals(store, startSec);
        if (part === 'unpublished') return;
        if (part) parts.push(part);
      }
      if (clock.monotonicMs() - startedMs > SUM_DEADLINE_MS || epoch() !== since) return;
      if (await finals.store(startSec, encodeFinal(sumTotals(parts)))) {
        // Had Redis been emptied since the bits were set, the record would speak of a window that is open again.
        if (!(await setBits({ dueMs, foldedMs }))) {
          await finals.remove(startSec);
          return;
        }
        events.sealed();
        logger.info({ window: startSec }, 'window sealed');
      }
    }
    for (const store of stores) {
      if ((await store.drop(startSec)) === 'not-sealed') {
        // Only where Redis lost this partition's bit but not the final record: the record stands, so seal again.
        await store.seal(startSec, { dueMs: 0, foldedMs: 0, birth: births.get(store.partition)! });
      }
    }
  }

  async #lastTotals(store: PartitionStore, startSec: number): Promise<WindowTotals | 'unpublished' | undefined> {
    const meta = await store.meta(startSec);
    if (!meta) return undefined;
    const blob = await store.publishedTotals(startSec);
    const part = blob && decodeTotals(blob);
    return part && sameVersion(part.version, meta.version) ? part : 'unpublished';
  }

  /** A final record goes, and with it the sinks' books of the window, when no sink needs it any more. */
  async #removeDone(nowMs: number, signal: AbortSignal): Promise<void> {
    const { observer, finals, owns, finalKeepMs } = this.#options;
    const books = this.#options.books();
    for (const [startSec, storedMs] of observer.finals) {
      if (signal.aborted) return;
      if (nowMs - storedMs < finalKeepMs || !owns(`seal/${startSec}`) || observer.windows.has(startSec)) continue;
      const all = await Promise.all(books.map((sink) => sink.read(startSec)));
      if (!all.every(({ done }) => done)) continue;
      await finals.remove(startSec);
      for (const sink of books) await sink.remove(startSec);
    }
  }
}
