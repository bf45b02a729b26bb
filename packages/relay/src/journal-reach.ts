import type { Clock } from '@weir/common/clock';
import type { Logger } from '@weir/common/logger';

/**
 * Whether the journal reaches back far enough: after Redis lost everything, the totals of windows that are still open come
 * back exactly only from journals that hold all their lines, so from lateness and a window ago. Says so when the bound in
 * bytes makes it shorter. Pure.
 */
export interface JournalReachOptions {
  clock: Clock;
  /** Of the deployment: lateness and the length of a window together; undefined until an aggregator has recorded them. */
  neededMs: () => Promise<number | undefined>;
  counts: { journalShortReaches: number };
  logger: Logger;
}

const ASK_EVERY_MS = 60_000;

export class JournalReach {
  readonly #options: JournalReachOptions;
  #askedAtMs = Number.NEGATIVE_INFINITY;

  constructor(options: JournalReachOptions) {
    this.#options = options;
  }

  /** Batches that were confirmed so long ago had to go. Looks no more than once a minute. */
  async droppedEarly(ageMs: number): Promise<void> {
    const { clock, neededMs, counts, logger } = this.#options;
    if (clock.monotonicMs() - this.#askedAtMs < ASK_EVERY_MS) return;
    this.#askedAtMs = clock.monotonicMs();
    const needed = await neededMs();
    if (needed === undefined || ageMs >= needed) return;
    counts.journalShortReaches++;
    const about = { reachSec: Math.round(ageMs / 1_000), neededSec: Math.round(needed / 1_000) };
    logger.warn(about, 'the journal reaches back less than lateness and a window: raise --journal-bytes');
  }
}
