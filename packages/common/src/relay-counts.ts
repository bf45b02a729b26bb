import { z } from 'zod';

/**
 * What one start of a relay counted, as it says once a second in the hash `weir:relay-counts` and a last time when it
 * stops. These are metrics: they are counted in the relay's memory and not in the step that appends, so a relay that is
 * killed takes its last second with it. The exact books are those of the partitions. A field is named
 * `incarnation relay-id`; its value is JSON: {"startedMs":…,"lastMs":…,"counts":{…}}, times by Redis's clock.
 */
export interface RelayCountsReport {
  id: string;
  /** Random, of that start: 16 hex digits. */
  incarnation: string;
  /** When it reported first, Unix milliseconds. */
  startedMs: number;
  lastMs: number;
  counts: RelayTotals;
}

/** In lines where nothing else is said. */
export interface RelayTotals {
  received: number;
  /** Events. */
  accepted: number;
  /** Other lines, which pass through; none of the counts below is of them. */
  others: number;
  /** By reason; reasons that never came are absent. */
  rejected: Readonly<Record<string, number>>;
  /** Put into the journal, as part of a batch. */
  journaled: number;
  /** Of batches that Redis confirmed. */
  appended: number;
  /** Of these, again, because Redis had lost them. */
  appendedAgain: number;
  /** Not confirmed by Redis when the relay stopped. */
  abandoned: number;
  /** Batches that Redis lost and the journal no longer held. */
  journalGapBatches: number;
  datagrams: number;
  /** Datagrams dropped because the journal was full. */
  datagramsDropped: number;
  /** Datagrams that the kernel dropped. */
  kernelDrops: number;
}

const count = z.number().nonnegative();
const schema = z.object({
  startedMs: count,
  lastMs: count,
  counts: z.object({
    received: count,
    accepted: count,
    others: count.default(0),
    rejected: z.record(z.string(), count),
    journaled: count,
    appended: count,
    appendedAgain: count,
    abandoned: count,
    journalGapBatches: count,
    datagrams: count,
    datagramsDropped: count,
    kernelDrops: count,
  }),
});

export function relayCountsField(id: string, incarnation: string): string {
  return `${incarnation} ${id}`;
}

/** Undefined when it is no report: a later version may write others. */
export function parseRelayCounts(field: string, text: string): RelayCountsReport | undefined {
  const name = /^([0-9a-f]{16}) (.+)$/s.exec(field);
  const value = schema.safeParse(parseJson(text)).data;
  return name && value ? { id: name[2]!, incarnation: name[1]!, ...value } : undefined;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    return undefined;
  }
}
