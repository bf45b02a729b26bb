import { type RelayReport, relaysInTheWay, type SealTimes, sealDueMs } from '@weir/common/seal-wait';
import { z } from 'zod';
import { actSchema, refused } from '../acting.ts';
import { count, unixMs } from '../report-schema.ts';
import { formatAge, formatTime } from '../time-text.ts';
import type { View } from '../view.ts';

/** What waits for a relay that is gone for good, and what keeps it from being removed. Pure. */
export const RELAY_REMOVE_SCHEMA = actSchema(
  'relay-remove',
  'A relay that nobody waits for any more.',
  {
    relay: z.string(),
    lastMs: unixMs.describe('when it last reported'),
    drainedMs: unixMs.describe('what it received before that moment is in Redis'),
    silentMs: count,
    waiting: z.array(z.number()).describe('windows that are due and wait for it, the oldest first; Unix seconds'),
    later: count.describe('open windows that would wait for it once they are due'),
  },
  { removed: z.boolean() },
);

export type RelayRemovePlan = z.infer<typeof RELAY_REMOVE_SCHEMA>['plan'];

/** A relay reports once a second; silent for so long it counts as dead. */
const ALIVE_MS = 5_000;

export interface OpenedWindow {
  startSec: number;
  openedMs: number;
}

/** Throws a refusal while it reports. */
export function planRelayRemoval(
  report: RelayReport,
  windows: readonly OpenedWindow[],
  nowMs: number,
  times: SealTimes,
): RelayRemovePlan {
  const silentMs = Math.max(0, Math.floor(nowMs - report.lastMs));
  if (silentMs <= ALIVE_MS) throw refused(`${report.id} reported ${formatAge(silentMs)} ago: stop it first`);
  const held = windows.filter(({ startSec, openedMs }) => {
    const dueMs = sealDueMs(startSec, openedMs, times);
    return relaysInTheWay([report], { startSec, openedMs }, nowMs, times).length > 0 && report.drainedMs < dueMs;
  });
  const due = held.filter(({ startSec, openedMs }) => nowMs >= sealDueMs(startSec, openedMs, times));
  const waiting = due.map(({ startSec }) => startSec).sort((a, b) => a - b);
  const { id, lastMs, drainedMs } = report;
  return { relay: id, lastMs, drainedMs, silentMs, waiting, later: held.length - due.length };
}

export function relayPlanText(
  { relay, drainedMs, silentMs, waiting, later }: RelayRemovePlan,
  { timeZone }: Pick<View, 'timeZone'>,
): string {
  const first = waiting[0];
  const since = first === undefined ? '' : `, the oldest ${formatTime(first * 1_000, timeZone)}`;
  return [
    `${relay} was last heard of ${formatAge(silentMs)} ago; what it received before ${formatTime(drainedMs, timeZone)} is in Redis`,
    `${waiting.length} windows that are due wait for it${since}; ${later} more would`,
    'they no longer do: lines that its journal still holds become late when it comes back after all',
    '',
  ].join('\n');
}
