import { partitionKeys, refusedKeys } from '@weir/common/keys';
import { articleLines, articlePoints } from '../support/article.ts';
import { post, send, sendDatagram } from '../support/client.ts';
import type { Daemon } from '../support/daemon.ts';
import { eventually, eventuallyHolds } from '../support/eventually.ts';
import { type Influxd, startInfluxd } from '../support/influxd.ts';
import { type RedisServer, startRedis } from '../support/redis-server.ts';
import { PARTITIONS, type Region, startRegion } from '../support/region.ts';

/** Lines that are no user events, from clients through the real programs into two InfluxDBs. */
let redis: RedisServer;
let influxds: Influxd[];
beforeAll(async () => {
  [redis, ...influxds] = await Promise.all([startRedis(), startInfluxd(), startInfluxd()]);
});

async function region(name: string, options = {}): Promise<{ region: Region; one: Daemon; two: Daemon }> {
  const it = await startRegion({ redis, influxds, name, ...options });
  const [one, two] = it.relays as [Daemon, Daemon];
  return { region: it, one, two };
}

/** Waits until every InfluxDB holds exactly these points in these measurements. */
async function untilHeld(it: Region, measurements: readonly string[], expected: readonly string[]): Promise<void> {
  await eventuallyHolds(
    async () => {
      for (const influxd of it.influxds) expect(await influxd.points(it.name, measurements)).toEqual(expected);
    },
    { what: 'the other lines in every InfluxDB', timeoutMs: 15_000 },
  );
}

async function streamEntries(it: Region): Promise<number> {
  let entries = 0;
  for (let p = 0; p < PARTITIONS; p++) entries += await it.client.xlen(partitionKeys(it.name, p).others);
  return entries;
}

test('they reach every InfluxDB unchanged, beside the events of the same requests, over every door', async () => {
  const { region: it, one, two } = await region('doors');
  const lines = articleLines();
  await send(one, ['cpu,host=a,dc=eu load=0.5,cores=8i,up=true 1478507534415525888', ...lines.slice(0, 3)]);
  await send(two, [...lines.slice(3), 'cpu,dc=eu,host=a load=1 1478507534415525889'], {
    path: '/api/v2/write?org=weir&bucket=events',
  });
  await sendDatagram(one, ['my\\ disk,path=/var\\,x note="a \\"b\\" \\\\ c, d=e" -5']);
  await send(two, ['cpu,host=b load=2 1478507534'], { path: '/write?db=x&precision=s' });
  await untilHeld(
    it,
    ['cpu', 'my disk'],
    [
      'cpu,dc=eu,host=a cores=8i,load=0.5,up=true 1478507534415525888',
      'cpu,dc=eu,host=a load=1 1478507534415525889',
      'cpu,host=b load=2 1478507534000000000',
      'my\\ disk,path=/var\\,x note="a \\"b\\" \\\\ c, d=e" -5',
    ],
  );
  await it.untilPoints(articlePoints());
  expect(await it.totals()).toMatchObject({ received: 5, counted: 5 });
});

test('a line without a timestamp is a point of its own, with the time at which the relay took it', async () => {
  const { region: it, one } = await region('stamps');
  const fromMs = Date.now();
  await send(one, ['cpu load=1', 'cpu load=2', 'cpu load=3']);
  await eventuallyHolds(
    async () => {
      const points = await it.influxds[0]!.points(it.name, ['cpu']);
      expect(points.map((point) => point.split(' ')[1])).toEqual(['load=1', 'load=2', 'load=3']);
      for (const point of points) expect(Math.abs(Number(point.split(' ')[2]) / 1e6 - fromMs)).toBeLessThan(60_000);
    },
    { what: 'three points' },
  );
});

test('of two values for one point the later one holds in every InfluxDB, whatever came between', async () => {
  const { region: it, one } = await region('order');
  const rounds = 20;
  const hosts = Array.from({ length: 50 }, (_, i) => i);
  for (let round = 1; round <= rounds; round++) {
    await send(
      one,
      hosts.map((host) => `cpu,host=h${host} load=${round}i 1478507534415525888`),
    );
  }
  await untilHeld(it, ['cpu'], hosts.map((host) => `cpu,host=h${host} load=${rounds}i 1478507534415525888`).sort());
});

