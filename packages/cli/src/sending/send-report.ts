import { z } from 'zod';
import { rateText } from '../rate-text.ts';
import { count, reportSchema } from '../report-schema.ts';
import { formatAge } from '../time-text.ts';

/** What became of the lines of an input. Pure. */
export const MAX_REJECTIONS_NAMED = 1_000;

export const SEND_SCHEMA = reportSchema('send', 1, 'What became of the lines of an input.', {
  relays: z.array(z.string()),
  accepted: count.describe('lines that a relay confirmed: counted, or durably waiting for it'),
  rejected: count.describe('lines that are refused for good'),
  rejections: z
    .array(z.object({ line: z.number().describe('in the input, from 1'), reason: z.string(), detail: z.string() }))
    .describe(`the first ${MAX_REJECTIONS_NAMED} of them`),
  withoutTimestamp: count.describe('lines that came without a timestamp'),
  confirmedUpToLine: count.describe('every line of the input up to here is confirmed or rejected'),
  confirmedBeyond: count.describe('lines behind a gap after that one that are, too'),
  complete: z.boolean().describe('the input was sent to its end'),
  requests: count.describe('those that were sent again among them'),
  elapsedMs: count,
  linesPerSec: count,
});

export type SendReport = z.infer<typeof SEND_SCHEMA>;

export function sendText({
  accepted,
  rejected,
  complete,
  elapsedMs,
  linesPerSec,
  confirmedUpToLine,
}: SendReport): string {
  const refused = rejected === 0 ? '' : `, ${rejected} rejected`;
  const upTo = complete ? '' : `; everything up to line ${confirmedUpToLine} is settled`;
  return `${accepted} lines confirmed${refused} in ${formatAge(elapsedMs)}, ${rateText(linesPerSec)} lines/s${upTo}\n`;
}

/** Why the exit code is 1; undefined: it is not. */
export function sendFault(report: SendReport, why: string | undefined): string | undefined {
  const { complete, confirmedUpToLine, confirmedBeyond, rejected } = report;
  if (complete) return rejected === 0 ? undefined : `${rejected} lines were rejected, all others are confirmed`;
  const beyond = confirmedBeyond === 0 ? '' : `, and ${confirmedBeyond} lines after a gap`;
  const resume = `go on with --from-line ${confirmedUpToLine + 1}`;
  const settled =
    confirmedUpToLine === 0 ? 'no line is confirmed from the first on' : `settled up to line ${confirmedUpToLine}`;
  return `${settled}${beyond}; ${resume}: ${why ?? 'stopped'}`;
}
