import { send } from '../support/client.ts';
import { eventually } from '../support/eventually.ts';
import { expectPublished } from '../support/published-schema.ts';
import { type Region, startRegion } from '../support/region.ts';
import { WeirAt } from '../support/weir-at.ts';

/** `weir verify` against a region that runs, whose points look otherwise than usual. */
let region: Region;
let weir: WeirAt;
const SEALED = 1_478_507_520;
const OPEN = SEALED + 60;
const GONE = OPEN + 60;
const ALL = ['--from', String(SEALED), '--to', String(GONE + 60)];
const KNOWN = ['--from', String(SEALED), '--to', String(GONE)];

beforeAll(async () => {
  const shape = ['--point-tags', 'region=eu', '--point-time', 'end'];
  region = await startRegion({ relays: 1, aggregators: 1, aggregatorSettings: shape });
  weir = new WeirAt(region);
  for (const sec of [SEALED, OPEN]) {
    const line = (type: string, user: string) => `event_type=${type},product=shop value=${user} ${sec}000000000`;
    await send(region.relays[0]!, [
      ...['ada', 'bob', 'eve'].map((user) => line('login', user)),
      ...['ada', 'bob'].map((user) => line('logout', user)),
    ]);
  }
  await region.untilPoints([...window(SEALED), ...window(OPEN)].sort());
  await weir.json('seal', String(SEALED), '--force', '--yes');
  await eventually(
    async () => {
      const { state, sinks } = (await weir.json('flush', String(SEALED), '--dry-run')).plan;
      return state === 'sealed' && sinks.every(({ written }: { written: boolean }) => written);
    },
    { what: 'the sealed window to be settled' },
  );
});

const point = (measurement: string, type: string, value: number, sec: number) =>
  `${measurement},event_type=${type},product=shop,region=eu value=${value} ${sec + 60}000000000`;
const events = (type: string, value: number, sec: number) => point('cumulative_user_event', type, value, sec);
const users = (type: string, value: number, sec: number) => point('unique_user_event', type, value, sec);
const window = (sec: number) => [
  events('login', 3, sec),
  events('logout', 2, sec),
  users('login', 3, sec),
  users('logout', 2, sec),
];

const sinks = (parameters = '') =>
  region.influxds.flatMap(({ url }, i) => ['--sink', `${url}?db=${region.name}&name=az${i + 1}${parameters}`]);

async function verify(...argv: string[]) {
  const { code, stdout, stderr } = await weir.run('verify', ...sinks(), '--json', ...argv);
  expectPublished('verify', stdout);
  return { code, stderr, report: JSON.parse(stdout) };
}

/** One point up and one down in az1, in each of the two windows. */
async function alter(): Promise<void> {
  const altered = [SEALED, OPEN].flatMap((sec) => [events('login', 9, sec), users('logout', 1, sec)]);
  await region.influxds[0]!.write(region.name, altered);
}

test('what is equal is equal, and nothing is written to it', async () => {
  const { code, stderr, report } = await verify(...KNOWN);
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  expect(report.plan).toMatchObject({ windows: 2, knownWindows: 2, values: 16, differentPoints: 0, differences: [] });
  expect((await verify(...KNOWN, '--repair', '--yes')).code).toBe(0);
});

test('points that were altered by hand are found, all of them and no others, and mended', async () => {
  await alter();
  const found = await verify(...KNOWN);
  expect({ code: found.code, stderr: found.stderr }).toEqual({ code: 1, stderr: 'weir verify: 4 points differ\n' });
  const { differences, repairs } = found.report.plan;
  const difference = (
    startSec: number,
    knownBy: string,
    measurement: string,
    type: string,
    value: number,
    truth: number,
  ) => ({
    ...{ startSec, measurement, eventType: type, product: 'shop', redis: truth, truth, knownBy, write: truth },
    sinks: [
      { sink: 'az1', value, repair: 'write' },
      { sink: 'az2', value: truth, repair: null },
    ],
  });
  const expected = [[SEALED, 'final'] as const, [OPEN, 'published'] as const].flatMap(([sec, knownBy]) => [
    difference(sec, knownBy, 'cumulative_user_event', 'login', 9, 3),
    difference(sec, knownBy, 'unique_user_event', 'logout', 1, 2),
  ]);
  expect(differences).toHaveLength(4);
  expect(differences).toEqual(expect.arrayContaining(expected));
  expect(repairs).toEqual({ windows: 2, values: 4 });

  const dry = await weir.run('verify', ...sinks(), ...KNOWN, '--repair', '--dry-run', '--utc');
  expect(dry.code).toBe(0);
  expect(dry.stdout).toContain('az1 to 3\n');
  expect(dry.stdout).toContain('4 values of 2 windows to be written\ndry run: nothing was changed\n');
  expect((await region.influxds[0]!.points(region.name)).join('\n')).toContain('value=9');

  const mended = await verify(...KNOWN, '--repair', '--yes');
  expect({ code: mended.code, stderr: mended.stderr }).toEqual({ code: 0, stderr: '' });
  expect(mended.report.outcome).toMatchObject({ windows: 2, values: 4, changedWindows: 0, missingValues: 0 });
  await region.untilPoints([...window(SEALED), ...window(OPEN)].sort());
  expect((await verify(...KNOWN)).code).toBe(0);
  expect((await region.ledger()).totals).toMatchObject({ balanced: true });
});

