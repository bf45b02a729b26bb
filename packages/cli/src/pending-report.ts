import { ownerOf } from '@weir/common/assignment';
import { z } from 'zod';
import { entryMs } from './entry-id.ts';
import { ALIVE_MS, type Heartbeat } from './heartbeats.ts';
import { sum } from './lag-report.ts';
import type { LineCount, PendingEntry } from './partition-state.ts';
import { count, orUnknown, reportSchema, unixMs } from './report-schema.ts';
import { formatTable, orQuestion } from './table.ts';
import { formatAge } from './time-text.ts';
import type { View } from './view.ts';

/** Who holds entries it has not folded. Pure: from the list of pending entries to the report and its text. */
const consumerPendingSchema = z.object({
  partition: count,
  consumer: z.string(),
  alive: z.boolean().describe('its heartbeat is at most five seconds old'),
  heartbeatAgeMs: count.nullable().describe('age of its last heartbeat; null when it has none'),
  owner: z.string().nullable().describe('the live aggregator that reads the partition; null: none is alive'),
  entries: count,
  events: orUnknown(count).describe('lines in them'),
  missingEntries: orUnknown(count).describe('entries that are gone from the stream: nobody can fold them any more'),
  oldestIdleMs: count.describe('since the one that idles longest was last delivered'),
  maxDeliveries: count,
  oldestEntryId: z.string(),
  oldestEntryAgeMs: orUnknown(count),
});

/** Null: not filtered. */
const filtersSchema = z.object({
  minIdleMs: count.nullable(),
  minDeliveries: count.nullable(),
  consumer: z.string().nullable(),
});

export const PENDING_SCHEMA = reportSchema('pending', 1, 'Who holds entries it has not folded.', {
  prefix: z.string(),
  redisTimeMs: unixMs.describe("Redis's clock, Unix milliseconds"),
  filters: filtersSchema.describe('what was asked for; null: not filtered'),
  consumers: z.array(consumerPendingSchema),
  totals: z.object({ entries: orUnknown(count), events: orUnknown(count), missingEntries: orUnknown(count) }),
});

export type ConsumerPending = z.infer<typeof consumerPendingSchema>;
export type PendingFilters = z.infer<typeof filtersSchema>;
export type PendingReport = z.infer<typeof PENDING_SCHEMA>;

export function keepPending(entries: readonly PendingEntry[], filters: PendingFilters): PendingEntry[] {
  const { minIdleMs, minDeliveries, consumer } = filters;
  return entries.filter(
    (entry) =>
      (minIdleMs === null || entry.idleMs >= minIdleMs) &&
      (minDeliveries === null || entry.deliveries >= minDeliveries) &&
      (consumer === null || entry.consumer === consumer),
  );
}

/** The entries (oldest first) of each consumer, consumers by name. */
export function byConsumer(entries: readonly PendingEntry[]): [string, PendingEntry[]][] {
  const found = new Map<string, PendingEntry[]>();
  for (const entry of entries) {
    const own = found.get(entry.consumer);
    if (own) own.push(entry);
    else found.set(entry.consumer, [entry]);
  }
  return [...found].sort(([a], [b]) => (a < b ? -1 : 1));
}

export function consumerPending(
  partition: number,
  consumer: string,
  /** At least one, oldest first. */
  entries: readonly PendingEntry[],
  lines: LineCount | undefined,
  heartbeats: readonly Heartbeat[],
  redisMs: number,
): ConsumerPending {
  const heartbeat = heartbeats.find(({ id }) => id === consumer);
  const aliveIds = heartbeats.filter(({ sinceMs }) => sinceMs <= ALIVE_MS).map(({ id }) => id);
  const oldestEntryId = entries[0]!.id;
  const oldestMs = entryMs(oldestEntryId);
  return {
    partition,
    consumer,
    alive: aliveIds.includes(consumer),
    heartbeatAgeMs: heartbeat?.sinceMs ?? null,
    owner: ownerOf(partition, aliveIds) ?? null,
    entries: entries.length,
    events: lines?.lines ?? null,
    missingEntries: lines?.missing ?? null,
    oldestIdleMs: entries.reduce((oldest, { idleMs }) => Math.max(oldest, idleMs), 0),
    maxDeliveries: entries.reduce((most, { deliveries }) => Math.max(most, deliveries), 0),
    oldestEntryId,
    oldestEntryAgeMs: Number.isFinite(oldestMs) ? Math.max(0, redisMs - oldestMs) : null,
  };
}

/** `complete` is false when some partition's pending entries could not all be listed in time. */
export function pendingReport(
  prefix: string,
  redisTimeMs: number,
  filters: PendingFilters,
  consumers: ConsumerPending[],
  complete: boolean,
): PendingReport {
  return {
    schema: 'weir.pending/1',
    prefix,
    redisTimeMs,
    filters,
    consumers,
    totals: {
      entries: complete ? sum(consumers.map(({ entries }) => entries)) : null,
      events: complete ? sum(consumers.map(({ events }) => events)) : null,
      missingEntries: complete ? sum(consumers.map(({ missingEntries }) => missingEntries)) : null,
    },
  };
}

export function pendingTable({ consumers, totals, filters }: PendingReport, { paint }: Pick<View, 'paint'>): string {
  if (consumers.length === 0 && totals.entries === 0) {
    const filtered = Object.values(filters).some((filter) => filter !== null);
    return filtered ? 'no pending entries match\n' : 'no pending entries\n';
  }
  const header = [
    'partition',
    'consumer',
    'alive',
    'owner',
    'entries',
    'events',
    'oldest idle',
    'max deliveries',
    'oldest entry',
    'age',
  ];
  const rows = consumers.map((row) => [
    String(row.partition),
    row.consumer,
    row.alive ? 'yes' : 'no',
    row.owner ?? '-',
    String(row.entries),
    orQuestion(row.events),
    formatAge(row.oldestIdleMs),
    String(row.maxDeliveries),
    row.oldestEntryId,
    row.oldestEntryAgeMs === null ? '?' : formatAge(row.oldestEntryAgeMs),
  ]);
  const total = ['total', '', '', '', orQuestion(totals.entries), orQuestion(totals.events), '', '', '', ''];
  const gone = totals.missingEntries ?? 0;
  const notes = [
    ...(gone > 0 ? [`${gone} pending entries are gone from the stream: nobody can fold them any more\n`] : []),
    ...(totals.entries === null ? ['there are more: --patience 10s lists for longer\n'] : []),
  ];
  return formatTable(header, [...rows, total], { paint, left: ['consumer', 'owner'] }) + notes.join('');
}
