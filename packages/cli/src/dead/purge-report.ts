import type { z } from 'zod';
import { actSchema } from '../acting.ts';
import { count } from '../report-schema.ts';
import type { View } from '../view.ts';
import { letterFilterSchema } from './letter-filter.ts';
import { groupsText, takingGroups } from './takings.ts';

/** What `weir dead purge` prints. Pure. */
export const DEAD_PURGE_SCHEMA = actSchema(
  'dead-purge',
  'Letters that are thrown away.',
  { filters: letterFilterSchema, groups: takingGroups },
  {
    letters: count.describe('that are gone, or of which lines are'),
    lines: count,
    goneBefore: count.describe('letters that were no longer there'),
  },
);

type Purge = z.infer<typeof DEAD_PURGE_SCHEMA>;
export type PurgePlan = Purge['plan'];
export type PurgeOutcome = NonNullable<Purge['outcome']>;

export function purgePlanText({ groups }: PurgePlan, view: Pick<View, 'paint'>): string {
  const split = groups.some((group) => group.split > 0);
  const rest = split ? '; lines that were not asked for stay, in letters of their own' : '';
  return `${groupsText(groups, view)}these lines are thrown away for good; the ledger goes on counting them${rest}\n`;
}

export function purgeOutcomeText({ letters, lines, goneBefore }: PurgeOutcome): string {
  const before = goneBefore > 0 ? `; ${goneBefore} letters were gone before` : '';
  return `threw away ${lines} lines of ${letters} letters${before}\n`;
}
