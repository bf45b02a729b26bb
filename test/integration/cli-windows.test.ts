import { finalKey, sealAskedKey } from '@weir/common/keys';
import { send } from '../support/client.ts';
import { eventually } from '../support/eventually.ts';
import { expectPublished } from '../support/published-schema.ts';
import { type Region, startRegion } from '../support/region.ts';
import { WeirAt } from '../support/weir-at.ts';

/** `weir flush` and `weir seal` against a region that runs. Each test has a window of its own. */
let region: Region;
let weir: WeirAt;
let window = 1_478_507_520;

beforeAll(async () => {
  region = await startRegion({ relays: 1 });
  weir = new WeirAt(region);
});
beforeEach(() => {
  window += 60;
});

const line = (user: string, sec = window) => `event_type=login,product=shop value=${user} ${sec}000000000`;
const points = (events: number, users: number, sec = window) => [
  `cumulative_user_event,event_type=login,product=shop value=${events} ${sec}000000000`,
  `unique_user_event,event_type=login,product=shop value=${users} ${sec}000000000`,
];

/** Sends an event of each user and waits until both InfluxDBs hold the window. */
async function count(...users: string[]): Promise<void> {
  await send(
    region.relays[0]!,
    users.map((user) => line(user)),
  );
  await untilHeld(points(users.length, users.length));
}

/** Of this window. */
async function held(): Promise<string[][]> {
  return (await region.points()).map((all) => all.filter((point) => point.endsWith(` ${window}000000000`)));
}

async function untilHeld(expected: string[]): Promise<void> {
  await eventually(async () => JSON.stringify(await held()) === JSON.stringify([expected, expected]), {
    what: 'both InfluxDBs to hold the window',
  });
}

describe('weir flush', () => {
  test('reads every sink back and writes what it lacks, though the books said that it had it', async () => {
    await count('ada', 'bob', 'eve');
    await region.influxds[0]!.write(region.name, [points(1, 3)[0]!]);
    const dry = await weir.json('flush', String(window), '--dry-run');
    expect(dry).toMatchObject({
      plan: {
        startSec: window,
        state: 'open',
        sinks: [
          { sink: 'az1', written: true },
          { sink: 'az2', written: true },
        ],
      },
      outcome: null,
    });
    const report = await weir.json('flush', new Date((window + 59) * 1_000).toISOString(), '--yes');
    expect(report.outcome.sinks).toEqual([
      { sink: 'az1', written: true },
      { sink: 'az2', written: true },
    ]);
    expectPublished('flush', JSON.stringify(report));
    expect(await held()).toEqual([points(3, 3), points(3, 3)]);
    expect((await region.ledger()).totals).toMatchObject({ balanced: true });
  });

  test('keeps to the sink that was asked for, and brings it the final totals once the window is sealed', async () => {
    await count('ada', 'bob');
    await weir.json('seal', String(window), '--force', '--yes');
    const settled = await eventually(async () => (await weir.json('flush', String(window), '--dry-run')).plan, {
      what: 'the window to be sealed',
    });
    expect(settled.state).toBe('sealed');
    for (const influxd of region.influxds) await influxd.write(region.name, [points(1, 2)[0]!]);
    await weir.json('flush', String(window), '--sink', 'az2', '--yes');
    expect(await held()).toEqual([points(1, 2), points(2, 2)]);
    await weir.json('flush', String(window), '--yes');
    expect(await held()).toEqual([points(2, 2), points(2, 2)]);
  });

  test('says that a sink does not have it yet when that is away, and does not wait for ever', async () => {
    await count('ada');
    await region.influxds[1]!.pause();
    const { code, stdout, stderr } = await weir.run('flush', String(window), '--wait', '2s', '--yes');
    await region.influxds[1]!.resume();
    expect({ code, stderr }).toEqual({ code: 1, stderr: 'weir flush: asked for, and not yet in az2\n' });
    expect(stdout).toContain('az1: has it\naz2: asked for, and not there yet\n');
    await eventually(async () => (await weir.json('flush', String(window), '--dry-run')).plan.sinks[1].written, {
      what: 'az2 to have it',
    });
  });

  test('refuses what there is nothing to write of', async () => {
    expect(await weir.refusal('flush', String(window))).toContain('no event of this window was counted');
    expect(await weir.refusal('flush', String(window), '--sink', 'az9')).toContain('its sinks are az1, az2');
    const now = Math.floor(Date.now() / 1_000);
    await send(region.relays[0]!, [line('ada', now)]);
    await eventually(async () => /is not written yet at all/.test(await weir.refusal('flush', String(now))), {
      what: 'the window of the present to be open',
    });
    expect((await weir.run('flush', 'today', '--yes')).code).toBe(2);
  });
});

describe('weir seal', () => {
  test('without --force seals nothing before its time, and says what would be given up', async () => {
    await count('ada');
    expect(await weir.refusal('seal', String(window))).toMatch(
      /^weir seal: events that come in the next 1[45]m\d\ds would become late \(--force\)\n$/,
    );
    expect((await weir.json('flush', String(window), '--dry-run')).plan.state).toBe('open');
  });

  test('with --force counts what is there, keeps the final totals, and makes what comes later late', async () => {
    await count('ada', 'bob');
    const report = await weir.json('seal', String(window), '--force', '--yes');
    expect(report.plan).toMatchObject({ startSec: window, relays: [], force: true });
    expect(report.plan.givesUpMs).toBeGreaterThan(60_000);
    expect(report.outcome).toEqual({ sealed: true, sealedIn: 8, partitions: 8 });
    expectPublished('seal', JSON.stringify(report));
    expect(await region.client.exists(finalKey(region.name, window))).toBe(1);
    const before = await region.totals();
    await send(region.relays[0]!, [line('eve')]);
    const after = await region.untilFolded(before.received + 1);
    expect(after.dead.late).toBe((before.dead.late ?? 0) + 1);
    expect(await held()).toEqual([points(2, 2), points(2, 2)]);
    expect((await region.ledger()).totals).toMatchObject({ balanced: true });
    expect(await weir.refusal('seal', String(window), '--force')).toContain('the window is sealed already');
  });

  test('waits for what stands in the streams, whatever is forced', async () => {
    await count('ada');
    for (const aggregator of region.aggregators) await aggregator.pause();
    await send(region.relays[0]!, [line('bob')]);
    const early = await weir.run('seal', String(window), '--force', '--wait', '1s', '--yes');
    expect({ code: early.code, stderr: early.stderr }).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('not sealed yet'),
    });
    expect(await region.client.hget(sealAskedKey(region.name), String(window))).not.toBeNull();
    for (const aggregator of region.aggregators) await aggregator.resume();
    await eventually(async () => (await region.client.exists(finalKey(region.name, window))) === 1, {
      what: 'the window to be sealed',
      timeoutMs: 30_000,
    });
    await untilHeld(points(2, 2));
  });

  test('refuses a window that goes on, and one without events', async () => {
    expect(await weir.refusal('seal', String(window), '--force')).toContain('no event of this window was counted');
    const now = Math.floor(Date.now() / 1_000);
    await send(region.relays[0]!, [line('ada', now)]);
    await eventually(async () => /the window goes on/.test(await weir.refusal('seal', String(now), '--force')), {
      what: 'the window of the present to be open',
    });
  });
});
