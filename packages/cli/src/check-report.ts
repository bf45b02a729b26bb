import { z } from 'zod';
import { orUnknown, reportSchema, unixMs } from './report-schema.ts';
import { type Finding, findingSchema, type StatusReport } from './status-report.ts';
import type { FindingCode } from './verdict-codes.ts';

/** A monitor's view of the status: a state, and the measures it rests on. Pure. */
export const STATES = ['ok', 'warning', 'critical', 'unknown'] as const;
export type CheckState = (typeof STATES)[number];

/** As every monitoring plugin has them. */
export const EXIT_CODES: Readonly<Record<CheckState, number>> = { ok: 0, warning: 1, critical: 2, unknown: 3 };

const measureSchema = z.object({
  name: z.string(),
  value: orUnknown(z.number()),
  unit: z.enum(['s', 'B', '%', '']),
  warning: z.number().nullable().describe('above it; null: never'),
  critical: z.number().nullable(),
  state: z.enum(STATES),
});

export const CHECK_SCHEMA = reportSchema('check', 1, 'One state for a monitor, and what it rests on.', {
  prefix: z.string(),
  redisTimeMs: unixMs.nullable().describe("Redis's clock, Unix milliseconds; null: Redis did not answer"),
  state: z.enum(STATES),
  message: z.string(),
  measures: z.array(measureSchema),
  findings: z.array(findingSchema).describe('as `weir status` has them, notes left out'),
});

export type CheckReport = z.infer<typeof CHECK_SCHEMA>;
export type Measure = CheckReport['measures'][number];

export interface Thresholds {
  lag: Limits;
  pending: Limits;
  unflushed: Limits;
  /** Age of the oldest, seconds. */
  others: Limits;
  memory: Limits;
}

/** In the measure's unit; null: never. */
export interface Limits {
  warning: number | null;
  critical: number | null;
}

/** Somebody has to get up for these. The others wait until the morning. */
const CRITICAL: ReadonlySet<FindingCode> = new Set([
  'books-unbalanced',
  'redis-evicts',
  'batches-lost',
  'no-aggregator',
  'redis-full',
  'redis-disk',
]);
/** The thresholds judge that. */
const MEASURED: ReadonlySet<FindingCode> = new Set(['behind', 'others-behind']);

export function checkReport(status: StatusReport, thresholds: Thresholds): CheckReport {
  const measures = measuresOf(status, thresholds);
  const findings = status.findings.filter(({ severity, code }) => severity !== 'note' && !MEASURED.has(code));
  const states: CheckState[] = [...measures.map(({ state }) => state), ...findings.map(stateOf)];
  const state = (['critical', 'warning', 'unknown'] as const).find((bad) => states.includes(bad)) ?? 'ok';
  return {
    schema: 'weir.check/1',
    prefix: status.prefix,
    redisTimeMs: status.redisTimeMs,
    state,
    message: messageOf(measures, findings),
    measures,
    findings,
  };
}

/** Where Redis does not answer nothing is known, and that is bad enough. */
export function unreachable(prefix: string, message: string): CheckReport {
  return { schema: 'weir.check/1', prefix, redisTimeMs: null, state: 'critical', message, measures: [], findings: [] };
}

const stateOf = ({ code }: Finding): CheckState => (CRITICAL.has(code) ? 'critical' : 'warning');

function measuresOf({ partitions, sinks, aggregators, redis }: StatusReport, thresholds: Thresholds): Measure[] {
  const lag = partitions.map(({ lagSeconds }) => lagSeconds);
  const worstLag = lag.includes(null) ? null : Math.max(0, ...lag.map((seconds) => seconds ?? 0));
  const pending = partitions.reduce((sum, { pendingEntries }) => sum + pendingEntries, 0);
  const memory = redis.maxMemoryBytes === 0 ? 0 : (100 * redis.usedMemoryBytes) / redis.maxMemoryBytes;
  return [
    measure('lag', worstLag, 's', thresholds.lag),
    measure('pending', pending, '', thresholds.pending),
    ...sinks.map(({ name, unflushedWindows }) =>
      measure(`unflushed_${name}`, unflushedWindows, '', thresholds.unflushed),
    ),
    ...sinks.map((sink) => measure(`others_${sink.name}`, othersSeconds(sink), 's', thresholds.others)),
    measure('redis_memory', Math.round(memory * 10) / 10, '%', thresholds.memory),
    measure('aggregators', aggregators.filter(({ alive }) => alive).length, '', { warning: null, critical: null }),
  ];
}

/** Where none wait it is 0. */
function othersSeconds({ otherLines, otherOldestAgoMs }: StatusReport['sinks'][number]): number | null {
  if (otherOldestAgoMs !== null) return otherOldestAgoMs / 1_000;
  return otherLines === 0 ? 0 : null;
}

function measure(name: string, value: number | null, unit: Measure['unit'], limits: Limits): Measure {
  return { name, value, unit, ...limits, state: judged(value, limits) };
}

function judged(value: number | null, { warning, critical }: Limits): CheckState {
  if (value === null) return warning === null && critical === null ? 'ok' : 'unknown';
  if (critical !== null && value > critical) return 'critical';
  return warning !== null && value > warning ? 'warning' : 'ok';
}

function messageOf(measures: readonly Measure[], findings: readonly Finding[]): string {
  const beyond = measures
    .filter(({ state }) => state !== 'ok')
    .map(({ name, value, unit, warning, critical, state }) =>
      state === 'unknown'
        ? `${name} is not known`
        : `${name} ${value}${unit} (above ${state === 'critical' ? critical : warning}${unit})`,
    );
  const said = findings.map(({ sentence, code }) => `${sentence} [${code}]`);
  const all = [...said, ...beyond];
  return all.length === 0 ? 'numbers are complete and on time' : all.join('; ');
}
