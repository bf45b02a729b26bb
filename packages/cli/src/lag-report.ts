import { ownerOf } from '@weir/common/assignment';
import { z } from 'zod';
import { entryMs } from './entry-id.ts';
import type { LineCount, PartitionState } from './partition-state.ts';
import { count, orUnknown, reportSchema, unixMs } from './report-schema.ts';
import { formatTable, orQuestion } from './table.ts';
import { formatAge } from './time-text.ts';
import type { View } from './view.ts';

/**
 * How far the aggregators are behind. Pure: from looks at the partitions to the report, and from that to text. What is
 * not known is null (a `?` in the table), never a zero that would calm somebody wrongly.
 */
const lagFields = {
  lagEntries: orUnknown(count).describe('stream entries that no consumer was handed yet'),
  lagEvents: orUnknown(count).describe('lines received and not yet folded, undelivered and pending ones'),
  undeliveredEvents: orUnknown(count).describe('of these, in entries that no consumer was handed yet'),
  lagSeconds: orUnknown(count).describe('age of the oldest entry that is not folded; 0 when all are'),
  pendingEntries: count.describe('entries handed out and not folded'),
  pendingEvents: orUnknown(count).describe('lines in them'),
  oldestPendingIdleMs: count
    .nullable()
    .describe('since the oldest pending entry was last delivered; null: nothing is pending'),
};

const partitionLagSchema = z.object({
  partition: count,
  owner: z.string().nullable().describe('the live aggregator that reads the partition; null: none is alive'),
  ...lagFields,
  consumers: z.array(z.object({ name: z.string(), pendingEntries: count })),
});

export const LAG_SCHEMA = reportSchema('lag', 1, 'How far the aggregators are behind, per partition.', {
  prefix: z.string(),
  redisTimeMs: unixMs.describe("Redis's clock, Unix milliseconds"),
  partitions: z.array(partitionLagSchema),
  totals: z.object(lagFields).describe('sums, where one unknown makes the sum unknown; of times the worst'),
});

export type PartitionLag = z.infer<typeof partitionLagSchema>;
export type LagReport = z.infer<typeof LAG_SCHEMA>;

/**
 * Undelivered entries as far as a look tells: a number, or `count` where only counting can. XINFO's own figure is the
 * last choice: it is null after XDEL and XGROUP SETID, and counts entries that were trimmed before they were delivered.
 */
export function undeliveredEntries(state: PartitionState): number | 'count' {
  if (state.length === 0 || state.firstUndeliveredId === undefined) return 0;
  if (!state.groupKnown || state.firstUndeliveredId === state.firstId) return state.length;
  const { xinfoLag } = state;
  return xinfoLag !== undefined && xinfoLag > 0 && xinfoLag < state.length ? xinfoLag : 'count';
}

/** Lines received and not yet counted, dropped as duplicates or made dead letters; undefined where no ledger is kept. */
export function unfoldedEvents(counters: ReadonlyMap<string, number>): number | undefined {
  const received = counters.get('received');
  if (received === undefined) return undefined;
  let folded = 0;
  for (const [name, lines] of counters) {
    if (name === 'counted' || name === 'duplicate' || name.startsWith('dead:')) folded += lines;
  }
  const unfolded = received - folded;
  // Below zero the books do not balance, and that is not ours to hide behind a number.
  return unfolded >= 0 ? unfolded : undefined;
}

export interface LagMeasures {
  state: PartitionState;
  /** Undefined: could not be counted in time. */
  undelivered: number | undefined;
  /** Lines in the pending entries. Undefined: could not be counted in time. */
  pending: LineCount | undefined;
}

export function partitionLag({ state, undelivered, pending }: LagMeasures, aliveIds: readonly string[]): PartitionLag {
  const pendingEvents = pending?.lines;
  let lagEvents = unfoldedEvents(state.counters);
  let undeliveredEvents = undelivered === 0 ? 0 : undefined;
  if (undeliveredEvents === 0) lagEvents ??= pendingEvents;
  else if (lagEvents !== undefined && pendingEvents !== undefined) {
    undeliveredEvents = Math.max(0, lagEvents - pendingEvents);
  }
  const waiting = [state.oldestPendingId, state.firstUndeliveredId].filter((id) => id !== undefined).map(entryMs);
  const oldestMs = waiting.length === 0 ? state.redisMs : Math.min(...waiting);
  return {
    partition: state.partition,
    owner: ownerOf(state.partition, aliveIds) ?? null,
    lagEntries: undelivered ?? null,
    lagEvents: lagEvents ?? null,
    undeliveredEvents: undeliveredEvents ?? null,
    lagSeconds: Number.isFinite(oldestMs) ? Math.max(0, state.redisMs - oldestMs) / 1_000 : null,
    pendingEntries: state.pendingEntries,
    pendingEvents: pendingEvents ?? null,
    oldestPendingIdleMs: state.oldestPendingIdleMs ?? null,
    consumers: [...state.consumers],
  };
}

export function lagReport(prefix: string, redisTimeMs: number, partitions: PartitionLag[]): LagReport {
  return {
    schema: 'weir.lag/1',
    prefix,
    redisTimeMs,
    partitions,
    totals: {
      lagEntries: sum(partitions.map((lag) => lag.lagEntries)),
      lagEvents: sum(partitions.map((lag) => lag.lagEvents)),
      undeliveredEvents: sum(partitions.map((lag) => lag.undeliveredEvents)),
      lagSeconds: partitions.some((lag) => lag.lagSeconds === null)
        ? null
        : Math.max(0, ...partitions.map((lag) => lag.lagSeconds ?? 0)),
      pendingEntries: partitions.reduce((total, lag) => total + lag.pendingEntries, 0),
      pendingEvents: sum(partitions.map((lag) => lag.pendingEvents)),
      oldestPendingIdleMs: partitions.reduce<number | null>(
        (oldest, { oldestPendingIdleMs: idle }) => (idle === null ? oldest : Math.max(oldest ?? 0, idle)),
        null,
      ),
    },
  };
}

/** One unknown makes the sum unknown. */
export function sum(values: readonly (number | null)[]): number | null {
  let total = 0;
  for (const value of values) {
    if (value === null) return null;
    total += value;
  }
  return total;
}

export function lagTable({ partitions, totals }: LagReport, { paint }: Pick<View, 'paint'>): string {
  const header = [
    'partition',
    'lag entries',
    'lag events',
    'undelivered events',
    'pending events',
    'lag time',
    'pending entries',
    'oldest idle',
    'owner',
  ];
  const row = (first: string, lag: LagReport['totals'], owner: string): string[] => [
    first,
    orQuestion(lag.lagEntries),
    orQuestion(lag.lagEvents),
    orQuestion(lag.undeliveredEvents),
    orQuestion(lag.pendingEvents),
    lag.lagSeconds === null ? '?' : formatAge(lag.lagSeconds * 1_000),
    String(lag.pendingEntries),
    lag.oldestPendingIdleMs === null ? '-' : formatAge(lag.oldestPendingIdleMs),
    owner,
  ];
  const rows = partitions.map((lag) => row(String(lag.partition), lag, lag.owner ?? '-'));
  return formatTable(header, [...rows, row('total', totals, '')], { paint });
}
