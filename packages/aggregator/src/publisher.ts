import type { Clock } from '@weir/common/clock';
import type { Logger } from '@weir/common/logger';
import { Loop } from '@weir/common/loop';
import { passingFault } from '@weir/common/redis-fault';
import type { Service } from '@weir/common/service';
import type { PartitionMemory } from './partition-memory.ts';
import { type PublishTimes, windowsToPublish } from './publish-plan.ts';
import type { PartitionStore, PartitionView } from './store/partition-store.ts';
import { encodeTotals } from './totals-codec.ts';
import type { Turns } from './turns.ts';

/**
 * Publishes one partition's totals while this process is its owner. What is published is always the sum of a whole log
 * at one version: publish.lua refuses any other. A sealed window is published as well, until it stands at its last
 * version; without that its final record could not be made. Also lets go of memory that is no longer needed.
 */
export interface PublisherOptions {
  store: PartitionStore;
  memory: PartitionMemory;
  turns: Turns;
  clock: Clock;
  times: PublishTimes;
  /** When the window's first event was folded in any partition, as far as is known: grace counts from then in all. */
  firstOpenedMs: (startSec: number) => number | undefined;
  intervalMs: number;
  /** Window state that may stay in memory for this partition. */
  maxBytes: () => number;
  events: { published(): void; evicted(windows: number): void; fault(code: string): void };
  logger: Logger;
  fail: (error: unknown) => void;
}

export class Publisher implements Service {
  readonly #options: PublisherOptions;
  readonly #loop: Loop;
  readonly #lastPublishedMs = new Map<number, number>();
  #view: PartitionView = { stamp: '', birth: '', open: new Map() };

  constructor(options: PublisherOptions) {
    this.#options = options;
    const { clock, intervalMs, events, fail, logger } = options;
    this.#loop = new Loop({
      clock,
      intervalMs,
      runOnce: (signal) => this.runOnce(signal),
      onError: (error) => {
        const fault = passingFault(error);
        if (!fault) return fail(error);
        events.fault(fault.code);
        logger.debug({ err: fault, partition: options.store.partition }, 'publishing interrupted');
      },
    });
  }

  start(): Promise<void> {
    return this.#loop.start();
  }

  stop(): Promise<void> {
    return this.#loop.stop();
  }

  async runOnce(signal: AbortSignal): Promise<void> {
    const { store, memory, times, events, turns, maxBytes, firstOpenedMs } = this.#options;
    const { nowMs, windows } = await store.dirtyWindows();
    const dirty = windows.map(({ startSec, meta }) => {
      const openedMs = Math.min(meta?.openedMs ?? nowMs, firstOpenedMs(startSec) ?? nowMs);
      return { startSec, meta: meta && { ...meta, openedMs } };
    });
    for (const startSec of windowsToPublish(dirty, this.#lastPublishedMs, nowMs, times)) {
      if (signal.aborted) return;
      // In turn with the folds: between two of them the log stands still at the version that memory has.
      if (await turns.take(() => this.#publish(startSec))) {
        events.published();
        this.#lastPublishedMs.set(startSec, nowMs);
      }
    }
    this.#view = (await store.observe(this.#view.stamp)) ?? this.#view;
    await turns.take(async () => {
      for (const [startSec, known] of memory.windows) {
        if (known.kind !== 'absent' && known.state && !this.#view.open.has(startSec)) memory.forget(startSec);
      }
      const evicted = memory.shrink(maxBytes());
      if (evicted > 0) events.evicted(evicted);
    });
    for (const startSec of this.#lastPublishedMs.keys()) {
      if (!this.#view.open.has(startSec)) this.#lastPublishedMs.delete(startSec);
    }
  }

  async #publish(startSec: number): Promise<boolean> {
    const { store, memory } = this.#options;
    if (memory.seed === '') await memory.begin();
    // Others may have folded into the window, or sealed it, since this process last looked.
    memory.doubt([startSec]);
    if (!(await memory.learn([startSec]))) return false;
    const known = memory.windows.get(startSec);
    if (!known || known.kind === 'absent' || !known.state) return false;
    const { version, groups } = known.state;
    const totals = encodeTotals({
      version,
      groups: groups.map(({ group, events, users }) => ({
        eventType: group.eventType,
        product: group.product,
        events,
        users,
      })),
    });
    return store.publish(startSec, version, totals);
  }
}
