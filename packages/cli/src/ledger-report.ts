import type { RelayCountsReport } from '@weir/common/relay-counts';
import type { GroupCount } from '@weir/common/totals-codec';
import { z } from 'zod';
import type { PartitionBooks } from './partition-books.ts';
import { count, orUnknown, reportSchema, unixMs } from './report-schema.ts';

/**
 * The books: what relays appended against what became of it, in lines. Pure. Whether they balance is known exactly or
 * not said; beside them, and no part of the balance, stand what windows hold and what relays counted.
 */
export const DEAD_REASONS = ['late', 'unreadable', 'too-many-windows', 'window-full'] as const;

const ledgerFields = {
  received: count.describe('lines in the entries that relays appended'),
  counted: count,
  duplicate: count,
  dead: z.record(z.string(), count).describe('dead letters by reason, those that were dropped since included'),
  waiting: orUnknown(count).describe(
    'lines not folded yet, measured from the stream; null: they changed faster than they could be read',
  ),
  waitingEntries: orUnknown(count),
  missingEntries: orUnknown(count).describe('pending entries that somebody deleted: their lines are lost'),
  deadDropped: count.describe('of the dead letters, lines that the bound of their stream has dropped'),
  deadReplayed: count.describe('of the dead letters, lines that were sent again; they are received again'),
  deadPurged: count.describe('of the dead letters, lines that somebody threw away'),
  difference: orUnknown(z.number()).describe(
    'lines received of which the books tell nothing; below 0, lines told of that were never received',
  ),
  balanced: orUnknown(z.boolean()),
};
const ledgerSchema = z.object(ledgerFields);
const partitionLedgerSchema = z.object({ partition: count, ...ledgerFields });

const windowLedgerSchema = z.object({
  startSec: z.number().describe('Unix seconds'),
  state: z
    .enum(['open', 'sealed'])
    .describe('sealed: events and users are its final totals; open: those published so far'),
  partitions: count.describe('that hold a log of it'),
  logBytes: count,
  events: count.describe('of all groups'),
  users: count.describe('of all groups; a user of two groups counts in both, as in the sinks'),
  current: z.boolean().describe('whether these are all that was counted'),
});

const relayLedgerSchema = z
  .object({
    id: z.string(),
    incarnation: z.string().describe('random, of that start'),
    startedMs: unixMs,
    lastMs: unixMs.describe('when it said this, Unix milliseconds'),
    received: count,
    accepted: count,
    others: count,
    rejected: z.record(z.string(), count).describe('by reason'),
    journaled: count,
    appended: count,
    appendedAgain: count,
    abandoned: count,
    journalGapBatches: count,
    datagrams: count,
    datagramsDropped: count,
    kernelDrops: count,
  })
  .describe('a start of a relay; metrics, no part of the balance');

export const LEDGER_SCHEMA = reportSchema('ledger', 1, 'The books, in lines.', {
  prefix: z.string(),
  redisTimeMs: unixMs.describe("Redis's clock, Unix milliseconds"),
  partitions: z.array(partitionLedgerSchema),
  totals: ledgerSchema,
  windows: z.array(windowLedgerSchema).describe('the newest, newest first'),
  openWindows: count,
  finalRecords: count,
  relays: z.array(relayLedgerSchema),
});

export type Ledger = z.infer<typeof ledgerSchema>;
export type PartitionLedger = z.infer<typeof partitionLedgerSchema>;
/** Of a sealed window its final totals, of an open one those published so far. */
export type WindowLedger = z.infer<typeof windowLedgerSchema>;
/** A start of a relay. Metrics: what a relay that was killed counted in its last second is not here. */
export type RelayLedger = z.infer<typeof relayLedgerSchema>;
export type LedgerReport = z.infer<typeof LEDGER_SCHEMA>;

export function partitionLedger(partition: number, { counters, waiting }: PartitionBooks): PartitionLedger {
  const lines = (name: string) => counters.get(name) ?? 0;
  const dead: Record<string, number> = Object.fromEntries(DEAD_REASONS.map((reason) => [reason, 0]));
  for (const [name, of] of counters) if (name.startsWith('dead:')) dead[name.slice('dead:'.length)] = of;
  return {
    partition,
    ...balance({
      received: lines('received'),
      counted: lines('counted'),
      duplicate: lines('duplicate'),
      dead,
      waiting: waiting?.lines ?? null,
      waitingEntries: waiting?.entries ?? null,
      missingEntries: waiting?.missingEntries ?? null,
      deadDropped: lines('dead-dropped'),
      deadReplayed: lines('dead-replayed'),
      deadPurged: lines('dead-purged'),
    }),
  };
}

