import type { Clock } from '@weir/common/clock';
import type { Logger } from '@weir/common/logger';
import { passingFault, RedisFault } from '@weir/common/redis-fault';
import type { Service } from '@weir/common/service';
import type { EntrySource, ReadEntry } from './entry-source.ts';
import type { FoldItem } from './fold-plan.ts';
import type { Folder } from './folder.ts';
import type { PartitionMemory } from './partition-memory.ts';
import type { Turns } from './turns.ts';

/**
 * Works one partition while this process is its owner: takes over what crashed readers left, reads new entries, folds
 * them. At most two folds are in hand: one in flight, and the next being digested meanwhile. After any fault everything
 * in hand is dropped and this consumer's pending entries are read again, because an entry whose reply was lost would
 * never be delivered as new a second time.
 */
export interface PartitionWorkerOptions {
  partition: number;
  consumer: string;
  source: EntrySource;
  folder: Folder;
  memory: PartitionMemory;
  /** Shared with the publisher: whoever reads or changes the memory across an await has the turn. */
  turns: Turns;
  clock: Clock;
  /** Entries of a consumer that is alive are taken over once idle for this long. */
  claimIdleMs: number;
  /** How often to look for entries to take over. */
  claimEveryMs: number;
  blockMs: number;
  /** A fold holds at least one entry and otherwise at most this many lines. */
  foldLines: number;
  /**
   * From one read to the next at least, where less than a whole fold was read: entries gather meanwhile, and a fold of
   * many costs little more than one of a few.
   */
  gatherMs: number;
  /** A read asks for about this many bytes. */
  readBytes: number;
  /** An entry delivered more often than this is processed alone. */
  maxDeliveries: number;
  /** Consumers, and incarnations, whose heartbeat is fresh. */
  alive: () => { consumers: readonly string[]; incarnations: readonly string[] };
  /** Changes whenever a connection to Redis was lost: entries read before belong to a past that may be gone. */
  epoch: () => number;
  events: PartitionWorkerEvents;
  logger: Logger;
  /** Called with a bug; the process should end. */
  fail: (error: unknown) => void;
}

export interface PartitionWorkerEvents {
  claimed(entries: number): void;
  lost(entries: number): void;
  fault(code: string): void;
}

const PAGE_ENTRIES = 64;
const RETRY_MS = 200;
const MAX_RETRY_MS = 3_200;
const MAX_READ_ENTRIES = 1024;
const FINISH_ATTEMPTS = 5;
const FINISH_PAUSE_MS = 50;

export class PartitionWorker implements Service {
  readonly #options: PartitionWorkerOptions;
  readonly #abort = new AbortController();
  #running: Promise<void> | undefined;
  #inFlight: Promise<unknown> = Promise.resolve();
  #flightFailed = false;
  #interruptedBy: string | undefined;
  #entryBytes = 64 * 1024;
  #nextClaimMs = 0;
  #nextReadMs = Number.NEGATIVE_INFINITY;

  constructor(options: PartitionWorkerOptions) {
    this.#options = options;
  }

  async start(): Promise<void> {
    this.#running ??= this.#run().catch(this.#options.fail);
  }

  /** Ends after what was read is folded, so nothing is handed back unfinished while Redis answers. */
  async stop(): Promise<void> {
    this.#abort.abort();
    await this.#unblock();
    await this.#running;
  }

  /** Code of the fault that keeps this worker from folding, undefined while nothing does. */
  get interruptedBy(): string | undefined {
    return this.#interruptedBy;
  }

  async #run(): Promise<void> {
    const { clock, logger, events, partition } = this.#options;
    const { signal } = this.#abort;
    let recovering = true;
    let retryMs = RETRY_MS;
    while (!signal.aborted) {
      try {
        if (recovering) await this.#recover();
        recovering = false;
        retryMs = RETRY_MS;
        this.#interruptedBy = undefined;
        await this.#claimWhenDue();
        await this.#gather();
        // Whoever stops it ends a read that waits, and not one that only begins.
        if (!signal.aborted) await this.#readOnce();
      } catch (error) {
        const fault = passingFault(error);
        if (!fault) throw error;
        // Said once per interruption: a Redis that is away would fill the log.
        const level = this.#interruptedBy === undefined ? 'warn' : 'debug';
        recovering = true;
        this.#interruptedBy = fault.code;
        events.fault(fault.code);
        logger[level]({ err: fault, partition }, 'partition interrupted; its pending entries will be read again');
        await clock.sleep(retryMs, signal);
        // Each try reads what is pending anew, which is megabytes where Redis is full and folds nothing for hours.
        retryMs = Math.min(MAX_RETRY_MS, retryMs * 2);
      }
    }
    try {
      // Where Redis does not answer there is no finishing, only waiting for nothing.
      await (recovering ? this.#landed() : this.#finish());
    } catch (error) {
      if (!passingFault(error)) throw error;
      logger.warn({ err: error, partition }, 'what became of the last fold is unknown; its entries may stay pending');
    }
  }

