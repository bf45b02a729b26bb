import { z } from 'zod';
import { rateText } from '../rate-text.ts';
import { count, reportSchema } from '../report-schema.ts';
import { formatAge } from '../time-text.ts';

/** What was made up and sent, and how fast it was taken. Pure. */
const ms = count.nullable().describe('milliseconds, at most 2 % too much');

export const LOAD_SCHEMA = reportSchema('load', 1, 'What was made up and sent, and how fast it was taken.', {
  relays: z.array(z.string()),
  seed: count,
  productPrefix: z.string(),
  events: count.describe('different events in requests that were confirmed'),
  duplicates: count.describe('lines in confirmed requests that were sent a second time on purpose'),
  late: count.describe('of the events, those with an old timestamp'),
  accepted: count.describe('lines that a relay confirmed'),
  rejected: count.describe('lines that a relay refused'),
  unconfirmed: count.describe('lines whose request nobody confirmed: they may count or not'),
  requests: count.describe('those that were sent again among them'),
  elapsedMs: count,
  linesPerSec: count,
  answerMs: z
    .object({ p50: ms, p99: ms, max: ms })
    .describe('from a request to its confirmation, however often it was sent'),
});

export type LoadReport = z.infer<typeof LOAD_SCHEMA>;

export function loadText(report: LoadReport): string {
  const { events, duplicates, late, accepted, rejected, unconfirmed, elapsedMs, linesPerSec, answerMs } = report;
  const time = (value: number | null) => (value === null ? '?' : `${value.toFixed(1)} ms`);
  const parts = [`${duplicates} of them sent twice`, ...(late > 0 ? [`${late} late`] : [])];
  const lost = [
    ...(rejected > 0 ? [`, ${rejected} rejected`] : []),
    ...(unconfirmed > 0 ? [`, ${unconfirmed} not confirmed`] : []),
  ].join('');
  return [
    `${events} different events, ${parts.join(', ')} (seed ${report.seed})\n`,
    `${accepted} lines confirmed${lost} in ${formatAge(elapsedMs)}, ${rateText(linesPerSec)} lines/s\n`,
    `answers: half within ${time(answerMs.p50)}, 99 of 100 within ${time(answerMs.p99)}, the slowest ${time(answerMs.max)}\n`,
  ].join('');
}
