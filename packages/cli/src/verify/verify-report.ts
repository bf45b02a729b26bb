import { z } from 'zod';
import { actSchema } from '../acting.ts';
import { count } from '../report-schema.ts';
import { countRepairs, KNOWN_BY, LEAVE, type Leave } from './differences.ts';
import type { JudgedWindow } from './judge-window.ts';
import type { VerifiedSink } from './read-sinks.ts';

/** What `weir verify` found, and what it wrote. Pure. */
const value = z.number().nullable();
const sinkValue = z.object({
  sink: z.string(),
  value: value.describe('null: it has no such point'),
  repair: z
    .enum(['write', ...LEAVE])
    .nullable()
    .describe('write: --repair writes it; else why it stays; null: nothing is to be done there'),
});

const difference = z.object({
  startSec: z.number().describe('start of the window, Unix seconds'),
  measurement: z.string().describe('unique_user_event or cumulative_user_event, whatever the databases call it'),
  eventType: z.string(),
  product: z.string(),
  redis: value.describe('what Redis knows; null: nothing of the window, or no such group in it'),
  truth: value.describe('the same where that is right for certain; null: it is not, or there is none'),
  knownBy: z
    .enum(KNOWN_BY)
    .describe('published: totals of an open window; final: the final record; counting, gone: nothing is known'),
  write: value.describe('what is written where repair says so'),
  sinks: z.array(sinkValue),
});

export const VERIFY_SCHEMA = actSchema(
  'verify',
  'What the sinks hold, against each other and against what Redis knows; and what was mended.',
  {
    fromSec: z.number().describe('start of the first window, Unix seconds'),
    toSec: z.number().describe('where the last one ends'),
    repair: z.boolean().describe('mending was asked for'),
    trustLarger: z.boolean(),
    sinks: z.array(
      z.object({
        name: z.string(),
        state: z.enum(['read', 'failing', 'write-only', 'not-given']),
        error: z.string().nullable(),
      }),
    ),
    windows: count.describe('windows that were looked at'),
    knownWindows: count.describe('of these, known by published totals or a final record'),
    values: count.describe('points that were read, of all sinks'),
    differentWindows: count,
    differentPoints: count,
    differences: z.array(difference).describe('as many as --limit, the oldest windows first'),
    repairs: z.object({ windows: count, values: count }).describe('what --repair writes'),
    left: z.object(Object.fromEntries(LEAVE.map((why) => [why, count])) as Record<Leave, typeof count>),
  },
  {
    windows: count.describe('windows mended'),
    values: count.describe('values written, and read back as written'),
    changedWindows: count.describe('left alone, for their totals or the sinks changed meanwhile'),
    refusedValues: count.describe('refused by the sink for good'),
    missingValues: count.describe('written, and not read back as written'),
    failedSinks: z.array(z.object({ name: z.string(), error: z.string() })),
  },
);

type Verify = z.infer<typeof VERIFY_SCHEMA>;
export type VerifyPlan = Verify['plan'];
export type VerifyOutcome = NonNullable<Verify['outcome']>;
export type ListedDifference = VerifyPlan['differences'][number];

export interface Asked {
  fromSec: number;
  toSec: number;
  repair: boolean;
  trustLarger: boolean;
  /** How many differences are listed. */
  limit: number;
}

/** A window of which something is to be written, as it was found. */
export interface PlannedWindow {
  startSec: number;
  mark: string;
  values: number;
}

/** Adds up windows, and forgets what it does not need: there may be very many. */
export class Findings {
  readonly plan: VerifyPlan;
  readonly planned: PlannedWindow[] = [];
  readonly #limit: number;

  constructor({ limit, ...asked }: Asked, sinks: readonly VerifiedSink[]) {
    this.#limit = limit;
    this.plan = {
      ...asked,
      sinks: [...sinks],
      windows: 0,
      knownWindows: 0,
      values: 0,
      differentWindows: 0,
      differentPoints: 0,
      differences: [],
      repairs: { windows: 0, values: 0 },
      left: Object.fromEntries(LEAVE.map((why) => [why, 0])) as Record<Leave, number>,
    };
  }

  add({ startSec, truth, values, differences }: JudgedWindow): void {
    const { plan } = this;
    plan.windows++;
    if (truth.knownBy === 'published' || truth.knownBy === 'final') plan.knownWindows++;
    plan.values += values;
    if (differences.length === 0) return;
    plan.differentWindows++;
    plan.differentPoints += differences.length;
    for (const { point, redis, truth: right, write, sinks } of differences.slice(
      0,
      this.#limit - plan.differences.length,
    )) {
      const known = { redis, truth: right, knownBy: truth.knownBy, write };
      plan.differences.push({ startSec, ...point, ...known, sinks: [...sinks] });
    }
    for (const why of LEAVE) plan.left[why] += countRepairs(differences, why);
    const writes = countRepairs(differences, 'write');
    if (writes === 0) return;
    plan.repairs.windows++;
    plan.repairs.values += writes;
    this.planned.push({ startSec, mark: truth.mark, values: writes });
  }
}
