import { RefusedStore } from '@weir/aggregator/store/refused-store';
import { silentLogger } from '@weir/common/logger';
import type { Redis } from 'ioredis';
import { startRedis } from '../support/redis-server.ts';

/** The stream of what sinks refuse for good. */
let redis: Redis;
beforeAll(async () => {
  redis = (await startRedis()).client();
});
beforeEach(async () => {
  await redis.flushall();
});

const LETTERS = 'weir:{refused}:letters';

function open({ maxBytes = 1_000_000, by = 'a1' } = {}) {
  const counts = { kept: 0, notKept: 0, dropped: 0 };
  const store = new RefusedStore({
    redis,
    prefix: 'weir',
    maxBytes,
    by,
    events: {
      kept: (_sink, _kind, letters) => {
        counts.kept += letters;
      },
      notKept: (_sink, _kind, letters) => {
        counts.notKept += letters;
      },
      dropped: (letters) => {
        counts.dropped += letters;
      },
    },
    logger: silentLogger,
  });
  return { store, counts };
}

const refusal = (line: string) => ({ line, reason: 'field type conflict' });
const numbered = (count: number, from = 0) =>
  Array.from({ length: count }, (_, at) => refusal(`m v=${String(from + at).padStart(6, '0')}`));

async function letters(): Promise<Record<string, string>[]> {
  const entries = await redis.xrange(LETTERS, '-', '+');
  return entries.map(([, fields]) => {
    return Object.fromEntries(
      Array.from({ length: fields.length / 2 }, (_, i) => [fields[2 * i]!, fields[2 * i + 1]!]),
    );
  });
}
const lines = async () => (await letters()).map(({ line }) => line);

test('a letter names the sink, what it refuses, its words, when, and who says so', async () => {
  const before = Date.now();
  await open().store.add('az 1', 'totals', [{ line: 'm,a=ü v=1 7', reason: `partial write: ${'x'.repeat(1_000)}` }]);
  const [letter, ...others] = await letters();
  expect(others).toEqual([]);
  expect(letter).toMatchObject({ sink: 'az 1', kind: 'totals', line: 'm,a=ü v=1 7', by: 'a1' });
  expect(letter!.reason).toMatch(/^partial write: x+$/);
  expect(letter!.reason).toHaveLength(400);
  expect(Number(letter!.time)).toBeGreaterThan(before - 60_000);
  expect(Number(letter!.time)).toBeLessThan(Date.now() + 60_000);
});

test('the same is kept once per sink and kind, whoever refuses it how often', async () => {
  const one = open();
  const other = open({ by: 'a2' });
  await one.store.add('az1', 'totals', [refusal('m v=1 7'), refusal('m v=1 7')]);
  await other.store.add('az1', 'totals', [refusal('m v=1 7'), refusal('m v=2 7')]);
  await one.store.add('az1', 'line', [refusal('m v=1 7')]);
  await one.store.add('az2', 'totals', [refusal('m v=1 7')]);
  expect((await letters()).map(({ sink, kind, line, by }) => [sink, kind, line, by])).toEqual([
    ['az1', 'totals', 'm v=1 7', 'a1'],
    ['az1', 'totals', 'm v=2 7', 'a2'],
    ['az1', 'line', 'm v=1 7', 'a1'],
    ['az2', 'totals', 'm v=1 7', 'a1'],
  ]);
  expect(one.counts).toEqual({ kept: 3, notKept: 0, dropped: 0 });
  expect(other.counts).toEqual({ kept: 1, notKept: 0, dropped: 0 });
});

test('nothing refused needs nothing of Redis', async () => {
  await open().store.add('az1', 'totals', []);
  expect(await redis.keys('*')).toEqual([]);
});