test('a line that an InfluxDB refuses costs nobody else, and is counted and kept for that one', async () => {
  const { region: it, one } = await region('refused');
  await it.influxds[0]!.write(it.name, ['cpu load="text" 1']);
  await send(one, ['cpu load=1 2', 'mem free=1 2', 'cpu load=2 3', 'mem free=2 3']);
  await eventuallyHolds(
    async () => {
      expect(await it.influxds[0]!.points(it.name, ['cpu', 'mem'])).toEqual([
        'cpu load="text" 1',
        'mem free=1 2',
        'mem free=2 3',
      ]);
      expect(await it.influxds[1]!.points(it.name, ['cpu', 'mem'])).toHaveLength(4);
    },
    { what: 'the good lines' },
  );
  const refused = (sink: string) => it.aggregatorMetric(`weir_aggregator_other_lines_refused_total{sink="${sink}"}`);
  await eventually(async () => (await refused('az1')) === 2, { what: 'the refused lines to be counted' });
  expect(await refused('az2')).toBe(0);
  await eventuallyHolds(
    async () => {
      const letters = await it.client.xrange(refusedKeys(it.name).letters, '-', '+');
      expect(letters.map(([, fields]) => fields.slice(0, 6))).toEqual([
        ['sink', 'az1', 'kind', 'line', 'line', 'cpu load=1 2'],
        ['sink', 'az1', 'kind', 'line', 'line', 'cpu load=2 3'],
      ]);
    },
    { what: 'the refused lines to be kept' },
  );
});

test('what every sink has leaves Redis, and waits for a sink that is away', async () => {
  const { region: it, one } = await region('trimmed');
  const waiting = (sink: string) => it.aggregatorMetric(`weir_aggregator_other_lines_waiting{sink="${sink}"}`);
  await send(one, ['cpu load=1 1']);
  await eventually(async () => (await streamEntries(it)) === 0, { what: 'the stream to be trimmed' });
  await it.influxds[1]!.stop();
  const lines = Array.from({ length: 40 }, (_, i) => `cpu,host=h${i} load=1 2`);
  await send(one, lines);
  await eventually(async () => (await waiting('az2')) === 40 && (await waiting('az1')) === 0, {
    what: '40 lines to wait for az2 alone',
  });
  expect(await it.influxds[0]!.points(it.name, ['cpu'])).toHaveLength(41);
  expect(await streamEntries(it)).toBeGreaterThan(0);
  await it.influxds[1]!.start();
  await untilHeld(it, ['cpu'], ['cpu load=1 1', ...lines].sort());
  await eventually(async () => (await streamEntries(it)) === 0, {
    what: 'the stream to be trimmed',
    timeoutMs: 10_000,
  });
  await eventually(async () => (await waiting('az2')) === 0, { what: 'nothing to wait' });
});

test('beyond --other-bytes the oldest are dropped for the sink that is away, which is counted and said', async () => {
  const bound = 1_048_576;
  const { region: it, one } = await region('bounded', { relaySettings: ['--other-bytes', String(bound)] });
  await send(one, ['cpu load=1 1']);
  await untilHeld(it, ['cpu'], ['cpu load=1 1']);
  await it.influxds[1]!.stop();
  // One series, so one partition: it may hold an eighth.
  const line = (i: number) => `note,id=one text="${'x'.repeat(4_000)}" ${i}`;
  const sent = 80;
  const heldBy = async (i: number) => (await it.influxds[i]!.points(it.name, ['note'])).length;
  for (let i = 0; i < sent; i += 10) {
    await send(
      one,
      Array.from({ length: 10 }, (_, j) => line(i + j)),
    );
    await eventually(async () => (await heldBy(0)) === i + 10, { what: 'them in the InfluxDB that is there' });
  }
  const dropped = () => it.aggregatorMetric('weir_aggregator_other_lines_dropped{sink="az2"}');
  const waiting = () => it.aggregatorMetric('weir_aggregator_other_lines_waiting{sink="az2"}');
  await eventually(async () => (await dropped()) > 0, { what: 'lines to be dropped' });
  await it.influxds[1]!.start();
  await eventually(async () => (await waiting()) === 0 && (await heldBy(1)) > 10, {
    what: 'the youngest in the InfluxDB that was away',
    timeoutMs: 15_000,
  });
  // What an aggregator had in hand when it was dropped is written all the same.
  expect(await heldBy(1)).toBeGreaterThanOrEqual(sent - (await dropped()));
  expect(await heldBy(1)).toBeLessThan(60);
  // Not the last one of the list, which is sorted as text.
  expect((await it.influxds[1]!.points(it.name, ['note'])).some((point) => point.endsWith(` ${sent - 1}`))).toBe(true);
  const logged = it.aggregators.some(({ logs }) => logs.some(({ msg }) => msg.startsWith('other lines dropped')));
  expect(logged).toBe(true);
});

test('switched off, they are rejected with a reason, and the events around them kept', async () => {
  const { region: it, one } = await region('off', { relaySettings: ['--other-lines', 'off'] });
  const response = await post(one, ['cpu load=1 1', articleLines()[0]!]);
  expect(response.status).toBe(400);
  expect(await response.json()).toMatchObject({ rejected: [{ line: 1, reason: 'other-line' }] });
  await it.untilFolded(1);
  expect(await streamEntries(it)).toBe(0);
});
