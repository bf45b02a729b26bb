import type { PendingReport } from '@weir/cli/pending-report';
import { aggregatorsKey, CONSUMER_GROUP, partitionKeys } from '@weir/common/keys';
import { sendRequests } from '../support/client.ts';
import { eventually } from '../support/eventually.ts';
import { expectBalanced } from '../support/ledger.ts';
import { PARTITIONS, type Region, startRegion } from '../support/region.ts';
import { makeTraffic, type Traffic } from '../support/traffic.ts';

/**
 * One of three aggregators is killed with entries in its hands, told in the order it happens. It is made sure that it
 * has some: it is frozen first, so that what Redis hands to its waiting reads stays pending. The others are frozen as
 * well for as long as it takes to look at the state between death and takeover, which otherwise lasts a moment.
 */
const SEED = 20_161_107;
const VICTIM = 'aggregator-2';
const SURVIVORS = ['aggregator-1', 'aggregator-3'];
/** A silent aggregator counts as dead after 5,000 ms; until then nobody takes anything over. */
const NEARLY_DEAD_MS = 3_000;

let region: Region;
let traffic: Traffic;
/** Requests that no client has sent yet. */
let waiting: string[][];
let sentLines = 0;

beforeAll(async () => {
  // Long enough that entries change hands here for one reason only: whoever held them is dead.
  region = await startRegion({ relays: 2, aggregators: 3, aggregatorSettings: ['--claim-idle', '30s'] });
  traffic = makeTraffic({ seed: SEED, events: 30_000, windows: 5, linesPerRequest: 200, repeats: 0.1 });
  waiting = [...traffic.requests];
});

test('before: three aggregators share the partitions, and lag and pending are zero', async () => {
  await eventually(async () => (await owners()).size === 3, { what: 'every aggregator to own some partition' });
  await eventually(async () => (await region.aggregatorMetric('weir_aggregator_partitions_owned')) === PARTITIONS, {
    what: 'every partition to be read by one aggregator',
  });
  await expectNothingWaiting();
});

test('during: a killed aggregator is shown dead with its pending entries, and an owner alive', async () => {
  await sendSome(60);
  const held = await freezeWithPendingEntries();
  expect(held.length).toBeGreaterThan(0);
  const lag = await region.lag();
  expect(lag.totals.pendingEntries).toBeGreaterThanOrEqual(held.length);
  expect(lag.totals.lagEvents).toBeGreaterThan(0);

  await region.aggregator(VICTIM).kill();
  await sendSome(20);
  await eventually(async () => (await heartbeatAgeMs(VICTIM)) > NEARLY_DEAD_MS, { what: 'the heartbeat to grow old' });
  await Promise.all(SURVIVORS.map((id) => region.aggregator(id).pause()));
  const dead = await eventually(
    async () => {
      const report = await region.pending();
      return ofVictim(report).every(({ alive }) => !alive) && report;
    },
    { what: 'the killed aggregator to be shown as not alive' },
  );
  expect(ofVictim(dead).reduce((entries, row) => entries + row.entries, 0)).toBe(held.length);
  for (const { owner, heartbeatAgeMs, missingEntries } of ofVictim(dead)) {
    expect(SURVIVORS).toContain(owner);
    expect(heartbeatAgeMs).toBeGreaterThan(5_000);
    expect(missingEntries).toBe(0);
  }
  expectBalanced(await region.books());
});

test('after: the others took its entries over, nothing is pending, and both InfluxDBs are exact', async () => {
  await Promise.all(SURVIVORS.map((id) => region.aggregator(id).resume()));
  await sendSome(waiting.length);
  expect(sentLines / traffic.oracle.events).toBeGreaterThan(1.2);
  const books = await region.untilFolded(sentLines, 30_000);
  expect(books).toMatchObject({
    counted: traffic.oracle.events,
    duplicate: sentLines - traffic.oracle.events,
    dead: {},
  });
  await region.untilPoints(traffic.oracle.points());
  await expectNothingWaiting();
  expect(await owners()).toEqual(new Set(SURVIVORS));
  expect(await region.aggregatorMetric('weir_aggregator_entries_claimed_total')).toBeGreaterThan(0);
  expect(await region.aggregatorMetric('weir_aggregator_entries_lost_total')).toBe(0);
});

async function sendSome(requests: number): Promise<void> {
  sentLines += await sendRequests(region.relays, waiting.splice(0, requests));
}

/**
 * A frozen aggregator has waiting reads in Redis, which get what comes next; unless they all ended just before. Then it
 * goes on for a moment, and is frozen again.
 */
async function freezeWithPendingEntries(): Promise<string[]> {
  const victim = region.aggregator(VICTIM);
  return eventually(
    async () => {
      await victim.pause();
      await sendSome(10);
      const held = await pendingIds(VICTIM);
      if (held.length > 0) return held;
      await victim.resume();
      return undefined;
    },
    { what: 'the frozen aggregator to hold entries' },
  );
}

async function pendingIds(consumer: string): Promise<string[]> {
  const pages = await Promise.all(
    Array.from({ length: PARTITIONS }, async (_, partition) => {
      const { stream } = partitionKeys(region.name, partition);
      const rows = await region.client.xpending(stream, CONSUMER_GROUP, '-', '+', 1_000, consumer);
      return (rows as [string][]).map(([id]) => `${partition} ${id}`);
    }),
  );
  return pages.flat();
}

async function heartbeatAgeMs(id: string): Promise<number> {
  const field = (await region.client.hget(aggregatorsKey(region.name), id)) ?? '';
  const [seconds] = await region.client.time();
  return Number(seconds) * 1_000 - Number(field.split(' ')[2]);
}

async function owners(): Promise<Set<string | null>> {
  return new Set((await region.lag()).partitions.map(({ owner }) => owner));
}

function ofVictim({ consumers }: PendingReport) {
  return consumers.filter(({ consumer }) => consumer === VICTIM);
}

async function expectNothingWaiting(): Promise<void> {
  expect((await region.lag()).totals).toMatchObject({
    lagEntries: 0,
    lagEvents: 0,
    undeliveredEvents: 0,
    lagSeconds: 0,
    pendingEntries: 0,
    pendingEvents: 0,
    oldestPendingIdleMs: null,
  });
  const pending = await region.pending();
  expect(pending.consumers).toEqual([]);
  expect(pending.totals).toEqual({ entries: 0, events: 0, missingEntries: 0 });
}
