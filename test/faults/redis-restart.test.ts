import { CONSUMER_GROUP, deploymentKey, partitionKeys } from '@weir/common/keys';
import { send, sendRequests } from '../support/client.ts';
import { eventually, eventuallyHolds } from '../support/eventually.ts';
import { PARTITIONS, type Region, startRegion } from '../support/region.ts';
import { TotalsWatch } from '../support/totals-watch.ts';
import { FROM_SEC, makeTraffic } from '../support/traffic.ts';

/** Redis goes and comes back, with all it knew or with nothing; the daemons are left to find their way by themselves. */
const TRAFFIC = { events: 10_000, windows: 3, linesPerRequest: 100, repeats: 0.1 };
const RECOVERED_WITHIN_MS = 30_000;

test('Redis killed and started again under traffic: the totals are exact, and nothing stays pending', async () => {
  const region = await startRegion();
  const { requests, oracle } = makeTraffic({ seed: 1, ...TRAFFIC });
  const half = requests.length / 2;
  await sendRequests(region.relays, requests.slice(0, half));
  const sending = sendRequests(region.relays, requests.slice(half));
  await region.redis.kill();
  await region.redis.start();
  await sending;
  await untilCounted(region, oracle.events);
  await region.untilPoints(oracle.points());
  await eventuallyHolds(
    async () => expect((await region.pending()).totals).toEqual({ entries: 0, events: 0, missingEntries: 0 }),
    { timeoutMs: RECOVERED_WITHIN_MS, what: 'nothing to be pending' },
  );
});

test('FLUSHALL under traffic: relays send again what Redis lost, and no point ever becomes smaller', async () => {
  const region = await startRegion();
  const { requests, oracle } = makeTraffic({ seed: 2, ...TRAFFIC });
  const half = requests.length / 2;
  await sendRequests(region.relays, requests.slice(0, half));
  await eventually(async () => (await region.points()).every((points) => points.length > 0), { what: 'first points' });
  const watch = new TotalsWatch(region);
  const sending = sendRequests(region.relays, requests.slice(half));
  await forgetAll(region);
  await sending;
  await untilCounted(region, oracle.events);
  await region.untilPoints(oracle.points());
  await watch.stop();
  expect(watch.regressions).toEqual([]);
  // Each of them looks by itself, and the numbers may be right before the last of them has.
  await eventuallyHolds(
    async () =>
      expect(await region.aggregatorMetric('weir_aggregator_redis_rollbacks_total')).toBe(region.aggregators.length),
    { timeoutMs: RECOVERED_WITHIN_MS, what: 'every aggregator to notice what was lost, once' },
  );
  await expectAgreedAgain(region);
});

test('FLUSHALL of what no relay holds any more: sinks keep the larger values, and new events count', async () => {
  const region = await startRegion();
  const { requests, oracle } = makeTraffic({ seed: 3, events: 2_000, windows: 2, linesPerRequest: 100, repeats: 0.1 });
  const old = requests.flat().filter(isOld);
  const fresh = requests.flat().filter((line) => !isOld(line));
  await send(region.relays[0]!, old);
  await region.untilPoints(oracle.points().filter(isOld));
  for (const id of ['relay-1', 'relay-2']) {
    await region.relay(id).stop();
    await region.startRelay(id, [], 'fresh');
  }
  const watch = new TotalsWatch(region);
  await forgetAll(region);
  await send(region.relays[0]!, old.slice(0, 10));
  await send(region.relays[1]!, fresh);
  for (const sink of ['az1', 'az2']) {
    const sample = `weir_aggregator_sink_points_shrunk_total{sink="${sink}"}`;
    await eventually(async () => (await region.aggregatorMetric(sample)) > 0, {
      timeoutMs: RECOVERED_WITHIN_MS,
      what: `smaller totals to be noticed for ${sink}`,
    });
  }
  await region.untilPoints(oracle.points());
  await expectAgreedAgain(region);

  // The clients still have what Redis and the relays lost.
  await send(region.relays[1]!, old);
  await untilCounted(region, oracle.events);
  await region.untilPoints(oracle.points());
  await watch.stop();
  expect(watch.regressions).toEqual([]);
});

/** Everything there is, scripts too. */
async function forgetAll({ client }: Region): Promise<void> {
  const replies = await client.multi().flushall().script('FLUSH').exec();
  expect(replies).toEqual([
    [null, 'OK'],
    [null, 'OK'],
  ]);
}

async function untilCounted(region: Region, events: number): Promise<void> {
  await eventuallyHolds(
    async () => expect(await region.totals()).toMatchObject({ counted: events, unfolded: 0, dead: {} }),
    { timeoutMs: RECOVERED_WITHIN_MS, what: `${events} events to be counted and nothing more` },
  );
}

/** The record of the deployment and the consumer groups are there again; the numbers may be right before. */
async function expectAgreedAgain({ client, name }: Region): Promise<void> {
  const agreed = { partitions: String(PARTITIONS), sinks: 'az1,az2' };
  await eventuallyHolds(
    async () => {
      expect(await client.hgetall(deploymentKey(name))).toMatchObject(agreed);
      for (let partition = 0; partition < PARTITIONS; partition++) {
        const groups = (await client.xinfo('GROUPS', partitionKeys(name, partition).stream)) as unknown[][];
        expect(groups.map((group) => group[group.indexOf('name') + 1])).toEqual([CONSUMER_GROUP]);
      }
    },
    { timeoutMs: RECOVERED_WITHIN_MS, what: 'the deployment to be agreed again' },
  );
}

/** A line, or a point, of the first of the traffic's windows. */
function isOld(text: string): boolean {
  return BigInt(text.slice(text.lastIndexOf(' ') + 1)) < (FROM_SEC + 60n) * 1_000_000_000n;
}
