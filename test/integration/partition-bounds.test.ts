import { aggregatorMetrics } from '@weir/aggregator/aggregator-metrics';
import { BoundsWatch } from '@weir/aggregator/bounds-watch';
import { readBounds, settleDeadLetters } from '@weir/aggregator/store/partition-bounds';
import { systemClock } from '@weir/common/clock';
import type { Logger } from '@weir/common/logger';
import { Metrics } from '@weir/common/metrics';
import type { Redis } from 'ioredis';
import { eventOf } from '../support/event-lines.ts';
import { type LabProcess, PartitionLab } from '../support/partition-lab.ts';
import { startRedis } from '../support/redis-server.ts';

/** How full is what has a bound, and a bound on dead letters that holds when somebody deletes some by hand. */
let redis: Redis;
let it: PartitionLab;
let process: LabProcess;
beforeAll(async () => {
  redis = (await startRedis()).client();
});
beforeEach(async () => {
  await redis.flushall();
  it = new PartitionLab(redis, { prefix: 'weir', maxDeadBytes: 500 });
  await it.createGroup();
  process = await it.process();
});

/** One letter of one line of twenty bytes each. */
async function bury(letters: number): Promise<void> {
  for (let i = 0; i < letters; i++) await process.fold(await it.entry([`unreadable ${String(i).padStart(8, '0')}`]));
}

const letterIds = async () => (await redis.xrange(it.keys.dead, '-', '+')).map(([id]) => id);
const settle = async () => settleDeadLetters(redis, 'weir', 0, await readBounds(redis, 'weir', 0));

test('letters and their bytes are counted as they come and as the bound drops them', async () => {
  await bury(40);
  expect(await readBounds(redis, 'weir', 0)).toMatchObject({
    deadLetters: 25,
    countedDeadLetters: 25,
    countedDeadBytes: 500,
    deadDropped: 15,
  });
  expect(await settle()).toBe('right');
});

test.each<[string, (ids: string[]) => Promise<unknown>, number]>([
  ['some', (ids) => redis.xdel(it.keys.dead, ...ids.slice(3, 13)), 15],
  ['the newest', (ids) => redis.xdel(it.keys.dead, ...ids.slice(20)), 20],
  ['the oldest', () => redis.xtrim(it.keys.dead, 'MAXLEN', 4), 4],
  ['all one by one', (ids) => redis.xdel(it.keys.dead, ...ids), 0],
  ['the whole stream', () => redis.unlink(it.keys.dead), 0],
])(
  'after %s were deleted by hand the room they took is there again, and no letter goes for it',
  async (_, deletes, left) => {
    await bury(25);
    await deletes(await letterIds());
    expect(await settle()).toBe('settled');
    expect(await readBounds(redis, 'weir', 0)).toMatchObject({ countedDeadLetters: left, countedDeadBytes: left * 20 });
    await bury(25 - left);
    expect(await it.counters()).not.toHaveProperty('dead-dropped');
    expect(await letterIds()).toHaveLength(25);
    await bury(1);
    expect(await it.counters()).toMatchObject({ 'dead-dropped': 1, 'dead-bytes': 500, 'dead-letters': 25 });
  },
);

test('the first letter after all were deleted begins anew by itself', async () => {
  await bury(25);
  await redis.unlink(it.keys.dead);
  await bury(3);
  expect(await it.counters()).toMatchObject({ 'dead-letters': 3, 'dead-bytes': 60 });
  expect(await letterIds()).toHaveLength(3);
});

test('counters of a deployment that did not count letters are made right', async () => {
  await bury(10);
  await redis.hdel(it.keys.counters, 'dead-letters');
  expect(await settle()).toBe('settled');
  expect(await it.counters()).toMatchObject({ 'dead-letters': 10, 'dead-bytes': 200 });
});

test('letters that come while the others are measured stay counted', async () => {
  await bury(10);
  await redis.xdel(it.keys.dead, ...(await letterIds()).slice(0, 4));
  const bounds = await readBounds(redis, 'weir', 0);
  await bury(2);
  expect(await settleDeadLetters(redis, 'weir', 0, bounds)).toBe('settled');
  expect(await it.counters()).toMatchObject({ 'dead-letters': 8, 'dead-bytes': 160 });
});

