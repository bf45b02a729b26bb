import { z } from 'zod';
import { count } from '../report-schema.ts';
import type { Letter } from './letter.ts';
import { type LetterLine, type LineReading, linesOf } from './letter-lines.ts';

/** Which letters are meant, and which of their lines. Pure. */
export const letterFilterSchema = z.object({
  kind: z.enum(['dead', 'refused']).nullable().describe('dead letters of partitions, or what sinks refuse'),
  partition: count.nullable(),
  reasons: z.array(z.string()).describe("any of them; of what sinks refuse, a part of the sink's words; empty: all"),
  relay: z.string().nullable().describe('that the lines came through'),
  sink: z.string().nullable().describe('that refuses them'),
  sinceMs: count.nullable().describe('when it became a letter; Unix milliseconds'),
  untilMs: count.nullable(),
  product: z.string().nullable(),
  eventType: z.string().nullable(),
  windowSec: count.nullable().describe('start of the window that the line falls in, Unix seconds'),
});
export type LetterFilter = z.infer<typeof letterFilterSchema>;

/** A letter some of whose lines are meant. */
export interface Match {
  letter: Letter;
  lines: readonly LetterLine[];
  /** For each of the lines whether it is meant. At least one is. */
  meant: readonly boolean[];
  /** How many are. */
  matching: number;
}

export function meansPartition({ kind, partition, sink }: LetterFilter, of: number): boolean {
  return kind !== 'refused' && sink === null && (partition === null || partition === of);
}

export function meansRefused({ kind, partition, relay }: LetterFilter): boolean {
  return kind !== 'dead' && partition === null && relay === null;
}

/** Undefined when no line of it is meant. A letter without lines is meant unless lines are asked for. */
export function matchLetter(letter: Letter, filter: LetterFilter, reading: LineReading): Match | undefined {
  if (!meansLetter(letter, filter)) return undefined;
  const lines = linesOf(letter, reading);
  const meant = lines.map((line) => meansLine(line, filter));
  const matching = meant.filter(Boolean).length;
  if (matching === 0 && (lines.length > 0 || hasLineFilter(filter))) return undefined;
  return { letter, lines, meant, matching };
}

function meansLetter({ partition, deadMs, reason, relay, sink }: Letter, filter: LetterFilter): boolean {
  const { reasons, sinceMs, untilMs } = filter;
  if (
    reasons.length > 0 &&
    !reasons.some((asked) => (partition === null ? reason.includes(asked) : reason === asked))
  ) {
    return false;
  }
  if (filter.relay !== null && relay !== filter.relay) return false;
  if (filter.sink !== null && sink !== filter.sink) return false;
  return (sinceMs === null || deadMs >= sinceMs) && (untilMs === null || deadMs < untilMs);
}

function meansLine(line: LetterLine, { product, eventType, windowSec }: LetterFilter): boolean {
  if (product !== null && line.product !== product) return false;
  if (eventType !== null && line.eventType !== eventType) return false;
  return windowSec === null || line.windowSec === windowSec;
}

function hasLineFilter({ product, eventType, windowSec }: LetterFilter): boolean {
  return product !== null || eventType !== null || windowSec !== null;
}
