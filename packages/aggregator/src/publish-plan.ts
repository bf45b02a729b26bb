import type { DirtyWindow } from './store/partition-store.ts';

/**
 * When a partition's totals of a window are published. Pure. First at the window's end plus grace, or, for a window that
 * was already past when its first event came, grace after that event; then again after every change, but not more often
 * than `republishMs`.
 */
export interface PublishTimes {
  windowSec: number;
  graceMs: number;
  republishMs: number;
}

export function dueMs(startSec: number, openedMs: number, { windowSec, graceMs }: PublishTimes): number {
  return Math.max((startSec + windowSec) * 1000, openedMs) + graceMs;
}

/** The dirty windows to publish now, oldest first. `lastPublishedMs` is by the same clock as `nowMs`. */
export function windowsToPublish(
  dirty: readonly DirtyWindow[],
  lastPublishedMs: ReadonlyMap<number, number>,
  nowMs: number,
  times: PublishTimes,
): number[] {
  return dirty
    .filter(({ startSec, meta }) => {
      if (!meta || nowMs < dueMs(startSec, meta.openedMs, times)) return false;
      const last = lastPublishedMs.get(startSec);
      // A clock that went back must not hold totals back.
      return last === undefined || nowMs - last >= times.republishMs || nowMs < last;
    })
    .map(({ startSec }) => startSec)
    .sort((a, b) => a - b);
}
