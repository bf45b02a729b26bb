import { ownerOf } from '@weir/common/assignment';
import { z } from 'zod';
import { entryMs } from './entry-id.ts';
import { FLOW_FIELDS, flowOf, type Rates, ratesBetween, type Sample, unfoldedEvents } from './flow.ts';
import type { LineCount, PartitionState } from './partition-state.ts';
import { count, orUnknown, reportSchema, unixMs } from './report-schema.ts';

/**
 * How far the aggregators are behind. Pure: from looks at the partitions to the report. What is not known is null (a `?` in
 * the table), never a zero that would calm somebody wrongly.
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
  ...FLOW_FIELDS,
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
  intervalMs: count.nullable().describe('between the two looks that rates are made of; null: there was one look only'),
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

export interface LagMeasures {
  state: PartitionState;
  /** The counters as of an earlier look. */
  before: Sample | undefined;
  /** Undefined: could not be counted in time. */
  undelivered: number | undefined;
  /** Lines in the pending entries. Undefined: could not be counted in time. */
  pending: LineCount | undefined;
}

export function partitionLag(
  { state, before, undelivered, pending }: LagMeasures,
  aliveIds: readonly string[],
): PartitionLag {
  const pendingEvents = pending?.lines;
  let lagEvents = unfoldedEvents(state.counters);
  let undeliveredEvents = undelivered === 0 ? 0 : undefined;
  if (undeliveredEvents === 0) lagEvents ??= pendingEvents;
  else if (lagEvents !== undefined && pendingEvents !== undefined) {
    undeliveredEvents = Math.max(0, lagEvents - pendingEvents);
  }
  const waiting = [state.oldestPending?.id, state.firstUndeliveredId].filter((id) => id !== undefined).map(entryMs);
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
    oldestPendingIdleMs: state.oldestPending?.idleMs ?? null,
    ...flowOf(ratesBetween(before, state), lagEvents ?? null),
    consumers: [...state.consumers],
  };
}

export interface LagFrame {
  prefix: string;
  redisTimeMs: number;
  intervalMs: number | null;
}

export function lagReport(frame: LagFrame, partitions: PartitionLag[]): LagReport {
  const lagEvents = sum(partitions.map((lag) => lag.lagEvents));
  return {
    schema: 'weir.lag/1',
    ...frame,
    partitions,
    totals: {
      lagEntries: sum(partitions.map((lag) => lag.lagEntries)),
      lagEvents,
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
      ...flowOf(sumRates(partitions), lagEvents),
    },
  };
}

function sumRates(partitions: readonly PartitionLag[]): Rates | undefined {
  const inPerSec = sum(partitions.map(({ rateInPerSec }) => rateInPerSec));
  const outPerSec = sum(partitions.map(({ rateOutPerSec }) => rateOutPerSec));
  return inPerSec === null || outPerSec === null ? undefined : { inPerSec, outPerSec };
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
