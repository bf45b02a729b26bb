import { deploymentKey, finalKey, finalsKey } from '@weir/common/keys';
import { send } from '../support/client.ts';
import { startDaemon } from '../support/daemon.ts';
import { eventually } from '../support/eventually.ts';
import { startInfluxd } from '../support/influxd.ts';
import { expectPublished } from '../support/published-schema.ts';
import { type Region, startRegion } from '../support/region.ts';
import { WeirAt } from '../support/weir-at.ts';

/** `weir sink add` and `remove` under aggregators that run. */
let region: Region;
let weir: WeirAt;
const WINDOW = 1_478_507_520;

beforeAll(async () => {
  region = await startRegion({ relays: 1, aggregators: 1, aggregatorSettings: ['--final-keep', '1s'] });
  weir = new WeirAt(region);
});

test('the list names each sink, who writes to it, and how it is', async () => {
  const { sinks } = await weir.json('sink', 'list');
  expect(sinks.map(({ name, recorded }: { name: string; recorded: boolean }) => [name, recorded])).toEqual([
    ['az1', true],
    ['az2', true],
  ]);
  await eventually(async () => (await weir.json('sink', 'list')).sinks[0].state === 'well', {
    what: 'the aggregator to have said how its sinks are',
  });
  const report = await weir.json('sink', 'list');
  expect(report.sinks[1]).toMatchObject({
    kind: 'influx-v1',
    state: 'well',
    writers: ['aggregator-1'],
    errorCode: null,
  });
  expectPublished('sink list', JSON.stringify(report));
});

const line = (user: string, sec: number) => `event_type=login,product=shop value=${user} ${sec}000000000`;
const points = (sec: number) => [
  `cumulative_user_event,event_type=login,product=shop value=1 ${sec}000000000`,
  `unique_user_event,event_type=login,product=shop value=1 ${sec}000000000`,
];

test('a sink that is added gets open windows and final ones; removed again, final records no longer wait for it', async () => {
  const sealed = WINDOW;
  const open = WINDOW + 60;
  await send(region.relays[0]!, [line('ada', sealed), line('ada', open)]);
  await region.untilPoints([...points(sealed), ...points(open)].sort());
  expect(await weir.refusal('sink', 'add', 'az1')).toContain('has the sink az1 already');
  expect(await weir.refusal('sink', 'remove', 'az9')).toContain('its sinks are az1, az2');

  const added = await weir.json('sink', 'add', 'az3', '--yes');
  expect(added.plan).toMatchObject({ before: ['az1', 'az2'], after: ['az1', 'az2', 'az3'] });
  expect(added.outcome).toEqual({ recorded: true });
  expectPublished('sink add', JSON.stringify(added));
  expect(await region.client.hget(deploymentKey(region.name), 'sinks')).toBe('az1,az2,az3');
  const [first] = region.aggregators;
  await eventually(async () => (await first!.get('/readyz')).status === 503, { what: 'the aggregator to be told' });

  // It cannot reach the new sink, and keeps the final record for it all the same.
  await weir.json('seal', String(sealed), '--force', '--yes');
  await eventually(async () => (await weir.json('flush', String(sealed), '--dry-run')).plan.sinks[1].written, {
    what: 'the window to be settled where it can be',
  });
  const third = await startInfluxd();
  await third.createDatabase(region.name);
  await first!.stop();
  const url = `${third.url}?db=${region.name}&name=az3`;
  const settings = [...region.aggregatorSettings('aggregator-1'), '--sink', url, '--final-keep', '1s'];
  const restarted = await startDaemon('weir-aggregator', settings);
  await eventually(async () => (await third.points(region.name)).length === 4, {
    what: 'the new sink to be filled',
    timeoutMs: 30_000,
  });
  expect(await third.points(region.name)).toEqual([...points(sealed), ...points(open)].sort());
  expect((await restarted.get('/readyz')).status).toBe(200);

  // The other window is sealed while az3 is away.
  await third.kill();
  await weir.json('seal', String(open), '--force', '--yes');
  await eventually(async () => (await weir.json('flush', String(open), '--dry-run')).plan.sinks[1].written, {
    what: 'the other window to be settled where it can be',
  });
  const removed = await weir.json('sink', 'remove', 'az3', '--yes');
  expect(removed.plan).toMatchObject({ after: ['az1', 'az2'], groups: 8 });
  expect(removed.plan.waitingFinals).toBeGreaterThan(0);
  expect(removed.outcome).toMatchObject({ recorded: true, groups: 8 });
  expectPublished('sink remove', JSON.stringify(removed));
  expect(await region.client.keys(`${region.name}:{sink:az3}:*`)).toEqual([]);
  expect((await restarted.get('/readyz')).status).toBe(200);
  await eventually(async () => (await region.client.zcard(finalsKey(region.name))) === 0, {
    what: 'the final records to go',
    timeoutMs: 30_000,
  });
  expect(await region.client.exists(finalKey(region.name, open))).toBe(0);
  expect(await region.client.keys(`${region.name}:{sink:az3}:*`)).toEqual([]);
  expect((await region.ledger()).totals).toMatchObject({ balanced: true });
});
