import type { Clock } from '@weir/common/clock';
import type { Logger } from '@weir/common/logger';
import { Loop } from '@weir/common/loop';
import { passingFault } from '@weir/common/redis-fault';
import type { Service } from '@weir/common/service';
import type { FinalStore, FinalsView } from './store/final-store.ts';
import type { PartitionStore, PartitionView } from './store/partition-store.ts';

/**
 * The whole deployment's open and final windows, as of a moment ago, for the flushers and the sealer of this process.
 * What it shows is where to look, never what to act on: they read again what they act on.
 */
export interface ObserverOptions {
  stores: readonly PartitionStore[];
  finals: FinalStore;
  clock: Clock;
  /** Of the connection to Redis. */
  epoch: () => number;
  intervalMs: number;
  logger: Logger;
  fail: (error: unknown) => void;
}

export interface OpenWindow {
  startSec: number;
  /** The earliest of the partitions: when its first event was folded. */
  openedMs: number;
  /** Per partition that has it open: the version published, undefined when there is none yet. */
  partitions: Map<number, string | undefined>;
}

/** Partitions publish a window one after the other. */
const GATHER_MS = 20;
/** No stamp of Redis's, nor its absence. */
const FORGOTTEN = '?';

export class Observer implements Service {
  readonly #options: ObserverOptions;
  readonly #loop: Loop;
  readonly #views: PartitionView[];
  #finals: FinalsView = { stamp: '', storedMs: new Map() };
  #windows: ReadonlyMap<number, OpenWindow> = new Map();
  #generation = 0;
  readonly #listeners: (() => void)[] = [];
  #epoch: number | undefined;
  /** Something was seen that `#windows` does not show yet; outlives a round that was interrupted after seeing it. */
  #unmerged = false;

  constructor(options: ObserverOptions) {
    this.#options = options;
    this.#views = options.stores.map(() => ({ stamp: '', birth: '', open: new Map() }));
    this.#loop = new Loop({
      clock: options.clock,
      intervalMs: options.intervalMs,
      gatherMs: GATHER_MS,
      runOnce: () => this.runOnce(),
      onError: (error) => {
        const fault = passingFault(error);
        if (!fault) return options.fail(error);
        options.logger.debug({ err: fault }, 'the view of the windows is out of date');
      },
    });
  }

  start(): Promise<void> {
    return this.#loop.start();
  }

  stop(): Promise<void> {
    return this.#loop.stop();
  }

  /** Looks again at once: something has changed. */
  wake(): void {
    this.#loop.wake();
  }

  /** Called whenever something new is seen here. */
  onChange(listener: () => void): void {
    this.#listeners.push(listener);
  }

  /** Grows with every change of what is seen here. */
  get generation(): number {
    return this.#generation;
  }

  /** In which epoch all of this was looked at; undefined while it was not, since what was seen before was forgotten. */
  get epoch(): number | undefined {
    return this.#epoch;
  }

  /** '' where the partition has none yet. */
  birth(partition: number): string {
    return this.#views[this.#options.stores.findIndex((store) => store.partition === partition)]?.birth ?? '';
  }

  get windows(): ReadonlyMap<number, OpenWindow> {
    return this.#windows;
  }

  /** Windows with a final record, and since when (ms). */
  get finals(): ReadonlyMap<number, number> {
    return this.#finals.storedMs;
  }

  /** After Redis lost data stamps mean nothing: everything is looked at anew. */
  forget(): void {
    this.#epoch = undefined;
    for (const view of this.#views) view.stamp = FORGOTTEN;
    this.#finals.stamp = FORGOTTEN;
  }

  async runOnce(): Promise<void> {
    const { stores, finals } = this.#options;
    const epoch = this.#options.epoch();
    // Stamps of another server's past mean nothing here, even where they are the same.
    if (this.#epoch !== undefined && this.#epoch !== epoch) this.forget();
    const views = await Promise.all(stores.map((store, i) => store.observe(this.#views[i]!.stamp)));
    views.forEach((view, i) => {
      if (!view) return;
      this.#views[i] = view;
      this.#unmerged = true;
    });
    const seen = await finals.list(this.#finals.stamp);
    if (seen) {
      this.#finals = seen;
      this.#unmerged = true;
    }
    if (this.#options.epoch() === epoch) this.#epoch = epoch;
    if (!this.#unmerged) return;
    this.#unmerged = false;
    this.#windows = this.#merge();
    this.#generation++;
    for (const listener of this.#listeners) listener();
  }

  #merge(): Map<number, OpenWindow> {
    const windows = new Map<number, OpenWindow>();
    this.#views.forEach(({ open }, i) => {
      const { partition } = this.#options.stores[i]!;
      for (const [startSec, { openedMs, published }] of open) {
        let window = windows.get(startSec);
        if (!window) {
          window = { startSec, openedMs, partitions: new Map() };
          windows.set(startSec, window);
        }
        window.openedMs = Math.min(window.openedMs, openedMs);
        window.partitions.set(partition, published ? `${published.length} ${published.nonce}` : undefined);
      }
    });
    return windows;
  }
}

/** What is seen of a window; another signature means that something was published since. */
export function signature({ partitions }: OpenWindow): string {
  return [...partitions].map(([partition, version]) => `${partition}:${version ?? ''}`).join(',');
}
