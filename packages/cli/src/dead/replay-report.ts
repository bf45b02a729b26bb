import { z } from 'zod';
import { actSchema } from '../acting.ts';
import { count } from '../report-schema.ts';
import type { View } from '../view.ts';
import { letterFilterSchema } from './letter-filter.ts';
import { groupsText, takingGroups } from './takings.ts';

/** What `weir dead replay` prints. Pure. */
export const DEAD_REPLAY_SCHEMA = actSchema(
  'dead-replay',
  'Dead letters whose lines are sent again.',
  {
    filters: letterFilterSchema,
    relays: z.array(z.string()),
    groups: takingGroups,
    lateAgain: count.describe('of these lines, in windows that are sealed: they become late again'),
    unreadableLetters: count.describe('left out, unless they are asked for by their reason'),
  },
  {
    letters: count.describe('that are gone, or of which lines are: a relay has confirmed them'),
    lines: count,
    goneBefore: count.describe('letters that were no longer there'),
    kept: z
      .array(z.object({ letter: z.string(), rejectedLines: count, why: z.string() }))
      .describe('letters that stay, for relays reject lines of them; the first hundred'),
    keptLetters: count,
    requests: count,
  },
);

type Replay = z.infer<typeof DEAD_REPLAY_SCHEMA>;
export type ReplayPlan = Replay['plan'];
export type ReplayOutcome = NonNullable<Replay['outcome']>;

export const MAX_KEPT_NAMED = 100;

export function replayPlanText(plan: ReplayPlan, view: Pick<View, 'paint'>): string {
  const { relays, groups, lateAgain, unreadableLetters } = plan;
  const notes = [
    `these lines are sent again to ${relays.join(', ')}; a letter goes once a relay has confirmed its lines`,
  ];
  if (lateAgain > 0) {
    notes.push(`${lateAgain} of them fall in windows that are sealed here: in this deployment they become late again`);
  }
  if (unreadableLetters > 0) {
    notes.push(`${unreadableLetters} letters of the reason unreadable are left out (--reason unreadable sends them)`);
  }
  return groupsText(groups, view) + notes.map((note) => `${note}\n`).join('');
}

export function replayOutcomeText({ letters, lines, goneBefore, kept, keptLetters }: ReplayOutcome): string {
  const notes = [`sent ${lines} lines of ${letters} letters again`];
  if (goneBefore > 0) notes.push(`${goneBefore} letters were gone before`);
  if (keptLetters > 0) notes.push(`${keptLetters} letters stay, for relays reject lines of them:`);
  const named = kept.map(({ letter, rejectedLines, why }) => `  ${letter}: ${rejectedLines} lines: ${why}\n`);
  return `${notes.join('; ')}\n${named.join('')}`;
}
