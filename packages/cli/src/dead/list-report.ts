import { z } from 'zod';
import { count, reportSchema, unixMs } from '../report-schema.ts';
import { formatTable } from '../table.ts';
import { formatTime } from '../time-text.ts';
import type { View } from '../view.ts';
import { letterFilterSchema, type Match } from './letter-filter.ts';

/** What `weir dead list` and `weir dead show` print. Pure. */
const letterFields = {
  name: z.string().describe('as weir dead show takes it'),
  partition: count.nullable().describe('null: refused by a sink'),
  deadMs: unixMs.describe('when it became a letter'),
  reason: z.string(),
  relay: z.string().nullable().describe('that the lines came through; null: not known, or refused by a sink'),
  receivedMs: unixMs.nullable().describe('when the relay received the first of them'),
  entry: z.string().nullable().describe('the stream entry they came in'),
  sink: z.string().nullable().describe('that refuses it'),
  refusedKind: z.string().nullable().describe('totals: a point of a window; line: an other line'),
  lines: count.describe('as the ledger counts them'),
  matchingLines: count.describe('that were asked for'),
  bytes: count.describe('of the lines'),
  firstWindowSec: z.number().nullable().describe('of the lines asked for; start of the window, Unix seconds'),
  lastWindowSec: z.number().nullable(),
};

const rowSchema = z.object({
  ...letterFields,
  example: z.string().describe('the beginning of the first line asked for'),
});

export const DEAD_LIST_SCHEMA = reportSchema('dead-list', 1, 'Dead letters, and what sinks refuse, the newest first.', {
  prefix: z.string(),
  redisTimeMs: unixMs,
  filters: letterFilterSchema.describe('what was asked for; null: not filtered'),
  letters: z.array(rowSchema),
  more: z.boolean().describe('there are older ones than those listed'),
  totals: z
    .object({ deadLetters: count, refusedLetters: count })
    .describe('letters in the streams, whatever was asked for'),
});

export const DEAD_SHOW_SCHEMA = reportSchema('dead-show', 1, 'Letters with their lines.', {
  prefix: z.string(),
  letters: z.array(
    z.object({ ...letterFields, text: z.array(z.string()).describe('the lines; what is no UTF-8 is replaced') }),
  ),
  missing: z.array(z.string()).describe('names of letters that are not there, or no longer'),
});

export type DeadListReport = z.infer<typeof DEAD_LIST_SCHEMA>;
export type DeadShowReport = z.infer<typeof DEAD_SHOW_SCHEMA>;
export type LetterRow = z.infer<typeof rowSchema>;

const EXAMPLE_LENGTH = 200;

export function letterRow({ letter, lines, meant, matching }: Match): LetterRow {
  const asked = lines.filter((_, i) => meant[i]);
  const windows = asked.flatMap(({ windowSec }) => windowSec ?? []);
  const { name, partition, deadMs, reason, relay, receivedMs, entry, sink, refusedKind } = letter;
  return {
    ...{ name, partition, deadMs, reason, relay, receivedMs, entry, sink, refusedKind },
    lines: letter.lineCount,
    matchingLines: matching,
    bytes: letter.lines.length,
    firstWindowSec: windows.length === 0 ? null : windows.reduce((a, b) => Math.min(a, b)),
    lastWindowSec: windows.length === 0 ? null : windows.reduce((a, b) => Math.max(a, b)),
    example: (asked[0]?.bytes.toString() ?? '').slice(0, EXAMPLE_LENGTH),
  };
}

export function letterText(match: Match): DeadShowReport['letters'][number] {
  const { example: _, ...row } = letterRow(match);
  return { ...row, text: match.lines.map(({ bytes }) => bytes.toString()) };
}

export function listText({ letters, more, totals }: DeadListReport, { paint, timeZone, wide }: View): string {
  const { deadLetters, refusedLetters } = totals;
  const inAll = `${deadLetters} dead letters and ${refusedLetters} letters of what sinks refuse in all`;
  if (letters.length === 0) return `no letters match; ${inAll}\n`;
  const header = ['letter', 'since', 'reason', 'from', 'lines', 'asked for', 'windows'];
  const rows = letters.map((row) => [
    row.name,
    formatTime(row.deadMs, timeZone),
    row.reason,
    row.sink ?? row.relay ?? '-',
    String(row.lines),
    String(row.matchingLines),
    windowsText(row, timeZone),
    ...(wide ? [row.example] : []),
  ]);
  const left = ['letter', 'reason', 'from', 'windows', 'example'];
  const table = formatTable(wide ? [...header, 'example'] : header, rows, { paint, left });
  return `${table}${more ? 'older ones are not listed (--limit); ' : ''}${inAll}\n`;
}

function windowsText({ firstWindowSec, lastWindowSec }: LetterRow, timeZone: string): string {
  if (firstWindowSec === null || lastWindowSec === null) return '-';
  const first = formatTime(firstWindowSec * 1_000, timeZone);
  return firstWindowSec === lastWindowSec ? first : `${first} to ${formatTime(lastWindowSec * 1_000, timeZone)}`;
}

export function showText(
  { letters }: DeadShowReport,
  { timeZone }: Pick<View, 'timeZone'>,
  clean: (text: string) => string,
): string {
  return letters
    .map((letter) => {
      const about: [string, string | null][] = [
        ['reason', letter.reason],
        ['since', formatTime(letter.deadMs, timeZone)],
        ['relay', letter.relay],
        ['received', letter.receivedMs === null ? null : formatTime(letter.receivedMs, timeZone)],
        ['entry', letter.entry],
        ['sink', letter.sink],
        ['of', letter.refusedKind],
        ['lines', String(letter.lines)],
      ];
      const known = about.filter((pair): pair is [string, string] => pair[1] !== null);
      const head = known.map(([name, value]) => `  ${name.padEnd(9)}${clean(value)}\n`).join('');
      return `${letter.name}\n${head}${letter.text.map((line) => `    ${clean(line)}\n`).join('')}`;
    })
    .join('\n');
}
