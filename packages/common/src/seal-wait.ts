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
 * Relays that may still hold lines of the window: not yet drained past the moment it is due. One that was not heard of since
 * before the window began may be cut off and take lines all the same, so it counts until it was silent for `holdMs`. A
 * relay that started later is drained past the window from its first report on, unless its journal owes lines of an
 * earlier start. When the window has been due for `holdMs` nobody is waited for.
 */
export function relaysInTheWay(
  reports: readonly RelayReport[],
  window: { startSec: number; openedMs: number },
  nowMs: number,
  times: SealTimes,
): RelayReport[] {
  const dueMs = sealDueMs(window.startSec, window.openedMs, times);
  if (nowMs >= dueMs + times.holdMs) return [];
  return reports.filter(({ lastMs, drainedMs }) => drainedMs < dueMs && nowMs - lastMs < times.holdMs);
}
