import { finalsKey, partitionKeys, refusedKeys, sinkWindowKey } from '@weir/common/keys';
import { bareLine } from '../../scripts/demo/made-up-events.ts';
import { send } from '../support/client.ts';
import { eventually, eventuallyHolds } from '../support/eventually.ts';
import { type Influxd, startInfluxd } from '../support/influxd.ts';
import { Oracle } from '../support/oracle.ts';
import { type RedisServer, startRedis } from '../support/redis-server.ts';
import { PARTITIONS, type Region, startRegion } from '../support/region.ts';
import { type SinkProxy, startSinkProxy } from '../support/sink-proxy.ts';
import { TotalsWatch } from '../support/totals-watch.ts';

/**
 * Two zones, and a proxy before the InfluxDB of the second that misbehaves in every way a sink can. Each time: the
 * first zone gets every correction while the second is at it; nothing counts for the second but a confirmed write; and
 * once it is well, both hold exactly the same, without anybody's help.
 */
const WINDOW = 1_478_507_520;
const CORRECTIONS = 4;
const TIMEOUT = '1s';

let redis: RedisServer;
let healthy: Influxd;
let hidden: Influxd;
let proxy: SinkProxy;
let names = 0;

beforeAll(async () => {
  [redis, healthy, hidden] = await Promise.all([startRedis(), startInfluxd(), startInfluxd()]);
});

beforeEach(async () => {
  proxy = await startSinkProxy({ upstream: hidden.url });
});

/** A region whose second sink is behind the proxy. The databases are made straight in the InfluxDBs. */
async function behindProxy(aggregatorSettings: readonly string[], gate = proxy): Promise<Region> {
  return startRegion({
    redis,
    influxds: [healthy, hidden],
    sinkUrls: [healthy.url, gate.url],
    sinkParameters: `&timeout=${TIMEOUT}`,
    name: `sinks-${++names}`,
    aggregatorSettings,
  });
}

let nanos = 0;

/** One more event of a few groups, so that every correction changes points in every window. */
async function correct({ relays }: Region, oracle: Oracle, windows = [WINDOW, WINDOW + 60]): Promise<void> {
  const lines = windows.flatMap((sec) =>
    ['web', 'app'].map((product) => {
      const timestamp = BigInt(sec) * 1_000_000_000n + BigInt(nanos++);
      const event = { product, eventType: 'http-5xx', username: `user-${nanos % 7}`, timestamp };
      oracle.add(event);
      return bareLine(event);
    }),
  );
  await send(relays[nanos % relays.length]!, lines);
}

async function untilHealthyHolds(region: Region, oracle: Oracle): Promise<void> {
  await eventuallyHolds(async () => expect(await healthy.points(region.name)).toEqual(oracle.points()), {
    what: 'the healthy sink to have the correction',
  });
}

/** What the second sink's books say it confirmed: by window and partition, the version. */
async function confirmedOf({ client, name }: Region): Promise<Record<string, string>> {
  const found: Record<string, string> = {};
  for (const startSec of [WINDOW, WINDOW + 60]) {
    for (const [field, version] of Object.entries(await client.hgetall(sinkWindowKey(name, 'az2', startSec)))) {
      if (field.startsWith('confirmed:')) found[`${startSec} ${field}`] = version;
    }
  }
  return found;
}

/** Until the second sink confirmed every partition at its last version. */
async function untilConfirmed(region: Region, timeoutMs = 15_000): Promise<Record<string, string>> {
  const latest: Record<string, string> = {};
  for (let partition = 0; partition < PARTITIONS; partition++) {
    const metas = await region.client.hgetall(partitionKeys(region.name, partition).windows);
    for (const [startSec, meta] of Object.entries(metas)) {
      latest[`${startSec} confirmed:${partition}`] = meta.split(' ').slice(0, 2).join(' ');
    }
  }
  await eventuallyHolds(async () => expect(await confirmedOf(region)).toEqual(latest), {
    timeoutMs,
    what: 'every confirmation',
  });
  return latest;
}

const failures = async (region: Region, code: string): Promise<number> =>
  region.aggregatorMetric(`weir_aggregator_sink_failures_total{sink="az2",code="${code}"}`);

