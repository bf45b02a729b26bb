import { CONSUMER_GROUP, partitionKeys } from '@weir/common/keys';
import { cleanup } from '../support/cleanup.ts';
import { sendRequests } from '../support/client.ts';
import { Daemon, type DaemonName, startProgram } from '../support/daemon.ts';
import { eventually, eventuallyHolds } from '../support/eventually.ts';
import { freePort } from '../support/free-port.ts';
import { startRedis } from '../support/redis-server.ts';
import { PARTITIONS, type Region, startRegion } from '../support/region.ts';
import { tempDir } from '../support/temp-dir.ts';
import { makeTraffic } from '../support/traffic.ts';

/** How the daemons behave towards those who run them: health, metrics, a Redis that goes and comes, the end. */
const DRAINED_WITHIN_MS = 10_000;

describe('health', () => {
  let region: Region;

  beforeAll(async () => {
    region = await startRegion({ relays: 1, aggregators: 1 });
  });

  test.each(['/livez', '/readyz', '/healthz'])('%s of both daemons passes', async (path) => {
    for (const daemon of daemons(region)) {
      const response = await daemon.get(path);
      expect(response.status).toBe(200);
      expect(await response.json()).toMatchObject({ status: 'pass' });
    }
  });

  test('/metrics of both daemons is in Prometheus text format, with help for every metric of ours', async () => {
    for (const daemon of daemons(region)) {
      const response = await daemon.get('/metrics');
      expect(response.headers.get('content-type')).toMatch(/^text\/plain; version=0\.0\.4/);
      const lines = (await response.text()).split('\n');
      const ours = lines.filter((line) => /^weir_(relay|aggregator)_\w+(\{.*\})? [0-9.e+-]+$/.test(line));
      expect(ours.length).toBeGreaterThan(5);
      for (const sample of ours) {
        const name = /^\w+?(?=(_bucket|_sum|_count)?[{ ])/.exec(sample)![0];
        expect(lines.some((line) => line.startsWith(`# HELP ${name} `))).toBe(true);
      }
    }
  });

  test('while Redis is away both are alive and not ready, and ready again once it is back', async () => {
    await region.redis.kill();
    await untilStatus(daemons(region), '/readyz', 503);
    for (const daemon of daemons(region)) expect((await daemon.get('/livez')).status).toBe(200);
    await untilStatus(daemons(region), '/healthz', 503);
    await region.redis.start();
    await untilStatus(daemons(region), '/readyz', 200);
  });
});

test('started while Redis is away, both daemons say that they wait, are not ready, and come up when it comes', async () => {
  const redis = await startRedis();
  await redis.stop();
  const [relayHttp, aggregatorHttp] = [`127.0.0.1:${await freePort()}`, `127.0.0.1:${await freePort()}`];
  const place = ['--redis', redis.url];
  const waiting = [
    { http: relayHttp, daemon: await begin('weir-relay', [...place, '--http', relayHttp, '--udp', '127.0.0.1:0']) },
    { http: aggregatorHttp, daemon: await begin('weir-aggregator', [...place, '--http', aggregatorHttp]) },
  ];
  for (const { http, daemon } of waiting) {
    await eventually(() => daemon.logged('waiting for Redis'), { what: `${daemon.name} to say that it waits` });
    expect((await fetch(`http://${http}/livez`)).status).toBe(200);
    expect((await fetch(`http://${http}/readyz`)).status).toBe(503);
    expect(daemon.logged('ready')).toBeUndefined();
  }
  await redis.start();
  for (const { daemon } of waiting) await daemon.untilReady();
  for (const { daemon } of waiting) await daemon.stop();
});

test('SIGTERM in the middle of traffic: both end with 0 in time, and nothing is lost or left pending', async () => {
  const region = await startRegion({ relays: 2, aggregators: 2 });
  const traffic = makeTraffic({ seed: 7, events: 20_000, windows: 3, linesPerRequest: 100, repeats: 0.1 });
  const half = traffic.requests.length / 2;
  const sending = sendRequests(region.relays, traffic.requests.slice(0, half));
  await eventually(async () => (await region.totals()).counted > 0, { what: 'the first fold', everyMs: 5 });

  const startedMs = performance.now();
  const stopped = Promise.all([region.relay('relay-1').stop(), stopWithNothingPending(region, 'aggregator-1')]);
  const sendingOn = sendRequests(region.relays, traffic.requests.slice(half));
  await stopped;
  expect(performance.now() - startedMs).toBeLessThan(DRAINED_WITHIN_MS);

  await Promise.all([sending, sendingOn]);
  const folded = { counted: traffic.oracle.events, unfolded: 0, dead: {} };
  await eventuallyHolds(async () => expect(await region.totals()).toMatchObject(folded), { what: 'all to be folded' });
  await region.untilPoints(traffic.oracle.points());
});

async function stopWithNothingPending(region: Region, id: string): Promise<void> {
  await region.aggregator(id).stop();
  // At once: the other has not had the time to take anything over.
  for (let partition = 0; partition < PARTITIONS; partition++) {
    const { stream } = partitionKeys(region.name, partition);
    expect(await region.client.xpending(stream, CONSUMER_GROUP, '-', '+', 10, id)).toEqual([]);
  }
}

/** Starts it without waiting for ready. */
async function begin(name: DaemonName, args: readonly string[]): Promise<Daemon> {
  const data = name === 'weir-relay' ? ['--data', await tempDir('relay')] : [];
  const daemon = new Daemon(name, await startProgram(name, [...args, ...data], {}));
  cleanup(name, () => daemon.takeDown());
  return daemon;
}

function daemons(region: Region): Daemon[] {
  return [...region.relays, ...region.aggregators];
}

async function untilStatus(all: readonly Daemon[], path: string, status: number): Promise<void> {
  await eventuallyHolds(
    async () => {
      for (const daemon of all) expect((await daemon.get(path)).status).toBe(status);
    },
    { what: `${path} to answer ${status}` },
  );
}
