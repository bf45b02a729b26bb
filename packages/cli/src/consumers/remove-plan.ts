import { z } from 'zod';
import { actSchema, refused } from '../acting.ts';
import { count } from '../report-schema.ts';
import { formatTable } from '../table.ts';
import type { View } from '../view.ts';
import type { ConsumerGroup } from './consumer-groups.ts';

/** What goes when a consumer is removed, and what keeps it from being removed. Pure. */
const groupSchema = z.object({
  partition: count,
  stream: z.enum(['events', 'others']).describe('others: of other lines, a group per sink'),
  group: z.string(),
});

export const CONSUMER_REMOVE_SCHEMA = actSchema(
  'consumer-remove',
  'A consumer that is taken out of its groups.',
  {
    consumer: z.string(),
    groups: z.array(groupSchema).describe('that know it'),
    heartbeat: z.boolean().describe('what it last said of itself goes, too'),
  },
  {
    removed: count.describe('groups that no longer know it'),
    kept: z.array(groupSchema).describe('groups in which entries became pending for it meanwhile'),
    heartbeatRemoved: z.boolean(),
  },
);

type ConsumerRemoval = z.infer<typeof CONSUMER_REMOVE_SCHEMA>;
export type RemovePlan = ConsumerRemoval['plan'];
export type RemoveOutcome = NonNullable<ConsumerRemoval['outcome']>;

/** Throws a refusal when it is alive, or when entries are pending for it. */
export function planRemoval(
  consumer: string,
  alive: boolean,
  found: readonly ConsumerGroup[],
  heartbeat: boolean,
): RemovePlan {
  if (alive) throw refused(`${consumer} is alive: stop it first`);
  const holding = found.filter(({ pendingEntries }) => pendingEntries > 0);
  if (holding.length > 0) {
    const entries = holding.reduce((sum, { pendingEntries }) => sum + pendingEntries, 0);
    const partitions = [...new Set(holding.map(({ partition }) => partition))];
    throw refused(
      `${entries} entries are pending for ${consumer} in partition ${partitions.join(', ')} and would be lost with it; ` +
        'a live aggregator takes them over within seconds, or weir claim does',
    );
  }
  return { consumer, groups: found.map(asPlanned), heartbeat };
}

export function asPlanned({ partition, stream, group }: ConsumerGroup): z.infer<typeof groupSchema> {
  return { partition, stream, group };
}

export function removePlanText({ consumer, groups, heartbeat }: RemovePlan, { paint }: Pick<View, 'paint'>): string {
  const rows = groups.map(({ partition, stream, group }) => [String(partition), stream, group]);
  const table = rows.length === 0 ? '' : formatTable(['partition', 'stream', 'group'], rows, { paint });
  const said = heartbeat ? ', and what it last said of itself' : '';
  return `${table}${consumer} goes from ${groups.length} groups${said}; nothing is pending for it\n`;
}

export function removeOutcomeText({ removed, kept }: RemoveOutcome): string {
  const left = kept.length > 0 ? `; in ${kept.length} it stays, for entries became pending for it meanwhile` : '';
  return `removed from ${removed} groups${left}\n`;
}
