/**
 * When a window may be sealed, and who is in the way. Pure.
 */
export interface SealTimes {
  windowSec: number;
  latenessMs: number;
  /** How long sealing waits for a relay that was cut off. */
  holdMs: number;
}

/** Lateness after the later of the window's end and its first event's arrival. Unix milliseconds of Redis's clock. */
export function sealDueMs(startSec: number, openedMs: number, { windowSec, latenessMs }: SealTimes): number {
  return Math.max((startSec + windowSec) * 1000, openedMs) + latenessMs;
}

/** What a relay last said of itself; all times by Redis's clock. */
export interface RelayReport {
  id: string;
  incarnation: string;
  startedMs: number;
  lastMs: number;
  /** Every line the relay received before this moment is in Redis. */
  drainedMs: number;
}

/** Undefined when the text is no report. Written by the relay as `incarnation startedMs lastMs drainedMs`. */
export function parseRelayReport(id: string, text: string): RelayReport | undefined {
  const [incarnation, ...numbers] = text.split(' ');
  const [startedMs, lastMs, drainedMs] = numbers.map(Number);
  if (incarnation === undefined || startedMs === undefined || lastMs === undefined || drainedMs === undefined) {
    return undefined;
  }
  if (![startedMs, lastMs, drainedMs].every(Number.isFinite)) return undefined;
  return { id, incarnation, startedMs, lastMs, drainedMs };
}

/**
 * Relays that may still hold lines of the window: alive at some time since its beginning, and not yet drained past the
 * moment it is due. A relay that started later is drained past it from its first report on, unless its journal owes lines
 * of an earlier start. History begins long before any relay that could hold some of it: there it counts who was alive
 * within `holdMs` of its first event's arrival. After `holdMs` nobody is waited for.
 */
export function relaysInTheWay(
  reports: readonly RelayReport[],
  window: { startSec: number; openedMs: number },
  nowMs: number,
  times: SealTimes,
): RelayReport[] {
  const dueMs = sealDueMs(window.startSec, window.openedMs, times);
  if (nowMs >= dueMs + times.holdMs) return [];
  const fromMs = Math.max(Math.min(window.startSec * 1000, window.openedMs), window.openedMs - times.holdMs);
  return reports.filter(({ lastMs, drainedMs }) => lastMs >= fromMs && drainedMs < dueMs);
}

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
  if (books.settledMs === undefined) return { kind: nowMs - finalMs >= sinkRetainMs ? 'give-up' : 'settle' };
  if (!readable || books.checks >= 2) return { kind: 'done' };
  const untilMs = books.checks === 0 ? books.settledMs + firstCheckMs : finalMs + finalKeepMs;
  return nowMs >= untilMs ? { kind: 'check' } : { kind: 'wait', untilMs };
}
