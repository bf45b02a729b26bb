import { z } from 'zod';
import type { DaemonsLook } from '../daemons-look.ts';
import { aliveIds } from '../heartbeats.ts';
import { reportSchema, unixMs } from '../report-schema.ts';
import { type SinkStatus, sinkStatusSchema } from '../sink-status.ts';
import { type Cell, formatTable, orQuestion } from '../table.ts';
import { formatAge, formatTime } from '../time-text.ts';
import type { View } from '../view.ts';

/**
 * The sinks of a deployment: those that are recorded, and those that an aggregator still writes to. Pure. Where a sink is
 * stands in the settings of each aggregator and nowhere else: the URL behind a name may differ per zone and holds secrets.
 */
const listedSchema = sinkStatusSchema.extend({
  recorded: z.boolean().describe('it belongs to the deployment; false: an aggregator names it all the same'),
  writers: z.array(z.string()).describe('aggregators that are alive and write to it'),
});

export const SINK_LIST_SCHEMA = reportSchema('sink-list', 1, 'The sinks of the deployment.', {
  prefix: z.string(),
  redisTimeMs: unixMs.describe("Redis's clock, Unix milliseconds"),
  sinks: z.array(listedSchema),
});

export type SinkListReport = z.infer<typeof SINK_LIST_SCHEMA>;

export function sinkListReport(prefix: string, look: DaemonsLook, statuses: readonly SinkStatus[]): SinkListReport {
  const recorded = new Set(look.deployment.sinks);
  const alive = [...aliveIds(look.heartbeats)].sort();
  const writesTo = (id: string, sink: string) =>
    look.aggregatorStates.get(id)?.sinks.some(({ name }) => name === sink) ?? false;
  const sinks = statuses.map((status) => ({
    ...status,
    recorded: recorded.has(status.name),
    writers: alive.filter((id) => writesTo(id, status.name)),
  }));
  return { schema: 'weir.sink-list/1', prefix, redisTimeMs: look.redisMs, sinks };
}

export function sinkListTable({ sinks }: SinkListReport, { paint, timeZone, wide }: View): string {
  if (sinks.length === 0) return 'no sink\n';
  const header = ['sink', 'kind', 'state', 'last write', 'unflushed', 'refused', 'last error', 'writers'];
  const more = ['recorded', 'oldest unflushed', 'unsettled', 'other lines', 'error'];
  const rows = sinks.map((sink): Cell[] => [
    sink.name,
    sink.kind ?? '?',
    { text: sink.state ?? '?', tone: sink.state === 'away' ? 'bad' : sink.state === 'failing' ? 'warning' : undefined },
    sink.lastWriteAgoMs === null ? '-' : `${formatAge(sink.lastWriteAgoMs)} ago`,
    orQuestion(sink.unflushedWindows),
    orQuestion(sink.refusedPoints),
    sink.lastErrorAgoMs === null ? '-' : `${sink.errorCode ?? 'error'} ${formatAge(sink.lastErrorAgoMs)} ago`,
    sink.writers.length === 0 ? { text: '-', tone: 'bad' } : sink.writers.join(','),
    ...(wide
      ? [
          sink.recorded ? 'yes' : 'no',
          sink.oldestUnflushedSec === null ? '-' : formatTime(sink.oldestUnflushedSec * 1_000, timeZone),
          orQuestion(sink.unsettledWindows),
          orQuestion(sink.otherLines),
          sink.errorText ?? '-',
        ]
      : []),
  ]);
  const left = ['sink', 'kind', 'state', 'last error', 'writers', 'recorded', 'error'];
  return formatTable(wide ? [...header, ...more] : header, rows, { paint, left });
}
