import { z } from 'zod';
import { aggregatorStatusSchema } from './aggregator-status.ts';
import { redisStatusSchema } from './redis-status.ts';
import { relayStatusSchema } from './relay-status.ts';
import { count, orUnknown, reportSchema, unixMs } from './report-schema.ts';
import { sinkStatusSchema } from './sink-status.ts';
import { FINDING_CODES, SEVERITIES, VERDICTS } from './verdict-codes.ts';

/** What `weir status` tells. Pure: the shape; verdict.ts judges it. */
export const partitionStatusSchema = z.object({
  partition: count,
  owner: z.string().nullable().describe('the live aggregator that reads it; null: none is alive'),
  lagEntries: orUnknown(count).describe('entries that no consumer was handed yet'),
  lagEvents: orUnknown(count).describe('lines received and not yet folded'),
  lagSeconds: orUnknown(count).describe('age of the oldest entry that is not folded'),
  pendingEntries: count,
  oldestPendingIdleMs: count.nullable(),
  pendingOfDead: z
    .array(z.object({ consumer: z.string(), entries: count }))
    .describe('entries held by aggregators that are not alive'),
  deadLetters: count.describe('letters in the dead-letter stream'),
  newestDeadAgoMs: count.nullable(),
});

export const findingSchema = z.object({
  code: z.enum(FINDING_CODES).describe('its entry in docs/runbook.md'),
  severity: z.enum(SEVERITIES).describe('note: worth knowing, and no harm'),
  sentence: z.string(),
  command: z.string().nullable().describe('what mends it, or shows more'),
});

const windowsSchema = z.object({
  open: count,
  due: count.describe('of the open ones, those that are written already'),
  sealDue: count.describe('of the open ones, those whose lateness has passed'),
  waiting: z
    .array(
      z.object({
        relay: z.string(),
        windows: count.describe('that wait for it'),
        heardMs: unixMs,
        untilMs: z.number().nullable().describe('the oldest of them waits for it until then; null: not known'),
      }),
    )
    .describe('relays that windows wait for before they are sealed'),
  finalRecords: count.describe('sealed windows whose final totals are kept'),
});

export const STATUS_SCHEMA = reportSchema(
  'status',
  1,
  'Whether the numbers are late or wrong, why, and what mends it.',
  {
    prefix: z.string(),
    redisTimeMs: unixMs.describe("Redis's clock, Unix milliseconds"),
    verdict: z.enum(VERDICTS),
    findings: z.array(findingSchema).describe('the worst first; what the verdict rests on, and notes'),
    relays: z.array(relayStatusSchema),
    partitions: z.array(partitionStatusSchema),
    books: z.object({
      balanced: orUnknown(z.boolean()).describe('null: not known in so short a time; `weir ledger` takes longer'),
      received: count,
      wrong: z.array(
        z.object({ partition: count, difference: orUnknown(z.number()), missingEntries: orUnknown(count) }),
      ),
      dead: z.record(z.string(), count).describe('lines of dead letters ever, by reason'),
    }),
    aggregators: z.array(aggregatorStatusSchema),
    windows: windowsSchema,
    sinks: z.array(sinkStatusSchema),
    redis: redisStatusSchema,
  },
);

export type StatusReport = z.infer<typeof STATUS_SCHEMA>;
export type PartitionStatus = z.infer<typeof partitionStatusSchema>;
export type Finding = z.infer<typeof findingSchema>;
/** What is judged. */
export type StatusFacts = Omit<StatusReport, 'schema' | 'verdict' | 'findings'>;
