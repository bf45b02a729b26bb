export {
  parseRelayReport,
  type RelayReport,
  relaysInTheWay,
  type SealTimes,
  sealDueMs,
} from '@weir/common/seal-wait';

/**
 * What a sink's books say of a sealed window, and what is to do next. A sink that can be read is looked at again twice
 * after it was settled: shortly after, for a write that was given up and landed late, and once more at the end.
 */
export interface SettleBooks {
  /** When the final record was confirmed, undefined before. */
  settledMs: number | undefined;
  /** How many times it was looked at since. */
  checks: number;
  done: boolean;
  /** When somebody last asked to bring it to the sink again, whatever was known of it then. */
  askedMs?: number | undefined;
}

export interface SettleTimes {
  firstCheckMs: number;
  finalKeepMs: number;
  /** A sink that was not settled for this long loses the window. */
  sinkRetainMs: number;
}

export type SettleStep = { kind: 'settle' | 'check' | 'give-up' | 'done' } | { kind: 'wait'; untilMs: number };

export function nextSettleStep(
  books: SettleBooks,
  finalMs: number,
  readable: boolean,
  nowMs: number,
  { firstCheckMs, finalKeepMs, sinkRetainMs }: SettleTimes,
): SettleStep {
  if (books.done) return { kind: 'done' };
  const { settledMs, askedMs = Number.NEGATIVE_INFINITY } = books;
  if (settledMs === undefined || askedMs >= settledMs) {
    return { kind: nowMs - Math.max(finalMs, askedMs) >= sinkRetainMs ? 'give-up' : 'settle' };
  }
  if (!readable || books.checks >= 2) return { kind: 'done' };
  const untilMs = books.checks === 0 ? settledMs + firstCheckMs : finalMs + finalKeepMs;
  return nowMs >= untilMs ? { kind: 'check' } : { kind: 'wait', untilMs };
}
