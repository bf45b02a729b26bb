import { partitionKeys, relaysKey } from '@weir/common/keys';
import { send, sendRequests } from '../support/client.ts';
import { eventually, eventuallyHolds } from '../support/eventually.ts';
import { PARTITIONS, type Region, startRegion } from '../support/region.ts';
import { makeTraffic } from '../support/traffic.ts';

/**
 * Redis at its `maxmemory`: what comes in stays in the journals and nothing that waits is acked, what goes out goes on and
 * makes room. The limit is set below what Redis uses at the moment, by more than its buffers come and go.
 */
const TRAFFIC = { events: 60_000, windows: 3, linesPerRequest: 500, repeats: 0.1 };
const PATIENCE = { timeoutMs: 45_000 };

test('with nothing waiting: writing, sealing and settling go on, and make room for more', async () => {
  const region = await startRegion({ aggregatorSettings: ['--lateness', '2s', '--final-keep', '1s'] });
  // A relay that owes something keeps the windows from being sealed until Redis is full.
  await region.client.hset(relaysKey(region.name), 'owes', `ffffffffffffffff 1 ${Date.now()} 1`);
  const { requests, oracle } = makeTraffic({ seed: 4, ...TRAFFIC });
  const sent = await sendRequests(region.relays, requests);
  await region.untilFolded(sent);
  await untilTrimmed(region);
  const limitBytes = await fill(region, 400_000);
  await expect(region.client.set('more', 'does not fit')).rejects.toThrow('OOM');
  expect(await region.aggregatorMetric('weir_aggregator_windows_sealed_total')).toBe(0);
  await region.client.hdel(relaysKey(region.name), 'owes');
  await eventuallyHolds(
    async () => expect(await region.aggregatorMetric('weir_aggregator_windows_sealed_total')).toBe(TRAFFIC.windows),
    { ...PATIENCE, what: 'every window to be sealed' },
  );
  await region.untilPoints(oracle.points(), PATIENCE.timeoutMs);
  await eventually(async () => (await usedBytes(region)) < limitBytes, { ...PATIENCE, what: 'room in Redis' });
  await send(region.relays[0]!, requests[0]!);
  // They come again, and late.
  await region.untilFolded(sent + requests[0]!.length);
  await region.untilPoints(oracle.points());
});

test('with entries waiting: none is acked unfolded, nobody spins, it is shown, and given memory everything drains', async () => {
  const region = await startRegion();
  const { requests, oracle } = makeTraffic({ seed: 5, ...TRAFFIC });
  const half = requests.length / 2;
  const first = await sendRequests(region.relays, requests.slice(0, half));
  const { counted } = await region.untilFolded(first);
  await untilTrimmed(region);
  await Promise.all(region.aggregators.map((daemon) => daemon.pause()));
  const second = await sendRequests(region.relays, requests.slice(half));
  await fill(region, 1_500_000);
  await Promise.all(region.aggregators.map((daemon) => daemon.resume()));

  const refusals = 'weir_aggregator_redis_faults_total{code="redis-oom"}';
  await eventually(async () => (await region.aggregatorMetric(refusals)) >= 4 * PARTITIONS, {
    ...PATIENCE,
    what: 'folds to be refused many times',
  });
  expect(await region.totals()).toMatchObject({ received: first + second, counted });
  // What comes in is in the relay's journal and not in Redis.
  await send(region.relays[0]!, requests[0]!);
  expect(await region.totals()).toMatchObject({ received: first + second, counted });
  const states = await Promise.all(region.aggregators.map((daemon) => daemon.get('/readyz')));
  expect(states.map(({ status }) => status)).toEqual(region.aggregators.map(() => 503));
  expect(await states[0]!.json()).toMatchObject({
    checks: { redis: { ok: true }, folding: { ok: false, detail: expect.stringContaining('redis-oom') } },
  });
  // Said when it begins, and not with every try.
  const warnings = region.aggregators.flatMap(({ logs }) => logs.filter((line) => line.err !== undefined));
  expect(warnings.length).toBeGreaterThan(0);
  expect(warnings.length).toBeLessThanOrEqual(2 * PARTITIONS);
  expect(await region.aggregatorMetric('weir_aggregator_partitions_interrupted')).toBe(PARTITIONS);

  await region.client.config('SET', 'maxmemory', '0');
  await eventuallyHolds(
    async () =>
      expect(await region.totals()).toMatchObject({
        received: first + second + requests[0]!.length,
        counted: oracle.events,
        unfolded: 0,
        dead: {},
      }),
    { ...PATIENCE, what: 'everything to be appended and folded' },
  );
  await region.untilPoints(oracle.points());
  for (const daemon of region.aggregators) expect((await daemon.get('/readyz')).status).toBe(200);
  expect((await region.pending()).totals).toMatchObject({ entries: 0 });
});

async function usedBytes({ client }: Region): Promise<number> {
  return Number(/^used_memory:(\d+)/m.exec(await client.info('memory'))![1]);
}

/** From now on Redis is full: it uses so many bytes more than it may. */
async function fill(region: Region, overBytes: number): Promise<number> {
  const limitBytes = (await usedBytes(region)) - overBytes;
  await region.client.config('SET', 'maxmemory', String(limitBytes));
  return limitBytes;
}

/** Until the streams take no memory any more that is free in a moment. */
async function untilTrimmed({ client, name }: Region): Promise<void> {
  const streams = Array.from({ length: PARTITIONS }, (_, partition) => partitionKeys(name, partition).stream);
  await eventuallyHolds(
    async () => expect(await Promise.all(streams.map((stream) => client.xlen(stream)))).toEqual(streams.map(() => 0)),
    { what: 'the streams to be trimmed' },
  );
}
