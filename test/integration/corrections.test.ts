import { finalKey, partitionKeys, sinkWindowKey } from '@weir/common/keys';
import { SEALED_CHUNK, windowIndex } from '@weir/common/window';
import { bareLine } from '../../scripts/demo/made-up-events.ts';
import { send } from '../support/client.ts';
import type { Daemon } from '../support/daemon.ts';
import { eventually, eventuallyHolds } from '../support/eventually.ts';
import { type Influxd, startInfluxd } from '../support/influxd.ts';
import { Oracle } from '../support/oracle.ts';
import { type RedisServer, startRedis } from '../support/redis-server.ts';
import { PARTITIONS, type Region, startRegion } from '../support/region.ts';

/** What becomes of a window: written, corrected, sealed, settled; and of what comes after that. */
const CORRECTED_WITHIN_MS = 5_000;
/** Minutes of long ago. */
const FIRST_SEC = 1_478_507_520;
const SECOND_SEC = FIRST_SEC + 60;
const THIRD_SEC = FIRST_SEC + 120;
/** Enough to be in every partition, or nearly. */
const USERS = Array.from({ length: 40 }, (_, i) => `user-${i}`);

let redis: RedisServer;
let stays: Influxd;
let goes: Influxd;

beforeAll(async () => {
  [redis, stays, goes] = await Promise.all([startRedis(), startInfluxd(), startInfluxd()]);
});

test('an event within lateness corrects the totals in both InfluxDBs within five seconds', async () => {
  const region = await startRegion({ redis, influxds: [stays, goes], name: 'correcting' });
  const [one, two] = region.relays as [Daemon, Daemon];
  const oracle = new Oracle();
  await send(one, [made(oracle, 'ann', FIRST_SEC), made(oracle, 'ben', FIRST_SEC)]);
  await region.untilPoints(oracle.points());
  for (const { relay, username } of [
    { relay: two, username: 'ann' },
    { relay: one, username: 'cleo' },
    { relay: two, username: 'dan' },
  ]) {
    await send(relay, [made(oracle, username, FIRST_SEC)]);
    await region.untilPoints(oracle.points(), CORRECTED_WITHIN_MS);
  }
});

test('a window of the present is first written grace after its end', async () => {
  const aggregatorSettings = ['--window', '2s', '--grace', '1s'];
  const region = await startRegion({ redis, influxds: [stays, goes], name: 'present', aggregatorSettings });
  const oracle = new Oracle({ windowSec: 2 });
  const nowSec = await redisSec(region);
  await send(region.relays[0]!, [made(oracle, 'ann', nowSec)]);
  await eventually(async () => (await region.points()).flat().length > 0, { everyMs: 10, what: 'the first point' });
  expect(await redisSec(region)).toBeGreaterThanOrEqual(nowSec - (nowSec % 2) + 2 + 1);
  await region.untilPoints(oracle.points());
});