/** One unknown makes a sum unknown, but partitions that do not balance are known not to. */
export function totalLedger(partitions: readonly PartitionLedger[]): Ledger {
  const dead: Record<string, number> = {};
  for (const ledger of partitions) {
    for (const [reason, lines] of Object.entries(ledger.dead)) dead[reason] = (dead[reason] ?? 0) + lines;
  }
  const total = (of: (ledger: Ledger) => number) => partitions.reduce((sum, ledger) => sum + of(ledger), 0);
  const known = partitions.every(({ waiting }) => waiting !== null);
  const sums = balance({
    received: total(({ received }) => received),
    counted: total(({ counted }) => counted),
    duplicate: total(({ duplicate }) => duplicate),
    dead,
    waiting: known ? total(({ waiting }) => waiting ?? 0) : null,
    waitingEntries: known ? total(({ waitingEntries }) => waitingEntries ?? 0) : null,
    missingEntries: known ? total(({ missingEntries }) => missingEntries ?? 0) : null,
    deadDropped: total(({ deadDropped }) => deadDropped),
    deadReplayed: total(({ deadReplayed }) => deadReplayed),
    deadPurged: total(({ deadPurged }) => deadPurged),
  });
  // What one partition lacks another may have too much of: the sum alone would hide both.
  return partitions.some(({ balanced }) => balanced === false) ? { ...sums, balanced: false } : sums;
}

function balance(books: Omit<Ledger, 'difference' | 'balanced'>): Ledger {
  const { received, counted, duplicate, dead, waiting } = books;
  const told = Object.values(dead).reduce((sum, lines) => sum + lines, counted + duplicate);
  const difference = waiting === null ? null : received - told - waiting;
  // More told of than was ever received is wrong whatever waits.
  const balanced = difference === null ? (told > received ? false : null) : difference === 0;
  return { ...books, difference, balanced };
}

export interface PublishedPart {
  logBytes: number;
  groups: readonly GroupCount[];
  /** The totals are those of the whole log. */
  current: boolean;
}

export interface WindowLook {
  startSec: number;
  /** Undefined while the window is not sealed in all partitions. */
  final: readonly GroupCount[] | undefined;
  parts: readonly PublishedPart[];
}

export function windowLedger({ startSec, final, parts }: WindowLook): WindowLedger {
  const groups = final ?? parts.flatMap((part) => part.groups);
  return {
    startSec,
    state: final ? 'sealed' : 'open',
    partitions: parts.length,
    logBytes: parts.reduce((sum, { logBytes }) => sum + logBytes, 0),
    events: groups.reduce((sum, { events }) => sum + events, 0),
    users: groups.reduce((sum, { users }) => sum + users, 0),
    current: final !== undefined || parts.every(({ current }) => current),
  };
}

/** By name, the newest start of each first. */
export function relayLedgers(reports: readonly RelayCountsReport[]): RelayLedger[] {
  return [...reports]
    .sort((a, b) => (a.id === b.id ? b.startedMs - a.startedMs : a.id < b.id ? -1 : 1))
    .map(({ counts, ...of }) => ({ ...of, ...counts, rejected: { ...counts.rejected } }));
}

/** One line for the operator; undefined unless the books are known not to balance. */
export function imbalance({ partitions }: LedgerReport): string | undefined {
  const wrong = partitions.filter(({ balanced }) => balanced === false);
  if (wrong.length === 0) return undefined;
  const each = wrong.slice(0, 5).map(({ partition, difference, missingEntries }) => {
    const lines =
      difference === null
        ? 'more lines told of than received'
        : difference > 0
          ? `${difference} lines received and not accounted for`
          : `${-difference} lines accounted for and never received`;
    return `partition ${partition}: ${lines}${missingEntries ? ` (${missingEntries} pending entries were deleted)` : ''}`;
  });
  const more = wrong.length > each.length ? `; and ${wrong.length - each.length} partitions more` : '';
  return `the books do not balance: ${each.join('; ')}${more}`;
}
