import type { RelayReport } from '@weir/common/seal-wait';
import { z } from 'zod';
import { actSchema, refused } from '../acting.ts';
import { count, unixMs } from '../report-schema.ts';
import { formatAge, formatTime } from '../time-text.ts';
import type { View } from '../view.ts';
import type { WindowStanding } from './window-standing.ts';
import { countedFromMs, type WindowTimes } from './window-times.ts';

/**
 * What sealing a window now would give up. Pure. A window is sealed once lateness has passed and no relay may still hold lines
 * of it; sooner only with `--force`. Whatever is forced, what stands in the streams already is folded before.
 */
export const SEAL_SCHEMA = actSchema(
  'seal',
  'A window that is sealed before its time, or without waiting for a relay.',
  {
    startSec: z.number().describe('start of the window, Unix seconds'),
    dueMs: unixMs.describe('when it would be sealed at the earliest'),
    givesUpMs: count.describe('lateness that is given up: events that come in that time are late'),
    relays: z.array(z.string()).describe('not waited for: lines of the window that they still hold are late'),
    force: z.boolean(),
  },
  {
    sealed: z.boolean().describe('its final totals stand'),
    sealedIn: count.describe('partitions in which it is sealed'),
    partitions: count,
  },
);

type Seal = z.infer<typeof SEAL_SCHEMA>;
export type SealPlan = Seal['plan'];
export type SealOutcome = NonNullable<Seal['outcome']>;

const MOMENT_MS = 5_000;

export interface SealSituation {
  standing: WindowStanding;
  times: WindowTimes;
  /** How long aggregators wait for a relay; the longest that any of them says. */
  holdMs: number;
  reports: readonly RelayReport[];
  nowMs: number;
  force: boolean;
}

/** Throws a refusal where it cannot be sealed, or where something would be given up and was not to be. */
export function planSeal({ standing, times, holdMs, reports, nowMs, force }: SealSituation): SealPlan {
  const { startSec, finalMs, sealedIn } = standing;
  if (finalMs !== undefined) throw refused('the window is sealed already');
  const from = countedFromMs(standing, times);
  if (from === undefined) {
    throw refused(sealedIn.length > 0 ? 'the window is sealed already' : 'no event of this window was counted');
  }
  if (nowMs < from + times.graceMs) {
    const due = formatTime(from + times.graceMs, 'UTC');
    throw refused(`the window goes on: its totals are first written ${due}, and no window is sealed before that`);
  }
  const dueMs = from + times.latenessMs;
  // A relay that works says once a second that it is drained up to a moment ago; that much the aggregators wait for it.
  const drainedMs = Math.min(dueMs, nowMs - MOMENT_MS);
  const owing = reports.filter((report) => report.drainedMs < drainedMs && nowMs - report.lastMs < holdMs);
  const relays = nowMs >= dueMs + holdMs ? [] : owing.map(({ id }) => id);
  const givesUpMs = Math.max(0, dueMs - nowMs);
  if (!force && (givesUpMs > 0 || relays.length > 0)) throw refused(`${whatIsGivenUp(givesUpMs, relays)} (--force)`);
  return { startSec, dueMs, givesUpMs, relays, force };
}

function whatIsGivenUp(givesUpMs: number, relays: readonly string[]): string {
  const what = [
    ...(givesUpMs > 0 ? [`events that come in the next ${formatAge(givesUpMs)} would become late`] : []),
    ...(relays.length > 0 ? [`lines that ${relays.join(', ')} still holds would become late`] : []),
  ];
  return what.join(', and ');
}

export function sealPlanText(
  { startSec, givesUpMs, relays, force }: SealPlan,
  { timeZone }: Pick<View, 'timeZone'>,
): string {
  const window = `the window ${formatTime(startSec * 1_000, timeZone)}`;
  if (!force || (givesUpMs === 0 && relays.length === 0)) {
    return `${window} is due and nobody is waited for: the aggregators seal it by themselves, and this waits for it\n`;
  }
  const folded = 'what is in the streams already is counted before';
  return `${window} is sealed now: ${whatIsGivenUp(givesUpMs, relays)}; ${folded}\n`;
}

export function sealOutcomeText({ sealed, sealedIn, partitions }: SealOutcome): string {
  if (sealed) return 'sealed: its final totals stand\n';
  return `asked for, and not done yet: sealed in ${sealedIn} of ${partitions} partitions\n`;
}
