import { ownerOf } from '@weir/common/assignment';
import { z } from 'zod';
import { ALIVE_MS, aliveIds, type Heartbeat } from './heartbeats.ts';
import type { Tone } from './paint.ts';
import { ranges } from './ranges.ts';
import { count, reportSchema, unixMs } from './report-schema.ts';
import { type Cell, formatTable } from './table.ts';
import { formatAge } from './time-text.ts';
import type { View } from './view.ts';

/**
 * The consumers of the partitions' group: aggregators that live, and names that dead ones left behind. Pure. A name that
 * holds nothing is harmless; one that holds entries is to be let go of by claiming them, never by deleting it.
 */
const consumerSchema = z.object({
  consumer: z.string(),
  state: z.enum(['alive', 'dead', 'gone']).describe('dead: its heartbeat is old; gone: it has none'),
  heartbeatAgeMs: count.nullable(),
  owns: z.array(count).describe('partitions whose new entries it reads'),
  pendingEntries: count,
  pendingIn: z.array(count).describe('partitions in which it holds entries'),
  knownIn: count.describe('partitions whose group has its name'),
  idleMs: count.nullable().describe('since it last asked for entries, in any partition; null: it is in no group'),
});

export const CONSUMERS_SCHEMA = reportSchema('consumers', 1, 'The consumers of the group that folds.', {
  prefix: z.string(),
  redisTimeMs: unixMs.describe("Redis's clock, Unix milliseconds"),
  consumers: z.array(consumerSchema),
});

export type ConsumersReport = z.infer<typeof CONSUMERS_SCHEMA>;
type Consumer = ConsumersReport['consumers'][number];

/** As XINFO CONSUMERS tells it of one partition. */
export interface GroupConsumer {
  name: string;
  pendingEntries: number;
  idleMs: number;
}

export function consumersReport(
  { prefix, redisTimeMs }: { prefix: string; redisTimeMs: number },
  partitions: readonly (readonly GroupConsumer[])[],
  heartbeats: readonly Heartbeat[],
): ConsumersReport {
  const alive = aliveIds(heartbeats);
  const names = new Set([...heartbeats.map(({ id }) => id), ...partitions.flat().map(({ name }) => name)]);
  const owners = partitions.map((_, partition) => ownerOf(partition, alive));
  const consumers = [...names].sort().map((name): Consumer => {
    const sinceMs = heartbeats.find(({ id }) => id === name)?.sinceMs;
    const found = partitions.flatMap((consumers, partition) =>
      consumers.filter((consumer) => consumer.name === name).map((consumer) => ({ ...consumer, partition })),
    );
    return {
      consumer: name,
      state: sinceMs === undefined ? 'gone' : sinceMs <= ALIVE_MS ? 'alive' : 'dead',
      heartbeatAgeMs: sinceMs === undefined ? null : Math.round(sinceMs),
      owns: owners.flatMap((owner, partition) => (owner === name ? [partition] : [])),
      pendingEntries: found.reduce((sum, { pendingEntries }) => sum + pendingEntries, 0),
      pendingIn: found.filter(({ pendingEntries }) => pendingEntries > 0).map(({ partition }) => partition),
      knownIn: found.length,
      idleMs: found.length === 0 ? null : Math.min(...found.map(({ idleMs }) => idleMs)),
    };
  });
  return { schema: 'weir.consumers/1', prefix, redisTimeMs, consumers };
}

const TONES: Readonly<Record<Consumer['state'], Tone>> = { alive: 'good', dead: 'bad', gone: 'faint' };

export function consumersTable({ consumers }: ConsumersReport, { paint, wide }: Pick<View, 'paint' | 'wide'>): string {
  if (consumers.length === 0) return 'no consumers\n';
  const header = [
    'consumer',
    'state',
    'heartbeat',
    'owns',
    'pending',
    'holds in',
    ...(wide ? ['known in', 'idle'] : []),
  ];
  const rows = consumers.map((consumer): Cell[] => [
    consumer.consumer,
    { text: consumer.state, tone: TONES[consumer.state] },
    consumer.heartbeatAgeMs === null ? '-' : `${formatAge(consumer.heartbeatAgeMs)} ago`,
    ranges(consumer.owns),
    String(consumer.pendingEntries),
    ranges(consumer.pendingIn),
    ...(wide ? [String(consumer.knownIn), consumer.idleMs === null ? '-' : formatAge(consumer.idleMs)] : []),
  ]);
  return formatTable(header, rows, { paint, left: ['consumer', 'state', 'owns', 'holds in'] });
}
