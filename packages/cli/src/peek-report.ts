import { parseBatchIdentity, parseStreamEntry } from '@weir/common/batch';
import { z } from 'zod';
import { entryMs } from './entry-id.ts';
import { count, orUnknown, reportSchema, unixMs } from './report-schema.ts';
import { printable } from './table.ts';
import { formatAge, formatTime } from './time-text.ts';
import type { View } from './view.ts';

/** One stream entry, opened. Pure. */
export const PEEK_SCHEMA = reportSchema('peek', 1, 'One stream entry: where it comes from, who holds it, its lines.', {
  prefix: z.string(),
  redisTimeMs: unixMs.describe("Redis's clock, Unix milliseconds"),
  partition: count,
  entry: z.string(),
  appendedMs: unixMs,
  state: z.enum(['undelivered', 'pending', 'folded']).describe('folded: it only waits to be trimmed'),
  consumer: z.string().nullable().describe('who holds it; null: it is not pending'),
  idleMs: count.nullable(),
  deliveries: count.nullable(),
  readable: z.boolean().describe('whether a relay can have written it'),
  relay: z.string().nullable(),
  incarnation: z.string().nullable().describe('of the start of the relay'),
  sequence: z.number().nullable(),
  receivedMs: z.number().nullable().describe('when the relay received the first line, Unix milliseconds'),
  idempotencyKey: z.string().nullable(),
  lineCount: orUnknown(count),
  bytes: count.describe('of all its fields'),
  lines: z.array(z.string()).describe('as the clients sent them, each with a timestamp; as many as were asked for'),
});

export type PeekReport = z.infer<typeof PEEK_SCHEMA>;

export interface PeekLook {
  prefix: string;
  redisTimeMs: number;
  partition: number;
  id: string;
  fields: readonly Buffer[];
  pending: { consumer: string; idleMs: number; deliveries: number } | undefined;
  /** Some consumer was handed it. */
  delivered: boolean;
}

export function peekReport(look: PeekLook, mostLines: number): PeekReport {
  const { prefix, redisTimeMs, partition, id, fields, pending, delivered } = look;
  const entry = parseStreamEntry(id, fields);
  const batch = entry && parseBatchIdentity(entry.batch);
  const lines = entry
    ? entry.lines
        .toString()
        .split('\n')
        .filter((line) => line !== '')
    : [];
  return {
    schema: 'weir.peek/1',
    prefix,
    redisTimeMs,
    partition,
    entry: id,
    appendedMs: entryMs(id),
    state: pending ? 'pending' : delivered ? 'folded' : 'undelivered',
    consumer: pending?.consumer ?? null,
    idleMs: pending?.idleMs ?? null,
    deliveries: pending?.deliveries ?? null,
    readable: entry !== undefined,
    relay: batch?.relayId ?? null,
    incarnation: batch?.incarnation ?? null,
    sequence: batch?.sequence ?? null,
    receivedMs: entry?.receivedMs ?? null,
    idempotencyKey: entry?.idempotencyKey ?? null,
    lineCount: entry?.lineCount ?? null,
    bytes: fields.reduce((sum, field) => sum + field.length, 0),
    lines: lines.slice(0, mostLines),
  };
}

export function peekText(report: PeekReport, { timeZone, paint }: Pick<View, 'timeZone' | 'paint'>): string {
  const { partition, entry, state, consumer, relay, incarnation, sequence, lineCount, lines, redisTimeMs } = report;
  const time = (ms: number) => `${formatTime(ms, timeZone)}, ${formatAge(Math.max(0, redisTimeMs - ms))} ago`;
  const held =
    consumer === null
      ? ''
      : ` by ${printable(consumer)} for ${formatAge(report.idleMs ?? 0)}, delivered ${report.deliveries} times`;
  const rows = [
    ['entry', `${partition}:${entry}`],
    ['state', `${state}${held}`],
    ['appended', time(report.appendedMs)],
    ...(report.receivedMs === null ? [] : [['received', time(report.receivedMs)]]),
    [
      'from',
      relay === null ? 'no relay: it is not a batch' : `${printable(relay)}, start ${incarnation}, batch ${sequence}`,
    ],
    ...(report.idempotencyKey === null ? [] : [['key', printable(report.idempotencyKey)]]),
    ['size', `${lineCount ?? '?'} lines, ${report.bytes} bytes`],
  ];
  const head = rows.map(([name, text]) => `${paint(name!.padEnd(8), 'faint')}  ${text}\n`).join('');
  const more =
    lineCount !== null && lineCount > lines.length ? `${lineCount - lines.length} more; --lines <n> shows them\n` : '';
  return `${head}\n${lines.map((line) => `${printable(line)}\n`).join('')}${more}`;
}
