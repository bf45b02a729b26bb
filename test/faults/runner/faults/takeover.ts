import { CONSUMER_GROUP, partitionKeys } from '@weir/common/keys';
import type { Redis } from 'ioredis';
import { eventually } from '../../../support/eventually.ts';
import { PARTITIONS, PREFIX } from '../fault-region.ts';
import { type Fault, lasting } from './fault.ts';

/**
 * How long work lies about after an aggregator died under full load. Measured, and so left to be asked for by name: on
 * a machine that is too slow for the traffic the figure says nothing of Weir.
 */
const EVENTS_PER_SECOND = 20_000;
const CLAIM_IDLE_MS = 2_000;
const WITHIN_MS = CLAIM_IDLE_MS + 5_000;
/** Nothing that waits is older than this: the region is abreast of its traffic. */
const ABREAST_MS = 1_000;

export const takeover: Fault = {
  name: 'takeover',
  what: `SIGKILL of an aggregator at ${EVENTS_PER_SECOND} events/s; what it left behind is folded within --claim-idle and 5 s`,
  byNameOnly: true,
  settings: {},
  eventsPerSecond: EVENTS_PER_SECOND,
  run: async ({ region, clients, random }) => {
    const { client } = region;
    await lasting(random, 4_000, 5_000);
    await eventually(async () => (await oldestWaitingMs(client)) < ABREAST_MS, {
      timeoutMs: 30_000,
      what: `the region to keep up with ${EVENTS_PER_SECOND} events/s`,
    });
    const sentBefore = clients.made;
    const victim = random.pick(region.aggregatorIds);
    const killedMs = performance.now();
    await region.daemon(victim).kill();
    let worstMs = 0;
    await eventually(
      async () => {
        const waitingMs = await oldestWaitingMs(client);
        worstMs = Math.max(worstMs, waitingMs);
        return performance.now() - killedMs > ABREAST_MS * 2 && waitingMs < ABREAST_MS;
      },
      { timeoutMs: 60_000, everyMs: 100, what: 'the backlog to be gone' },
    );
    const tookMs = performance.now() - killedMs;
    const rate = Math.round((clients.made - sentBefore) / (tookMs / 1000));
    const took = `backlog gone ${(tookMs / 1000).toFixed(1)} s later`;
    const figures = `${victim} killed at ${rate} events/s; ${took}, oldest entry waited ${(worstMs / 1000).toFixed(1)} s`;
    if (tookMs > WITHIN_MS) throw new Error(`${figures}; within ${WITHIN_MS / 1000} s was promised`);
    return `${figures} (promised: ${WITHIN_MS / 1000} s)`;
  },
};

/** The age of the oldest entry in any stream that is not folded, by Redis's clock. */
async function oldestWaitingMs(client: Redis): Promise<number> {
  const ages = await Promise.all(
    Array.from({ length: PARTITIONS }, async (_, partition) => {
      const { stream } = partitionKeys(PREFIX, partition);
      const [[seconds, micros], pending, groups] = await Promise.all([
        client.time(),
        client.xpending(stream, CONSUMER_GROUP, '-', '+', 1) as Promise<[string][]>,
        client.xinfo('GROUPS', stream) as Promise<unknown[][]>,
      ]);
      const delivered = String(groups[0]![groups[0]!.indexOf('last-delivered-id') + 1]);
      const [next] = (await client.call('XRANGE', stream, `(${delivered}`, '+', 'COUNT', '1')) as [string][];
      const waiting = [pending[0]?.[0], next?.[0]].filter((id) => id !== undefined);
      const nowMs = Number(seconds) * 1_000 + Number(micros) / 1_000;
      return Math.max(0, ...waiting.map((id) => nowMs - Number(id.split('-')[0])));
    }),
  );
  return Math.max(...ages);
}