test('a window of which Redis knows nothing is left alone, unless somebody says that the larger value is right', async () => {
  for (const [i, value] of [5, 7].entries()) {
    await region.influxds[i]!.write(region.name, [events('login', value, GONE), users('login', 5, GONE)]);
  }
  const untouched = await region.points();
  const refused = await weir.run('verify', ...sinks(), ...ALL, '--repair', '--yes');
  expect({ code: refused.code, stderr: refused.stderr }).toEqual({
    code: 1,
    stderr: 'weir verify: nothing was done: nothing that differs is known to be mended by writing\n',
  });
  expect(refused.stdout).toContain('az1 stays: gone');
  expect(refused.stdout).toContain('the larger is right if nothing was altered by hand');
  expect(await region.points()).toEqual(untouched);

  const trusted = await verify(...ALL, '--repair', '--trust-larger', '--yes');
  expect(trusted).toMatchObject({ code: 0, report: { outcome: { windows: 1, values: 1 } } });
  const all = [...window(SEALED), ...window(OPEN), events('login', 7, GONE), users('login', 5, GONE)].sort();
  expect(await region.points()).toEqual([all, all]);
  expect((await verify(...ALL)).code).toBe(0);
});

test('a value that another sink bears out in nothing, and a group that nobody counted, stay', async () => {
  await Promise.all(region.influxds.map((influxd) => influxd.write(region.name, [events('login', 8, OPEN)])));
  await region.influxds[0]!.write(region.name, [events('made-up', 1, OPEN)]);
  const { code, report } = await verify(...KNOWN, '--repair', '--yes');
  expect(code).toBe(1);
  expect(report).toMatchObject({ outcome: null, plan: { left: { 'not-borne-out': 2, 'not-counted': 1 } } });
});

test('a sink that is away is said, and so are sinks that are none or that nobody named', async () => {
  await region.influxds[1]!.pause();
  const away = await weir.run('verify', ...sinks('&timeout=500ms'), '--from', String(SEALED), '--to', String(OPEN));
  await region.influxds[1]!.resume();
  expect({ code: away.code, stderr: away.stderr }).toEqual({ code: 1, stderr: 'weir verify: cannot be read: az2\n' });
  expect(away.stdout).toMatch(
    /^az2 cannot be read: sink-timeout: [^\n]+\n1 window from .* 4 values of az1 are equal\n$/,
  );

  const [, first] = sinks();
  const one = await weir.run('verify', '--sink', first!, '--from', String(SEALED), '--to', String(OPEN));
  expect({ code: one.code, out: one.stdout }).toMatchObject({
    code: 0,
    out: expect.stringContaining('az2 is not looked at'),
  });
  const none = await weir.run('verify', '--from', '1h');
  expect({ code: none.code, stderr: none.stderr }).toMatchObject({
    code: 2,
    stderr: expect.stringMatching(/^[^\n]+\n$/),
  });
  const other = await weir.run('verify', '--sink', first!.replace('az1', 'az9'), '--from', '1h');
  expect(other.stderr).toBe('weir verify: az9 is no sink of this deployment (name=); its sinks are az1, az2\n');
});

test('after Redis lost its data nothing is lowered, also where another sink was filled again from what Redis knows', async () => {
  await region.relays[0]!.stop();
  await region.client.flushall();
  await region.startRelay('relay-1', [], 'fresh');
  await region.influxds[1]!.query(region.name, 'DROP SERIES FROM "cumulative_user_event"');
  await send(region.relays[0]!, [`event_type=login,product=shop value=zed ${OPEN}000000000`]);
  const place = ['--from', String(OPEN), '--to', String(OPEN + 60)];
  await eventually(
    async () => {
      const { stdout } = await weir.run('verify', ...sinks(), ...place, '--json');
      const all: { redis: number; measurement: string; sinks: { value: number; repair: string }[] }[] =
        stdout === '' ? [] : JSON.parse(stdout).plan.differences;
      const filled = all.find(({ redis, measurement }) => redis === 1 && measurement === 'cumulative_user_event');
      return filled?.sinks.some(({ value }) => value === 1) && filled.sinks[0]!.repair === 'redis-lost-data';
    },
    { what: 'az2 to hold what Redis knows now', timeoutMs: 30_000 },
  );
  const before = await region.points();
  const { code, stdout } = await weir.run('verify', ...sinks(), ...place, '--repair', '--yes');
  expect(code).toBe(1);
  expect(stdout).toMatch(/ login +shop +8 +1 +1 +\? +published +az1 stays: redis-lost-data\n/);
  expect(await region.points()).toEqual(before);
});
