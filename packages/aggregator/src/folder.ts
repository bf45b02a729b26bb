import type { Clock } from '@weir/common/clock';
import type { Logger } from '@weir/common/logger';
import { type DigestContext, digestEntry } from './digest.ts';
import { type FoldItem, type FoldLimits, type FoldPlan, planFold, windowsTouched } from './fold-plan.ts';
import type { PartitionMemory } from './partition-memory.ts';
import type { PartitionStore } from './store/partition-store.ts';

/**
 * Folds entries of one partition: plan from memory, let Redis check and apply, learn and try again when it refuses.
 * Whatever happens half way, an entry stays pending until the very step that counts it: a crash before that step leaves
 * it to be claimed, a crash after it leaves nothing to do, and a lost reply cannot be told from either, so the entry is
 * read again and found to be pending, or not.
 */
export interface FolderOptions {
  store: PartitionStore;
  memory: PartitionMemory;
  limits: FoldLimits;
  digest: Pick<DigestContext, 'identity' | 'windowSec'>;
  clock: Clock;
  random: () => number;
  nonce: () => Uint8Array;
  /** Whether this process is the one to read the partition; others give way after three conflicts. */
  isOwner: () => boolean;
  events: FolderEvents;
  logger: Logger;
}

export interface FolderEvents {
  folded(plan: FoldPlan): void;
  conflict(kind: 'seed' | 'pending' | 'window' | 'verdict'): void;
}

const CONFLICTS_BEFORE_BACKOFF = 3;
const BACKOFF_MS = 20;
const MAX_BACKOFF_MS = 500;

export class Folder {
  readonly #options: FolderOptions;

  constructor(options: FolderOptions) {
    this.#options = options;
  }

  /** A digest made with the present key; without one when the entry is unreadable as a whole. */
  digest(item: FoldItem): FoldItem {
    const { memory, digest: how } = this.#options;
    const digest = digestEntry(item.entry, { key: memory.key, groups: memory.groups, ...how });
    const { digest: _, ...rest } = item;
    return digest ? { ...rest, digest } : rest;
  }

  /**
   * Folds the items, all of them, or answers 'left' when others keep folding first and the partition is theirs: what is
   * left is pending and will be claimed. Rejects with a RedisFault when it is unknown what became of the items.
   */
  async fold(given: readonly FoldItem[], signal?: AbortSignal): Promise<'folded' | 'left'> {
    const { store, memory, limits, clock, random, nonce, isOwner, events, logger } = this.#options;
    let items = given;
    for (let conflicts = 0; ; conflicts++) {
      if (conflicts >= CONFLICTS_BEFORE_BACKOFF) {
        if (!isOwner() || signal?.aborted) return 'left';
        const ceilingMs = Math.min(MAX_BACKOFF_MS, BACKOFF_MS * 2 ** (conflicts - CONFLICTS_BEFORE_BACKOFF));
        await clock.sleep(random() * ceilingMs, signal);
      }
      items = items.map((item) => (item.digest && item.digest.key !== memory.key ? this.digest(item) : item));
      if (!(await memory.learn(windowsTouched(items)))) continue;
      const plan = planFold(items, memory.windows, {
        limits,
        nowMs: memory.nowMs,
        openOldWindows: memory.openOldWindows,
        nonce,
      });
      const reply = await store.fold(plan, memory.seed);
      memory.heard(reply.nowMs);
      if (reply.kind === 'folded') {
        memory.heard(reply.nowMs, reply.openOldWindows);
        memory.apply(plan);
        events.folded(plan);
        return 'folded';
      }
      events.conflict(reply.kind);
      switch (reply.kind) {
        case 'seed':
          logger.warn({ partition: store.partition }, 'another seed stands for this partition: starting over');
          memory.reset(reply.seed);
          break;
        case 'pending': {
          const gone = new Set(reply.ids);
          items = items.filter(({ entry }) => !gone.has(entry.id));
          if (items.length === 0) return 'folded';
          break;
        }
        case 'window':
          memory.doubt(plan.windows.map(({ startSec }) => startSec));
          break;
        case 'verdict':
          memory.heard(reply.nowMs, reply.openOldWindows);
      }
    }
  }
}
