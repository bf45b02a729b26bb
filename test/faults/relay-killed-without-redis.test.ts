import { sendRequests } from '../support/client.ts';
import { eventuallyHolds } from '../support/eventually.ts';
import { type Region, startRegion } from '../support/region.ts';
import { TotalsWatch } from '../support/totals-watch.ts';
import { makeTraffic } from '../support/traffic.ts';

/** Relays die with lines that they have answered for and Redis does not have; nothing but their disks knows of them. */
const TRAFFIC = { events: 10_000, windows: 3, linesPerRequest: 100, repeats: 0.1 };
const RECOVERED_WITHIN_MS = 30_000;
const RELAYS = ['relay-1', 'relay-2'];

test('both relays killed while Redis is away, twice: everything answered 204 is counted exactly once', async () => {
  const region = await startRegion();
  const { requests, oracle } = makeTraffic({ seed: 11, ...TRAFFIC });
  const third = Math.ceil(requests.length / 3);
  await sendRequests(region.relays, requests.slice(0, third));
  await region.redis.kill();
  await sendRequests(region.relays, requests.slice(third, 2 * third));
  await killAndStart(region);
  await sendRequests(region.relays, requests.slice(2 * third));
  await killAndStart(region);
  await region.redis.start();
  await untilCounted(region, oracle.events);
  await region.untilPoints(oracle.points(), RECOVERED_WITHIN_MS);
  await untilDrained(region);
});

test('FLUSHALL after both relays were killed and started: they send again what they had been told was there', async () => {
  const region = await startRegion();
  const { requests, oracle } = makeTraffic({ seed: 12, ...TRAFFIC });
  await sendRequests(region.relays, requests);
  await untilCounted(region, oracle.events);
  await killAndStart(region);
  const watch = new TotalsWatch(region);
  await region.client.flushall();
  await untilCounted(region, oracle.events);
  await region.untilPoints(oracle.points(), RECOVERED_WITHIN_MS);
  await watch.stop();
  expect(watch.regressions).toEqual([]);
  await untilDrained(region);
});

async function killAndStart(region: Region): Promise<void> {
  for (const id of RELAYS) {
    await region.relay(id).kill();
    await region.startRelay(id);
  }
}

async function untilCounted(region: Region, events: number): Promise<void> {
  await eventuallyHolds(
    async () => expect(await region.totals()).toMatchObject({ counted: events, unfolded: 0, dead: {} }),
    { timeoutMs: RECOVERED_WITHIN_MS, what: `${events} events to be counted and nothing more` },
  );
}

async function untilDrained(region: Region): Promise<void> {
  await eventuallyHolds(
    async () => {
      for (const relay of region.relays) {
        expect(await relay.metric('weir_relay_journal_unconfirmed_bytes')).toBe(0);
        expect(await relay.metric('weir_relay_journal_gap_batches_total')).toBe(0);
      }
    },
    { timeoutMs: RECOVERED_WITHIN_MS, what: 'the journals to be drained' },
  );
}