describe('over the bound', () => {
  test('the oldest go, and are counted; what is still there is known, what went is kept again', async () => {
    const { store, counts } = open({ maxBytes: 2_500 });
    for (let at = 0; at < 30; at++) await store.add('az1', 'line', numbered(1, at));
    const there = await lines();
    expect(there.length).toBeGreaterThan(5);
    expect(there.length).toBeLessThan(13);
    expect(there).toEqual(numbered(there.length, 30 - there.length).map(({ line }) => line));
    expect(counts).toEqual({ kept: 30, notKept: 0, dropped: 30 - there.length });
    expect(await redis.zcard('weir:{refused}:known')).toBe(there.length);
    await store.add('az1', 'line', numbered(1, 29));
    expect(await lines()).toEqual(there);
    await store.add('az1', 'line', numbered(1, 0));
    expect(await lines()).toEqual([...there.slice(1), 'm v=000000']);
  });

  test('of more at once than there is room for only the newest are sent', async () => {
    const { store, counts } = open({ maxBytes: 100_000 });
    await store.add('az1', 'totals', numbered(5_000));
    const there = await lines();
    expect(there.at(-1)).toBe('m v=004999');
    expect(there.length).toBeGreaterThan(200);
    expect(counts).toEqual({ kept: there.length, notKept: 0, dropped: 5_000 - there.length });
  });

  test('the newest stays, however large it is', async () => {
    const { store } = open({ maxBytes: 1_024 });
    await store.add('az1', 'line', numbered(3));
    await store.add('az1', 'line', [refusal('x'.repeat(5_000))]);
    expect(await lines()).toEqual(['x'.repeat(5_000)]);
  });

  test.each<[string, (ids: string[]) => Promise<unknown>, number]>([
    ['the oldest', (ids) => redis.xdel(LETTERS, ...ids.slice(0, 4)), 4],
    ['the newest', (ids) => redis.xdel(LETTERS, ...ids.slice(-4)), 4],
    ['all one by one', (ids) => redis.xdel(LETTERS, ...ids), 9],
    ['the whole stream', () => redis.unlink(LETTERS), 9],
  ])('there is room again once %s were deleted by hand', async (_, deletes, room) => {
    const { store, counts } = open({ maxBytes: 2_200 });
    await store.add('az1', 'line', numbered(20));
    expect(await lines()).toHaveLength(9);
    const { dropped } = counts;
    await deletes((await redis.xrange(LETTERS, '-', '+')).map(([id]) => id));
    await store.add('az1', 'line', numbered(room, 100));
    expect(counts.dropped).toBe(dropped);
    expect(await lines()).toHaveLength(9);
    await store.add('az1', 'line', numbered(1, 200));
    expect(counts.dropped).toBe(dropped + 1);
  });

  test('an entry of somebody else’s goes like a letter', async () => {
    const { store } = open({ maxBytes: 2_200 });
    await redis.xadd(LETTERS, '*', 'what', 'is this');
    await store.add('az1', 'line', numbered(4));
    await redis.xadd(LETTERS, '*', 'what', 'is that');
    await store.add('az1', 'line', numbered(20, 4));
    const there = await lines();
    expect(there.length).toBeGreaterThanOrEqual(9);
    await store.add('az1', 'line', numbered(9, 100));
    expect(await lines()).toEqual(numbered(9, 100).map(({ line }) => line));
  });
});

describe('that Redis is full', () => {
  afterEach(async () => {
    await redis.config('SET', 'maxmemory', '0');
  });

  test('keeps no letter away', async () => {
    const { store, counts } = open();
    await redis.config('SET', 'maxmemory', '1');
    await store.add('az1', 'totals', numbered(3));
    expect(counts).toEqual({ kept: 3, notKept: 0, dropped: 0 });
    expect(await lines()).toHaveLength(3);
  });
});

test('what Redis does not take is counted, and nobody waits for it', async () => {
  const { store, counts } = open();
  // Loses the connection without a new one.
  redis.disconnect();
  await store.add('az1', 'totals', numbered(3));
  expect(counts).toEqual({ kept: 0, notKept: 3, dropped: 0 });
  await redis.connect();
});