const away: [string, string, (told: SinkProxy) => unknown][] = [
  ['refuses connections', 'sink-unreachable', (told) => told.refuseConnections()],
  ['answers 503', 'sink-unavailable', (told) => told.behave('all', { kind: 'answer', status: 503 })],
  ['answers 500', 'sink-unavailable', (told) => told.behave('all', { kind: 'answer', status: 500 })],
  ['answers 401', 'sink-unauthorized', (told) => told.behave('all', { kind: 'answer', status: 401 })],
  ['hangs', 'sink-timeout', (told) => told.behave('all', { kind: 'hang' })],
  ['drips its answers to writes', 'sink-timeout', (told) => told.behave('write', { kind: 'drip', everyMs: 100 })],
  ['resets writes before they arrive', 'sink-unreachable', (told) => told.behave('write', { kind: 'reset-before' })],
  [
    'answers no write, and applies each later',
    'sink-timeout',
    (told) => told.behave('write', { kind: 'forward-late' }),
  ],
];

describe('a sink that', () => {
  const oracle = new Oracle();
  let region: Region;
  let gate: SinkProxy;

  beforeAll(async () => {
    gate = await startSinkProxy({ upstream: hidden.url });
    region = await behindProxy([], gate);
  });

  test.each(away)('%s: the other is on time, and no write counts that was not confirmed', async (_, code, tell) => {
    await correct(region, oracle);
    await region.untilPoints(oracle.points());
    const watch = new TotalsWatch(region);
    const before = await untilConfirmed(region);
    const failed = await failures(region, code);
    await tell(gate);
    for (let i = 0; i < CORRECTIONS; i++) {
      await correct(region, oracle);
      await untilHealthyHolds(region, oracle);
    }
    await eventually(async () => (await failures(region, code)) >= failed + 2, { what: `failures by ${code}` });
    expect(await confirmedOf(region)).toEqual(before);

    await gate.heal();
    await region.untilPoints(oracle.points(), 30_000);
    await untilConfirmed(region);
    await watch.stop();
    expect(watch.regressions).toEqual([]);
    expect((await region.totals()).unfolded).toBe(0);
  });

  test('resets every write after it was applied: each is found there by reading back, and only then counts', async () => {
    await correct(region, oracle);
    await region.untilPoints(oracle.points());
    await untilConfirmed(region);
    gate.forgetSeen();
    gate.behave('write', { kind: 'reset-after' });
    for (let i = 0; i < CORRECTIONS; i++) {
      await correct(region, oracle);
      await untilHealthyHolds(region, oracle);
    }
    await region.untilPoints(oracle.points(), 30_000);
    await untilConfirmed(region, 30_000);
    const { write, query } = gate.seen;
    expect(write.by).toEqual({ 'reset-after': write.requests });
    expect(Math.min(write.applied, query.requests)).toBeGreaterThan(0);
    await gate.heal();
  });
});

test('a write that was given up and lands late, over what was confirmed since, does not stay', async () => {
  const region = await behindProxy(['--lateness', '4s', '--final-keep', '12s']);
  const oracle = new Oracle();
  await correct(region, oracle);
  await region.untilPoints(oracle.points());
  proxy.behave('write', { kind: 'forward-late' });
  await correct(region, oracle);
  await eventually(() => proxy.late > 0, { what: 'a write to be held' });
  await proxy.heal();
  await correct(region, oracle);
  await region.untilPoints(oracle.points(), 30_000);
  proxy.landLate();
  await eventually(() => proxy.late === 0, { what: 'the late write to land' });
  // When the windows are settled, or looked at again after that.
  await eventuallyHolds(
    async () => {
      const settled = 'weir_aggregator_sink_windows_settled_total{sink="az2"}';
      expect(await region.aggregatorMetric(settled)).toBeGreaterThanOrEqual(2);
      expect(await region.client.zcard(finalsKey(region.name))).toBe(0);
    },
    { timeoutMs: 45_000, what: 'the windows to be settled and done with' },
  );
  await region.untilPoints(oracle.points());
});