describe('with two seconds of lateness', () => {
  const oracle = new Oracle();
  let region: Region;

  beforeAll(async () => {
    const aggregatorSettings = ['--lateness', '2s'];
    region = await startRegion({ redis, influxds: [stays, goes], name: 'sealing', aggregatorSettings });
  });

  test('a window is sealed, settled in both sinks, and leaves Redis but for its final record and its sealed bits', async () => {
    await send(region.relays[0]!, everyone(oracle, FIRST_SEC));
    await untilSettled(region, FIRST_SEC, ['az1', 'az2']);
    await region.untilPoints(oracle.points());
    await eventuallyHolds(async () => expect(await windowState(region)).toEqual([]), {
      what: 'the state of the window to be freed',
    });
    expect(await sealedBits(region, FIRST_SEC)).toEqual(Array(PARTITIONS).fill(1));
    expect(await region.client.exists(finalKey(region.name, FIRST_SEC))).toBe(1);
  });

  test('an event of a sealed window becomes a dead letter with its line, is in the ledger, and changes no point', async () => {
    const line = made(new Oracle(), 'tardy', FIRST_SEC);
    await send(region.relays[1]!, [line]);
    expect(await region.untilFolded(USERS.length + 1)).toMatchObject({
      counted: USERS.length,
      duplicate: 0,
      dead: { late: 1 },
    });
    expect(await deadLetters(region)).toEqual([expect.objectContaining({ reason: 'late', n: '1', d: `${line}\n` })]);
    for (const points of await region.points()) expect(points).toEqual(oracle.points());
    expect(await windowState(region)).toEqual([]);
  });

  test('a sink that is down delays nobody, and catches up with what was sealed meanwhile', async () => {
    await goes.stop();
    for (const startSec of [SECOND_SEC, THIRD_SEC]) {
      await send(region.relays[0]!, everyone(oracle, startSec));
      await region.untilPoints(oracle.points(), CORRECTED_WITHIN_MS);
    }
    await untilSettled(region, SECOND_SEC, ['az1']);
    expect(await settledAt(region, SECOND_SEC, 'az2')).toBeNull();
    await goes.start();
    await send(region.relays[1]!, everyone(oracle, THIRD_SEC + 60));
    await untilSettled(region, SECOND_SEC, ['az2']);
    await untilSettled(region, THIRD_SEC, ['az1', 'az2']);
    await region.untilPoints(oracle.points());
    expect(await region.totals()).toMatchObject({ counted: 4 * USERS.length, dead: { late: 1 } });
    expect(await region.aggregatorMetric('weir_aggregator_sink_windows_given_up_total{sink="az2"}')).toBe(0);
  });
});

let nanos = 0;

/** The line of an event like no other, which the oracle has taken note of. */
function made(oracle: Oracle, username: string, sec: number): string {
  const timestamp = BigInt(sec) * 1_000_000_000n + BigInt(nanos++);
  const event = { product: 'web shop', eventType: 'http-5xx', username, timestamp };
  oracle.add(event);
  return bareLine(event);
}

function everyone(oracle: Oracle, sec: number): string[] {
  return USERS.map((username) => made(oracle, username, sec));
}

async function redisSec(region: Region): Promise<number> {
  const [seconds] = await region.client.time();
  return Number(seconds);
}

async function settledAt(region: Region, startSec: number, sink: string): Promise<string | null> {
  return region.client.hget(sinkWindowKey(region.name, sink, startSec), 'settled');
}

async function untilSettled(region: Region, startSec: number, sinks: readonly string[]): Promise<void> {
  await eventually(
    async () => {
      const settled = await Promise.all(sinks.map((sink) => settledAt(region, startSec, sink)));
      return settled.every((at) => at !== null);
    },
    { timeoutMs: 30_000, what: `window ${startSec} to be sealed and settled in ${sinks.join(' and ')}` },
  );
}

/** All there is in Redis of windows that are not through: empty when every one is. */
async function windowState({ client, name }: Region): Promise<string[]> {
  const keys = await client.keys(`${name}:{*}:*`);
  const found = keys.filter((key) => /:(log|totals):/.test(key));
  for (let partition = 0; partition < PARTITIONS; partition++) {
    const { windows, open, published, dirty } = partitionKeys(name, partition);
    found.push(...(await client.hkeys(windows)), ...(await client.zrange(open, 0, -1)));
    found.push(...(await client.hkeys(published)), ...(await client.smembers(dirty)));
  }
  return found;
}

async function sealedBits({ client, name }: Region, startSec: number): Promise<number[]> {
  const index = windowIndex(startSec, 60);
  const chunk = Math.floor(index / SEALED_CHUNK);
  const bases = Array.from({ length: PARTITIONS }, (_, partition) => partitionKeys(name, partition).base);
  return Promise.all(bases.map((base) => client.getbit(`${base}sealed:${chunk}`, index % SEALED_CHUNK)));
}

async function deadLetters({ client, name }: Region): Promise<Record<string, string>[]> {
  const streams = Array.from({ length: PARTITIONS }, (_, partition) => partitionKeys(name, partition).dead);
  const letters = await Promise.all(streams.map((stream) => client.xrange(stream, '-', '+')));
  return letters.flat().map(([, fields]) => {
    const names = fields.filter((_, i) => i % 2 === 0);
    return Object.fromEntries(names.map((field, i) => [field, fields[i * 2 + 1]!]));
  });
}
