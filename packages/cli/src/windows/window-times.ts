import type { Deployment } from '@weir/common/deployment';
import { refused } from '../acting.ts';
import type { WindowStanding } from './window-standing.ts';

/** When what is due for a window, and what has been done. Pure. */
export interface WindowTimes {
  windowLengthSec: number;
  graceMs: number;
  latenessMs: number;
}

/** Throws a refusal where no aggregator has recorded them yet: then there are no windows either. */
export function windowTimes({ windowMs, graceMs, latenessMs }: Partial<Deployment>): WindowTimes {
  if (windowMs === undefined || graceMs === undefined || latenessMs === undefined) {
    throw refused('no aggregator has started in this deployment: it has no windows yet');
  }
  return { windowLengthSec: windowMs / 1_000, graceMs, latenessMs };
}

/** The later of the window's end and its first event's arrival; undefined where no partition has state of it. */
export function countedFromMs({ startSec, parts }: WindowStanding, times: WindowTimes): number | undefined {
  if (parts.length === 0) return undefined;
  const openedMs = parts.reduce((first, part) => Math.min(first, part.openedMs), Number.POSITIVE_INFINITY);
  return Math.max((startSec + times.windowLengthSec) * 1_000, openedMs);
}

/** The sink has what there is of the window: its final totals, or all that is published. */
export function isWritten({ finalMs, parts, books }: WindowStanding, sink: string): boolean {
  const of = books.get(sink);
  if (!of) return false;
  const { settledMs, askedMs = Number.NEGATIVE_INFINITY, confirmed } = of;
  if (finalMs !== undefined) return settledMs !== undefined && settledMs > askedMs;
  const published = parts.filter((part) => part.published !== undefined);
  return published.length > 0 && published.every((part) => confirmed.get(part.partition) === part.published);
}
