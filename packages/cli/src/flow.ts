import { z } from 'zod';
import { count, orUnknown } from './report-schema.ts';

/**
 * How fast lines come into a partition and leave it again, from the ledger's counters at two moments; and with that whether
 * what waits grows, and when it will be gone. Pure.
 */
export interface Sample {
  /** Redis's clock, Unix milliseconds. */
  redisMs: number;
  /** The ledger of the partition, in lines. */
  counters: ReadonlyMap<string, number>;
}

export interface Rates {
  inPerSec: number;
  outPerSec: number;
}

export const TRENDS = ['idle', 'steady', 'growing', 'shrinking', 'stuck'] as const;
export type Trend = (typeof TRENDS)[number];

export const FLOW_FIELDS = {
  rateInPerSec: orUnknown(count).describe('lines received a second'),
  rateOutPerSec: orUnknown(count).describe('lines folded a second'),
  trend: orUnknown(z.enum(TRENDS)).describe(
    'of what waits; idle: nothing waits and nothing comes, stuck: something waits and nothing is folded',
  ),
  drainSeconds: orUnknown(count).describe(
    'until nothing waits any more, if it goes on like this; 0: nothing waits; null: unknown, or never',
  ),
};

export interface Flow {
  rateInPerSec: number | null;
  rateOutPerSec: number | null;
  trend: Trend | null;
  drainSeconds: number | null;
}

/** Closer than this rates in and out count as the same. */
const STEADY = 0.05;

/** Undefined without an earlier look, and where the books went back between the two: Redis has lost data. */
export function ratesBetween(before: Sample | undefined, now: Sample): Rates | undefined {
  if (!before) return undefined;
  const seconds = (now.redisMs - before.redisMs) / 1_000;
  const received = receivedLines(now.counters) - receivedLines(before.counters);
  const folded = foldedLines(now.counters) - foldedLines(before.counters);
  if (seconds <= 0 || received < 0 || folded < 0) return undefined;
  return { inPerSec: received / seconds, outPerSec: folded / seconds };
}

export function flowOf(rates: Rates | undefined, waiting: number | null): Flow {
  const drained = waiting === 0 ? 0 : null;
  if (!rates) return { rateInPerSec: null, rateOutPerSec: null, trend: null, drainSeconds: drained };
  const { inPerSec, outPerSec } = rates;
  const trend = waiting === null ? null : trendOf(rates, waiting);
  const drainSeconds = trend === 'shrinking' && waiting !== null ? waiting / (outPerSec - inPerSec) : drained;
  return { rateInPerSec: inPerSec, rateOutPerSec: outPerSec, trend, drainSeconds };
}

function trendOf({ inPerSec, outPerSec }: Rates, waiting: number): Trend {
  if (waiting === 0) return inPerSec === 0 && outPerSec === 0 ? 'idle' : 'steady';
  if (outPerSec === 0) return 'stuck';
  if (Math.abs(outPerSec - inPerSec) <= STEADY * Math.max(inPerSec, outPerSec)) return 'steady';
  return outPerSec > inPerSec ? 'shrinking' : 'growing';
}

/** Lines received and not yet counted, dropped as duplicates or made dead letters; undefined where no ledger is kept. */
export function unfoldedEvents(counters: ReadonlyMap<string, number>): number | undefined {
  if (!counters.has('received')) return undefined;
  const unfolded = receivedLines(counters) - foldedLines(counters);
  // Below zero the books do not balance, and that is not ours to hide behind a number.
  return unfolded >= 0 ? unfolded : undefined;
}

const receivedLines = (counters: ReadonlyMap<string, number>): number => counters.get('received') ?? 0;

function foldedLines(counters: ReadonlyMap<string, number>): number {
  let folded = 0;
  for (const [name, lines] of counters) {
    if (name === 'counted' || name === 'duplicate' || name.startsWith('dead:')) folded += lines;
  }
  return folded;
}
