import { ownerOf } from '@weir/common/assignment';
import { z } from 'zod';
import type { DaemonsLook } from './daemons-look.ts';
import { ALIVE_MS, aliveIds } from './heartbeats.ts';
import { count, orUnknown } from './report-schema.ts';

/** How the aggregators are: their heartbeats, what follows from them, what they say of themselves. Pure. */
export const aggregatorStatusSchema = z.object({
  id: z.string(),
  alive: z.boolean().describe('its heartbeat is at most five seconds old'),
  seenAgoMs: count,
  partitions: z.array(count).describe('whose new entries it reads'),
  interrupted: z.record(z.string(), count).nullable().describe('partitions it cannot fold, by the code of the fault'),
  heldBack: orUnknown(z.boolean()).describe('flushes wait: Redis lost data and relays are sending it again'),
  rollbackAgoMs: count.nullable().describe('since it last saw that Redis lost data'),
  clockAheadMs: orUnknown(z.number()).describe("of its machine against Redis's"),
});

export type AggregatorStatus = z.infer<typeof aggregatorStatusSchema>;

/** By id; one that signed off is not here. */
export function aggregatorStatuses(look: DaemonsLook, partitions: number): AggregatorStatus[] {
  const { redisMs, heartbeats, aggregatorStates } = look;
  const alive = aliveIds(heartbeats);
  const owners = Array.from({ length: partitions }, (_, partition) => ownerOf(partition, alive));
  return [...heartbeats]
    .sort((a, b) => (a.id < b.id ? -1 : 1))
    .map(({ id, sinceMs }) => {
      const state = aggregatorStates.get(id);
      return {
        id,
        alive: sinceMs <= ALIVE_MS,
        seenAgoMs: Math.round(sinceMs),
        partitions: owners.flatMap((owner, partition) => (owner === id ? [partition] : [])),
        interrupted: state?.interrupted ?? null,
        heldBack: state?.heldBack ?? null,
        rollbackAgoMs: state?.rollbackMs == null ? null : Math.max(0, redisMs - state.rollbackMs),
        clockAheadMs: state?.clockAheadMs ?? null,
      };
    });
}
