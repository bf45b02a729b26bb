import { ownerOf } from '@weir/common/assignment';
import { z } from 'zod';
import { actSchema, refused } from '../acting.ts';
import type { PendingEntry } from '../partition-state.ts';
import { byConsumer } from '../pending-report.ts';
import { count } from '../report-schema.ts';
import { formatTable } from '../table.ts';
import { formatAge } from '../time-text.ts';
import type { View } from '../view.ts';

/**
 * Which pending entries are to change hands. Pure. They go to the partition's owner and to nobody else: it alone reads its
 * pending entries again every second and folds them; in the hands of another live aggregator they would lie until they
 * have idled for `--claim-idle`.
 */
const filtersSchema = z.object({
  partition: count.nullable(),
  from: z.string().nullable(),
  to: z.string().nullable(),
  idleMs: count,
});

const moveSchema = z.object({
  partition: count,
  from: z.string(),
  fromAlive: z.boolean().describe('its heartbeat is at most five seconds old'),
  to: z.string().describe('the owner of the partition'),
  entries: count,
  oldestIdleMs: count,
});

export const CLAIM_SCHEMA = actSchema(
  'claim',
  'Pending entries that change hands.',
  {
    filters: filtersSchema.describe('what was asked for; null: not filtered'),
    moves: z.array(moveSchema),
    entries: count,
  },
  {
    claimed: count.describe('entries that are now pending for the owner of their partition'),
    elsewhere: count.describe('entries that were folded, delivered again or taken by another meanwhile'),
    missingEntries: count.describe('entries that are gone from the stream: left as they are, for the owner to tell'),
  },
);

export type ClaimFilters = z.infer<typeof filtersSchema>;
export type ClaimPlan = z.infer<typeof CLAIM_SCHEMA>['plan'];
export type ClaimOutcome = NonNullable<z.infer<typeof CLAIM_SCHEMA>['outcome']>;

export interface ClaimMove extends z.infer<typeof moveSchema> {
  ids: readonly string[];
}

/** `lists`: by partition, the pending entries. Throws a refusal where entries cannot be given to whom they should be. */
export function planClaim(
  lists: ReadonlyMap<number, readonly PendingEntry[]>,
  aliveIds: readonly string[],
  filters: ClaimFilters,
): ClaimMove[] {
  const { from, to, idleMs } = filters;
  if (aliveIds.length === 0) throw refused('no aggregator is alive that could take entries');
  if (to !== null && !aliveIds.includes(to)) throw refused(`${to} is not alive: entries given to it would lie there`);
  const moves: ClaimMove[] = [];
  for (const [partition, entries] of lists) {
    const owner = ownerOf(partition, aliveIds)!;
    if (to !== null && owner !== to) {
      if (filters.partition === null) continue;
      throw refused(`partition ${partition} is ${owner}'s: entries given to ${to} would lie there until --claim-idle`);
    }
    const movable = entries.filter(
      (entry) => entry.consumer !== owner && entry.idleMs >= idleMs && (from === null || entry.consumer === from),
    );
    for (const [consumer, own] of byConsumer(movable)) {
      moves.push({
        partition,
        from: consumer,
        fromAlive: aliveIds.includes(consumer),
        to: owner,
        entries: own.length,
        oldestIdleMs: own.reduce((oldest, entry) => Math.max(oldest, entry.idleMs), 0),
        ids: own.map(({ id }) => id),
      });
    }
  }
  return moves;
}

export function claimPlan(filters: ClaimFilters, moves: readonly ClaimMove[]): ClaimPlan {
  return {
    filters,
    moves: moves.map(({ ids: _, ...move }) => move),
    entries: moves.reduce((sum, { entries }) => sum + entries, 0),
  };
}

export function claimPlanText({ moves, entries }: ClaimPlan, { paint }: Pick<View, 'paint'>): string {
  const header = ['partition', 'from', 'alive', 'to', 'entries', 'oldest idle'];
  const rows = moves.map((move) => [
    String(move.partition),
    move.from,
    move.fromAlive ? 'yes' : 'no',
    move.to,
    String(move.entries),
    formatAge(move.oldestIdleMs),
  ]);
  const table = formatTable(header, rows, { paint, left: ['from', 'to'] });
  return `${table}${entries} pending entries go to the owners of their partitions, who fold them within seconds\n`;
}

export function claimOutcomeText({ claimed, elsewhere, missingEntries }: ClaimOutcome): string {
  const rest = [
    ...(elsewhere > 0 ? [`${elsewhere} were folded or taken by others meanwhile`] : []),
    ...(missingEntries > 0 ? [`${missingEntries} are gone from the stream: nobody can fold them any more`] : []),
  ];
  return `${[`claimed ${claimed} entries`, ...rest].join('; ')}\n`;
}