  /**
   * Folds what is in hand, and what stayed pending because others kept folding first: they would have to wait for it to
   * be idle for long enough to be claimed. They go on meanwhile, so it may take some tries.
   */
  async #finish(): Promise<void> {
    const { source, clock, consumer, logger, partition } = this.#options;
    await this.#landed();
    for (let attempt = 1; attempt <= FINISH_ATTEMPTS; attempt++) {
      await this.#recover();
      if (!(await source.pendingByConsumer()).has(consumer)) return;
      await clock.sleep(FINISH_PAUSE_MS);
    }
    logger.warn({ partition }, 'left pending entries behind: others kept folding first');
  }

  async #recover(): Promise<void> {
    const { source, memory, turns } = this.#options;
    await this.#inFlight.catch(() => undefined);
    this.#inFlight = Promise.resolve();
    this.#flightFailed = false;
    await source.ensureGroup();
    await turns.take(() => memory.begin());
    await this.#foldOwnPending();
    this.#nextClaimMs = 0;
  }

  async #foldOwnPending(): Promise<void> {
    const { source } = this.#options;
    let after = '0';
    for (;;) {
      const page = await source.readOwnPending(after, PAGE_ENTRIES);
      if (page.length === 0) return;
      after = page[page.length - 1]!.id;
      await this.#foldTakenOver(page);
    }
  }

  async #gather(): Promise<void> {
    const { clock } = this.#options;
    const earlyMs = this.#nextReadMs - clock.monotonicMs();
    if (earlyMs > 0) await clock.sleep(earlyMs, this.#abort.signal);
  }

  async #readOnce(): Promise<void> {
    const { source, clock, blockMs, readBytes, foldLines, gatherMs, epoch } = this.#options;
    const count = Math.max(1, Math.min(MAX_READ_ENTRIES, Math.floor(readBytes / this.#entryBytes)));
    const before = epoch();
    const entries = await source.readNew(count, blockMs);
    if (entries.length === 0) {
      if (this.#flightFailed) await this.#landed();
      return;
    }
    this.#learnEntrySize(entries);
    const lines = entries.reduce((sum, { entry }) => sum + (entry?.lineCount ?? 0), 0);
    this.#nextReadMs = lines < foldLines ? clock.monotonicMs() + gatherMs : Number.NEGATIVE_INFINITY;
    for (const items of this.#portions(await this.#items(entries))) {
      const digested = items.map((item) => (item.digest ? item : this.#digest(item)));
      await this.#landed();
      if (epoch() !== before)
        throw new RedisFault('redis-reconnected', 'Redis was away while entries were in hand', true, 'not-applied');
      this.#launch(digested);
    }
  }

  /** Items that came marked readable are digested just before their fold, while the one before is in flight. */
  #digest(item: FoldItem & { readable?: boolean }): FoldItem {
    return item.readable === false ? item : this.#options.folder.digest(item);
  }

  #launch(items: readonly FoldItem[]): void {
    const { folder, turns } = this.#options;
    this.#inFlight = turns.take(() => folder.fold(items, this.#abort.signal));
    this.#inFlight.catch(() => {
      this.#flightFailed = true;
      // The reader may be waiting for new entries while these want to be read again.
      void this.#unblock();
    });
  }

  async #landed(): Promise<void> {
    await this.#inFlight;
  }

  async #claimWhenDue(): Promise<void> {
    const { clock, claimEveryMs, source, consumer, alive, claimIdleMs } = this.#options;
    if (clock.monotonicMs() < this.#nextClaimMs) return;
    this.#nextClaimMs = clock.monotonicMs() + claimEveryMs;
    await this.#landed();
    const pending = await source.pendingByConsumer();
    const { consumers } = alive();
    let strangers = false;
    for (const [holder, count] of pending) {
      if (count === 0) continue;
      if (holder === consumer) {
        await this.#foldOwnPending();
      } else if (consumers.includes(holder)) {
        strangers = true;
      } else {
        await this.#takeOver(holder);
      }
    }
    if (strangers) await this.#claimIdle(claimIdleMs);
  }

  /** Its heartbeat is gone: nothing of it needs to be waited for. */
  async #takeOver(holder: string): Promise<void> {
    const { source, events, logger, partition } = this.#options;
    for (;;) {
      const entries = await source.claimFrom(holder, PAGE_ENTRIES);
      if (entries.length === 0) return;
      const taken = entries.filter(({ entry }) => entry !== undefined).length;
      events.claimed(taken);
      logger.info({ partition, from: holder, entries: taken }, 'took over pending entries of a dead reader');
      await this.#foldTakenOver(entries);
    }
  }

  async #claimIdle(idleMs: number): Promise<void> {
    const { source, events, logger, partition } = this.#options;
    let cursor = '0-0';
    do {
      const page = await source.claimIdle(cursor, idleMs, PAGE_ENTRIES);
      cursor = page.cursor;
      if (page.deletedIds.length > 0) this.#raiseLost(page.deletedIds);
      if (page.entries.length > 0) {
        events.claimed(page.entries.length);
        logger.info({ partition, entries: page.entries.length }, 'took over idle entries');
        await this.#foldTakenOver(page.entries);
      }
    } while (cursor !== '0-0' && !this.#abort.signal.aborted);
  }

  /** Entries that were in somebody's hands before: each may be the reason that those hands are gone. */
  async #foldTakenOver(entries: readonly ReadEntry[]): Promise<void> {
    const { source, folder, turns, maxDeliveries, alive } = this.#options;
    const deliveries = await source.deliveries(entries.map(({ id }) => id));
    const ordinary: ReadEntry[] = [];
    const suspects: ReadEntry[] = [];
    for (const read of entries) {
      if ((deliveries.get(read.id) ?? 0) > maxDeliveries) suspects.push(read);
      else ordinary.push(read);
    }
    const fold = (items: readonly FoldItem[]) => turns.take(() => folder.fold(items, this.#abort.signal));
    for (const items of this.#portions(await this.#items(ordinary))) {
      await fold(items.map((item) => this.#digest(item)));
    }
    for (const read of suspects) {
      const verdict = await source.markSuspect(read.id, alive().incarnations);
      if (verdict === 'wait') continue;
      const [item] = await this.#items([read]);
      if (!item) continue;
      const { readable: _, ...bare } = item;
      await fold([{ ...(verdict === 'process' ? this.#digest(item) : bare), suspect: true }]);
    }
  }

  async #items(entries: readonly ReadEntry[]): Promise<(FoldItem & { readable: boolean })[]> {
    const deleted = entries.filter(({ entry }) => !entry).map(({ id }) => id);
    if (deleted.length > 0) {
      this.#raiseLost(deleted);
      await this.#options.source.ack(deleted);
    }
    return entries.flatMap(({ entry, readable }) => (entry ? [{ entry, readable }] : []));
  }

  #raiseLost(ids: readonly string[]): void {
    const { events, logger, partition } = this.#options;
    events.lost(ids.length);
    logger.error({ partition, ids }, 'pending entries were deleted from the stream: their lines are lost');
  }

  *#portions<T extends FoldItem>(items: readonly T[]): Generator<T[]> {
    let portion: T[] = [];
    let lines = 0;
    for (const item of items) {
      if (portion.length > 0 && lines + item.entry.lineCount > this.#options.foldLines) {
        yield portion;
        portion = [];
        lines = 0;
      }
      portion.push(item);
      lines += item.entry.lineCount;
    }
    if (portion.length > 0) yield portion;
  }

  #learnEntrySize(entries: readonly ReadEntry[]): void {
    const bytes = entries.reduce((sum, { entry }) => sum + (entry?.lines.length ?? 0), 0);
    this.#entryBytes = Math.max(1024, (this.#entryBytes + bytes / entries.length) / 2);
  }

  async #unblock(): Promise<void> {
    try {
      await this.#options.source.unblock();
    } catch (error) {
      // The read ends by itself, a little later.
      this.#options.logger.debug({ err: error }, 'could not end a waiting read');
    }
  }
}
