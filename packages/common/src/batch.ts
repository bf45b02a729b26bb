/**
 * A batch is what a relay sends to one partition as one stream entry. The fields of the entry, in this order:
 *
 *   b  batch identity: relay id, incarnation, sequence, joined by colons (the id may hold colons; the last two parts never do)
 *   t  when the relay received the first line, Unix milliseconds of Redis's clock
 *   n  number of lines
 *   d  the lines as the clients sent them, each with a nanosecond timestamp, each ended by \n; at most MAX_BATCH_BYTES
 *   k  only with an Idempotency-Key: the key
 *   l  only with an Idempotency-Key: each line's number in the body of the request, from 1, decimal, comma separated
 *
 * The incarnation is random and new with every start of a relay, so two relays of one name, or a relay that lost its
 * disk, never share an identity. The sequence counts from 1 per incarnation and partition, without a gap.
 */
export interface BatchIdentity {
  relayId: string;
  /** 16 hex digits. */
  incarnation: string;
  sequence: number;
}

export interface Batch extends BatchIdentity {
  partition: number;
  receivedMs: number;
  lineCount: number;
  lines: Buffer;
  idempotencyKey?: string;
  lineNumbers?: readonly number[];
}

export const MAX_BATCH_BYTES = 1024 * 1024;

export function formatBatchIdentity({ relayId, incarnation, sequence }: BatchIdentity): string {
  return `${relayId}:${incarnation}:${sequence}`;
}

/** Undefined when the text is no batch identity. */
export function parseBatchIdentity(text: string): BatchIdentity | undefined {
  const match = /^(.+):([0-9a-f]{16}):([1-9][0-9]{0,15})$/s.exec(text);
  if (!match) return undefined;
  return { relayId: match[1]!, incarnation: match[2]!, sequence: Number(match[3]) };
}

/** A stream entry as an aggregator reads it. */
export interface StreamEntry {
  /** Redis's entry id, `ms-seq`. */
  id: string;
  batch: string;
  receivedMs: number;
  lineCount: number;
  lines: Buffer;
  idempotencyKey?: string;
  lineNumbers?: string;
}

/** Undefined when the entry lacks a field or a number is none: somebody else wrote it, nobody can read it. */
export function parseStreamEntry(id: string, fields: readonly Buffer[]): StreamEntry | undefined {
  const byName = new Map<string, Buffer>();
  for (let i = 0; i + 1 < fields.length; i += 2) byName.set(fields[i]!.toString('latin1'), fields[i + 1]!);
  const batch = byName.get('b')?.toString();
  const receivedMs = Number(byName.get('t')?.toString('latin1') ?? Number.NaN);
  const lineCount = Number(byName.get('n')?.toString('latin1') ?? Number.NaN);
  const lines = byName.get('d');
  if (batch === undefined || lines === undefined) return undefined;
  if (!Number.isSafeInteger(receivedMs) || !Number.isSafeInteger(lineCount) || lineCount < 1) return undefined;
  const entry: StreamEntry = { id, batch, receivedMs, lineCount, lines };
  const key = byName.get('k');
  const numbers = byName.get('l');
  if (key) entry.idempotencyKey = key.toString();
  if (numbers) entry.lineNumbers = numbers.toString('latin1');
  return entry;
}