test('what is deleted meanwhile, or settled by another process, changes nothing', async () => {
  await bury(10);
  const ids = await letterIds();
  await redis.xdel(it.keys.dead, ids[0]!);
  const bounds = await readBounds(redis, 'weir', 0);
  await redis.xdel(it.keys.dead, ids[5]!);
  expect(await settleDeadLetters(redis, 'weir', 0, bounds)).toBe('changed');
  const again = await readBounds(redis, 'weir', 0);
  expect(await settleDeadLetters(redis, 'weir', 0, again)).toBe('settled');
  expect(await settleDeadLetters(redis, 'weir', 0, again)).toBe('changed');
  expect(await it.counters()).toMatchObject({ 'dead-letters': 8, 'dead-bytes': 160 });
});

test('very many letters are measured page by page', async () => {
  const rows = redis.pipeline();
  for (let i = 0; i < 10_000; i++) {
    rows.xadd(
      it.keys.dead,
      '*',
      'reason',
      'late',
      'e',
      '1-1',
      'b',
      'r:0:1',
      't',
      '1',
      'n',
      '1',
      'd',
      'x'.repeat(i % 50),
    );
  }
  await rows.exec();
  expect(await settle()).toBe('settled');
  expect(await it.counters()).toMatchObject({ 'dead-letters': 10_000, 'dead-bytes': (10_000 / 50) * ((49 * 50) / 2) });
});

describe('the watch', () => {
  async function watch() {
    const warnings: unknown[] = [];
    const logger = { info: () => undefined, debug: () => undefined, warn: (fields: unknown) => warnings.push(fields) };
    const registry = new Metrics();
    let owned = [0];
    const made = new BoundsWatch({
      redis,
      prefix: 'weir',
      partitions: 2,
      owns: (partition) => owned.includes(partition),
      clock: systemClock,
      metrics: aggregatorMetrics(registry),
      logger: logger as unknown as Logger,
      fail: (error) => {
        throw error;
      },
    });
    const look = async (partitions = [0]) => {
      owned = partitions;
      await made.runOnce(new AbortController().signal);
      const lines = (await registry.text()).split('\n').map((line) => line.split(' ') as [string, string]);
      return new Map(lines.map(([name, value]) => [name.replace('weir_aggregator_', ''), Number(value)]));
    };
    return { look, warnings };
  }

  test('shows streams and dead letters of the partitions it owns, and Redis itself', async () => {
    await redis.config('SET', 'maxmemory', '100mb', 'maxclients', '500');
    const { look } = await watch();
    await it.append([eventOf({ sec: 60 })]);
    await it.append([eventOf({ sec: 61 })]);
    await bury(3);
    const shown = await look();
    expect(shown.get('stream_entries{partition="0"}')).toBe(5);
    expect(shown.get('stream_memory_bytes{partition="0"}')).toBeGreaterThan(100);
    expect(shown.get('dead_letters{partition="0"}')).toBe(3);
    expect(shown.get('dead_letter_bytes{partition="0"}')).toBe(60);
    expect(shown.get('dead_letter_lines_dropped{partition="0"}')).toBe(0);
    expect(shown.has('stream_entries{partition="1"}')).toBe(false);
    expect(shown.get('redis_memory_bytes')).toBeGreaterThan(500_000);
    expect(shown.get('redis_memory_limit_bytes')).toBe(100 * 1024 * 1024);
    expect(shown.get('redis_connections')).toBeGreaterThan(0);
    expect(shown.get('redis_connections_limit')).toBe(500);
    const other = await look([1]);
    expect(other.has('stream_entries{partition="0"}')).toBe(false);
    expect(other.get('stream_entries{partition="1"}')).toBe(0);
    await redis.config('SET', 'maxmemory', '0');
  });

  test('warns whenever dead letters were dropped since the last look', async () => {
    const { look, warnings } = await watch();
    await bury(25);
    await look();
    expect(warnings).toEqual([]);
    await bury(2);
    expect((await look()).get('dead_letter_lines_dropped{partition="0"}')).toBe(2);
    await look();
    expect(warnings).toEqual([{ partition: 0, lines: 2, inAll: 2 }]);
  });

  test('makes room that was freed by hand usable, and shows it at once', async () => {
    const { look } = await watch();
    await bury(25);
    await redis.xtrim(it.keys.dead, 'MAXLEN', 10);
    const shown = await look();
    expect(shown.get('dead_letters{partition="0"}')).toBe(10);
    expect(shown.get('dead_letter_bytes{partition="0"}')).toBe(200);
    expect((await look()).get('dead_letter_bytes{partition="0"}')).toBe(200);
  });
});
