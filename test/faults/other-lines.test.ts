import { setTimeout as sleep } from 'node:timers/promises';
import { partitionKeys } from '@weir/common/keys';
import { sendUntilTaken } from '../support/client.ts';
import { eventually, eventuallyHolds } from '../support/eventually.ts';
import { PARTITIONS, type Region, startRegion } from '../support/region.ts';

/**
 * Other lines under the faults that events survive: whatever was answered 204 is in both InfluxDBs in the end, each point
 * with its value. Every line is a point of its own, so nothing is overwritten and at least once looks like once.
 */
const HOSTS = 40;
let region: Region;
let sent: string[];

beforeEach(async () => {
  region = await startRegion({ relays: 2, aggregators: 3 });
  sent = [];
});

/** Requests of one line per host, a step of time each, until told to stop; both relays in turn, retried like a client does. */
function keepSending(): { stop: () => Promise<void> } {
  let stopped = false;
  const run = async () => {
    for (let step = 1; !stopped; step++) {
      const lines = Array.from({ length: HOSTS }, (_, host) => `cpu,host=h${host} load=${step}i ${step}`);
      const { relays } = region;
      await sendUntilTaken(step % 2 === 0 ? relays : [...relays].reverse(), lines);
      sent.push(...lines);
      await sleep(10);
    }
  };
  const running = run();
  return {
    stop: async () => {
      stopped = true;
      await running;
    },
  };
}

async function expectAllHeld(): Promise<void> {
  expect(sent.length).toBeGreaterThan(HOSTS * 10);
  const expected = [...new Set(sent)].sort();
  await eventuallyHolds(
    async () => {
      for (const influxd of region.influxds) {
        const held = await influxd.points(region.name, ['cpu']);
        expect(held.length).toBe(expected.length);
        expect(held).toEqual(expected);
      }
    },
    { what: 'every line in both InfluxDBs', timeoutMs: 30_000 },
  );
  const entries = async () => {
    const lengths = Array.from({ length: PARTITIONS }, (_, p) =>
      region.client.xlen(partitionKeys(region.name, p).others),
    );
    return (await Promise.all(lengths)).reduce((sum, length) => sum + length, 0);
  };
  await eventually(async () => (await entries()) === 0, { what: 'the streams to be trimmed', timeoutMs: 15_000 });
}

test('an aggregator and a relay that are killed lose none', async () => {
  const client = keepSending();
  await sleep(500);
  await region.aggregator('aggregator-2').kill();
  await sleep(500);
  await region.relay('relay-1').kill();
  await region.startRelay('relay-1');
  await sleep(1_000);
  await client.stop();
  await expectAllHeld();
});

test('a Redis that is killed and comes back loses none', async () => {
  const client = keepSending();
  await sleep(500);
  await region.redis.kill();
  await sleep(1_500);
  await region.redis.start();
  await sleep(1_000);
  await client.stop();
  await expectAllHeld();
});

test('a Redis that forgets everything gets it again from the relays', async () => {
  await region.influxds[1]!.stop();
  const client = keepSending();
  await sleep(1_000);
  await region.client.flushall();
  await sleep(1_500);
  await client.stop();
  await region.influxds[1]!.start();
  await expectAllHeld();
});

test('an aggregator that froze with lines in hand, and one that stops in the middle, lose none', async () => {
  const client = keepSending();
  await sleep(500);
  await region.aggregator('aggregator-1').pause();
  await sleep(7_000);
  await region.aggregator('aggregator-3').stop();
  await sleep(500);
  await region.aggregator('aggregator-1').resume();
  await sleep(500);
  await client.stop();
  await expectAllHeld();
});
