import { z } from 'zod';
import { actSchema, refused } from '../acting.ts';
import { formatTable } from '../table.ts';
import { formatTime } from '../time-text.ts';
import type { View } from '../view.ts';
import type { WindowStanding } from './window-standing.ts';
import { countedFromMs, isWritten, type WindowTimes } from './window-times.ts';

/** Which sinks a window is to be brought to again. Pure. */
const startSec = z.number().describe('start of the window, Unix seconds');

export const FLUSH_SCHEMA = actSchema(
  'flush',
  'A window that is brought to sinks again.',
  {
    startSec,
    state: z.enum(['open', 'sealed']).describe('sealed: its final totals are brought; open: those published'),
    sinks: z.array(
      z.object({
        sink: z.string(),
        written: z.boolean().describe('the books say that it has the totals already'),
        givenUp: z.boolean().describe('it was away for too long, and the window was lost to it'),
      }),
    ),
  },
  {
    sinks: z.array(
      z.object({ sink: z.string(), written: z.boolean().describe('it was read back, and has the totals') }),
    ),
  },
);

type Flush = z.infer<typeof FLUSH_SCHEMA>;
export type FlushPlan = Flush['plan'];
export type FlushOutcome = NonNullable<Flush['outcome']>;

/** Throws a refusal where there is nothing that could be written. `sinks`: those asked for. */
export function planFlush(
  standing: WindowStanding,
  times: WindowTimes,
  nowMs: number,
  sinks: readonly string[],
): FlushPlan {
  const { finalMs, parts, books } = standing;
  const from = countedFromMs(standing, times);
  if (finalMs === undefined && from === undefined) {
    throw refused(
      standing.sealedIn.length > 0
        ? 'the window is sealed, and its final totals are gone from Redis: every sink was done with it'
        : 'no event of this window was counted',
    );
  }
  const dueMs = (from ?? 0) + times.graceMs;
  if (finalMs === undefined && (nowMs < dueMs || parts.every(({ published }) => published === undefined))) {
    throw refused(`the window is not written yet at all: its totals are due ${formatTime(dueMs, 'UTC')}`);
  }
  return {
    startSec: standing.startSec,
    state: finalMs === undefined ? 'open' : 'sealed',
    sinks: sinks.map((sink) => ({
      sink,
      written: isWritten(standing, sink),
      givenUp: books.get(sink)?.done === 'given-up',
    })),
  };
}

export function flushPlanText({ startSec, state, sinks }: FlushPlan, { paint, timeZone }: View): string {
  const rows = sinks.map(({ sink, written, givenUp }) => [sink, givenUp ? 'given up' : written ? 'yes' : 'not yet']);
  const table = formatTable(['sink', 'has it'], rows, { paint, left: ['sink', 'has it'] });
  const totals = state === 'sealed' ? 'final totals' : 'totals so far';
  const window = formatTime(startSec * 1_000, timeZone);
  return `${table}the ${totals} of the window ${window} are brought to them again: read back, and written where they lack\n`;
}

export function flushOutcomeText({ sinks }: FlushOutcome): string {
  return sinks.map(({ sink, written }) => `${sink}: ${written ? 'has it' : 'asked for, and not there yet'}\n`).join('');
}