test('a sink that refuses points for good: the others are written, it is counted and said, and no window waits', async () => {
  const region = await behindProxy(['--lateness', '3s']);
  const oracle = new Oracle();
  const bad = 'unique_user_event,event_type=http-5xx,product=web ';
  proxy.behave('write', { kind: 'refuse-lines', refuses: (line) => line.startsWith(bad) });
  await correct(region, oracle);
  const good = () => oracle.points().filter((line) => !line.startsWith(bad));
  await eventuallyHolds(async () => expect(await hidden.points(region.name)).toEqual(good()), { what: 'good points' });
  await untilHealthyHolds(region, oracle);
  await untilConfirmed(region);
  expect(await region.aggregatorMetric('weir_aggregator_sink_points_rejected_total{sink="az2"}')).toBeGreaterThan(0);
  expect(await region.aggregatorMetric('weir_aggregator_sink_points_rejected_total{sink="az1"}')).toBe(0);
  const logs = region.aggregators.flatMap((daemon) => daemon.logs);
  expect(logs.find(({ msg }) => msg.startsWith('the sink refuses some points'))).toMatchObject({
    sink: 'az2',
    refused: [{ line: expect.stringMatching(`^${bad}`), reason: expect.stringContaining('partial') }],
  });
  const shown = await Promise.all(region.aggregators.map(async (daemon) => (await daemon.get('/readyz')).text()));
  expect(shown.join()).toMatch(/az2: well, refused \d+ points for good/);

  // Sealed, and the cause removed: the point is tried once more when the window is settled.
  await proxy.heal();
  await region.untilPoints(oracle.points(), 30_000);
});

test('what a sink refuses for good is kept, each point once, however often it is tried', async () => {
  const region = await behindProxy(['--lateness', '10s', '--final-keep', '2s']);
  const oracle = new Oracle();
  const bad = 'cumulative_user_event,event_type=http-5xx,product=web ';
  proxy.behave('write', { kind: 'refuse-lines', refuses: (line) => line.startsWith(bad) });
  const { letters } = refusedKeys(region.name);
  const kept = async () => (await region.client.xrange(letters, '-', '+')).map(([, fields]) => fields);
  await correct(region, oracle);
  // Not until it is confirmed: that is forgotten again once the window is sealed.
  await eventually(async () => (await kept()).length >= 2, { what: 'the first values to be refused' });
  // Each value of a point is a point of its own.
  await correct(region, oracle);
  const last = oracle.points().filter((line) => line.startsWith(bad));
  expect(last).toHaveLength(2);
  await eventuallyHolds(
    async () => {
      expect((await kept()).map((fields) => fields[5])).toEqual(expect.arrayContaining(last));
      expect(await region.client.zcard(finalsKey(region.name))).toBe(0);
      const settled = 'weir_aggregator_sink_windows_settled_total{sink="az2"}';
      expect(await region.aggregatorMetric(settled)).toBeGreaterThanOrEqual(2);
    },
    { timeoutMs: 45_000, what: 'the windows to be flushed, settled, checked and done with' },
  );
  const all = await kept();
  const lines = all.map((fields) => fields[5]);
  expect(new Set(lines).size).toBe(lines.length);
  expect(lines.length).toBeLessThanOrEqual(4);
  expect(all[0]).toEqual(
    expect.arrayContaining(['sink', 'az2', 'kind', 'totals', expect.stringMatching(/^partial write/)]),
  );
  expect(await region.aggregatorMetric('weir_aggregator_refused_total{sink="az2",kind="totals"}')).toBe(lines.length);
  // It was tried when the windows were settled, and when they were looked at again.
  const tries = await region.aggregatorMetric('weir_aggregator_sink_points_rejected_total{sink="az2"}');
  expect(tries).toBeGreaterThanOrEqual(lines.length + 4);
  const shown = 'weir_aggregator_refused_letters';
  await eventuallyHolds(
    async () => expect(await region.aggregatorMetric(shown)).toBe(lines.length * region.aggregators.length),
    { what: 'the letters to be shown by every aggregator' },
  );
});

test('a sink that is away while windows are sealed gets them from their final records when it is back', async () => {
  const region = await behindProxy(['--lateness', '2s', '--final-keep', '5s']);
  const oracle = new Oracle();
  await proxy.refuseConnections();
  const windows = Array.from({ length: 12 }, (_, i) => WINDOW + i * 60);
  await correct(region, oracle, windows);
  await eventuallyHolds(
    async () => expect(await region.aggregatorMetric('weir_aggregator_windows_sealed_total')).toBe(windows.length),
    { timeoutMs: 30_000, what: 'every window to be sealed' },
  );
  await untilHealthyHolds(region, oracle);
  await eventually(async () => (await region.aggregatorMetric('weir_aggregator_sink_away{sink="az2"}')) > 0, {
    what: 'the sink to be said to be away',
  });
  expect(await region.aggregatorMetric('weir_aggregator_sink_away{sink="az1"}')).toBe(0);
  expect(await hidden.points(region.name)).toEqual([]);
  await proxy.heal();
  await region.untilPoints(oracle.points(), 30_000);
  await eventuallyHolds(async () => expect(await region.client.zcard(finalsKey(region.name))).toBe(0), {
    timeoutMs: 30_000,
    what: 'the final records to go',
  });
});
