import { RedisFinalStore } from '@weir/aggregator/store/final-store';
import { encodeFinal } from '@weir/common/final-codec';
import { CONSUMER_GROUP } from '@weir/common/keys';
import type { Redis } from 'ioredis';
import { eventOf, type TestEvent } from '../support/event-lines.ts';
import { PartitionLab, type PartitionLabOptions } from '../support/partition-lab.ts';
import { startRedis } from '../support/redis-server.ts';

/** From a window's totals being published to its state being freed: what each step insists on, on a real Redis. */
let redis: Redis;
beforeAll(async () => {
  redis = (await startRedis()).client();
});
beforeEach(() => redis.flushall());

const WINDOW = 1_478_507_520;
const at = (nanos: number, fields: Partial<TestEvent> = {}) => eventOf({ sec: WINDOW, nanos, ...fields });
const TOTALS = Buffer.from('totals');

async function lab(options: PartitionLabOptions = {}): Promise<PartitionLab> {
  const made = new PartitionLab(redis, options);
  await made.createGroup();
  return made;
}

async function withWindow(options: PartitionLabOptions = {}) {
  const it = await lab(options);
  const process = await it.process();
  await process.fold(await it.entry([at(0), at(1)]));
  return { it, process, version: (await it.store.meta(WINDOW))!.version };
}

async function outOfMemory<T>(task: () => Promise<T>): Promise<T> {
  await redis.config('SET', 'maxmemory', '1');
  try {
    return await task();
  } finally {
    await redis.config('SET', 'maxmemory', '0');
  }
}

async function time(): Promise<number> {
  const [seconds, micros] = await redis.time();
  return Number(seconds) * 1_000 + Math.floor(Number(micros) / 1_000);
}

describe('publishing', () => {
  test('keeps the totals of a window at its version, and then it is no longer dirty', async () => {
    const { it, version } = await withWindow();
    expect(await it.store.dirtyWindows()).toMatchObject({ windows: [{ startSec: WINDOW, meta: { version } }] });
    expect(await it.store.publish(WINDOW, version, TOTALS)).toBe(true);
    expect(await it.store.publishedTotals(WINDOW)).toEqual(TOTALS);
    expect(await it.store.dirtyWindows()).toMatchObject({ windows: [] });
    const view = await it.store.observe('');
    expect(view!.open.get(WINDOW)).toMatchObject({ published: version });
  });

  test('refuses the totals of any other version, older, newer or only as long', async () => {
    const { it, process, version } = await withWindow();
    await process.fold(await it.entry([at(2)]));
    const present = (await it.store.meta(WINDOW))!.version;
    const before = await it.snapshot();
    for (const other of [
      version,
      { ...present, nonce: version.nonce },
      { ...present, length: present.length + 1 },
      { length: 0, nonce: '' },
    ]) {
      expect(await it.store.publish(WINDOW, other, TOTALS)).toBe(false);
    }
    expect(await it.store.publish(WINDOW + 60, present, TOTALS)).toBe(false);
    expect(await it.snapshot()).toEqual(before);
    expect(await it.store.publishedTotals(WINDOW)).toBeUndefined();
  });

  test('leaves a window dirty that was added to since', async () => {
    const { it, process, version } = await withWindow();
    await it.store.publish(WINDOW, version, TOTALS);
    await process.fold(await it.entry([at(2)]));
    expect((await it.store.dirtyWindows()).windows).toHaveLength(1);
    expect(await it.store.publish(WINDOW, version, TOTALS)).toBe(false);
    expect(await it.store.publish(WINDOW, (await it.store.meta(WINDOW))!.version, TOTALS)).toBe(true);
  });

  test('shows observers that something changed', async () => {
    const { it, version } = await withWindow();
    const { stamp } = (await it.store.observe(''))!;
    expect(await it.store.observe(stamp)).toBeUndefined();
    await it.store.publish(WINDOW, version, TOTALS);
    expect((await it.store.observe(stamp))!.stamp).not.toBe(stamp);
  });

  test('takes the last version of a sealed window: its final record is made of it', async () => {
    const { it, version } = await withWindow();
    await it.seal(WINDOW, 0, 0);
    expect(await it.store.publish(WINDOW, version, TOTALS)).toBe(true);
  });
});

describe('sealing', () => {
  test('is too early before it is due, by Redis’s clock', async () => {
    const { it } = await withWindow();
    const before = await it.snapshot();
    expect(await it.seal(WINDOW, (await time()) + 60_000, 0)).toBe('early');
    expect(await it.snapshot()).toEqual(before);
    expect(await it.seal(WINDOW, (await time()) - 1, 0)).toBe('sealed');
  });

  test('is refused where the partition was emptied since it was looked at, or never had anything', async () => {
    const { it } = await withWindow();
    const seal = (birth: string) => it.store.seal(WINDOW, { dueMs: 0, foldedMs: 0, birth });
    const { birth } = (await it.store.observe('?'))!;
    expect(await seal('0123456789abcdef')).toBe('changed');
    await redis.flushall();
    expect(await seal(birth)).toBe('changed');
    const view = (await it.store.observe(''))!;
    expect(view.birth).toMatch(/^[0-9a-f]{16}$/);
    expect(view.birth).not.toBe(birth);
    expect(await seal('')).toBe('changed');
    expect(await seal(view.birth)).toBe('sealed');
  });

  test('is refused in a partition that came into being again, though a process brought its seed back', async () => {
    const { it, process } = await withWindow();
    const before = (await it.store.observe('?'))!;
    await redis.flushall();
    await it.createGroup();
    await process.fold(await it.entry([at(1)]));
    expect(await redis.get(it.keys.seed)).toBe(process.memory.seed);
    const { birth } = (await it.store.observe('?'))!;
    expect(birth).not.toBe(before.birth);
    const seal = (as: string) => it.store.seal(WINDOW, { dueMs: 0, foldedMs: 0, birth: as });
    expect(await seal(before.birth)).toBe('changed');
    expect(await seal(birth)).toBe('sealed');
  });

  test('is behind while an entry appended before is not delivered, or not folded', async () => {
    const { it, process } = await withWindow();
    await it.append([at(2)]);
    const folded = (await time()) + 1;
    const seal = () => it.seal(WINDOW, 0, folded);
    expect(await seal()).toBe('behind');
    const [entry] = await it.deliver();
    expect(await seal()).toBe('behind');
    await process.fold(entry!);
    expect(await seal()).toBe('sealed');
  });

  test('does not wait for what was appended after', async () => {
    const { it } = await withWindow();
    const folded = (await time()) + 1_000;
    await redis.xadd(it.keys.stream, `${folded}-0`, 'b', 'x');
    await it.deliver('a', 1);
    await redis.xadd(it.keys.stream, `${folded + 1}-0`, 'b', 'x');
    expect(await it.seal(WINDOW, 0, folded)).toBe('sealed');
  });

  test('looks at the oldest pending entry, whoever has it', async () => {
    const { it, process } = await withWindow();
    const old = await it.entry([at(2)], 'crashed');
    const folded = (await time()) + 1;
    await redis.xadd(it.keys.stream, `${folded + 5}-0`, 'b', 'x', 't', '1', 'n', '1', 'd', 'x\n');
    await it.deliver('busy');
    expect(await it.seal(WINDOW, 0, folded)).toBe('behind');
    await process.fold(old);
    expect(await it.seal(WINDOW, 0, folded)).toBe('sealed');
  });

  test('is behind where the stream has no group that could have folded it', async () => {
    const { it } = await withWindow();
    await redis.xgroup('DESTROY', it.keys.stream, CONSUMER_GROUP);
    await redis.xgroup('CREATE', it.keys.stream, 'somebody else', '$');
    expect(await it.seal(WINDOW, 0, 0)).toBe('behind');
  });

  test('needs no stream in a partition that never had one', async () => {
    const it = new PartitionLab(redis);
    expect(await it.seal(WINDOW, 0, await time())).toBe('sealed');
  });

  test('is for good: a second time says so whatever the time', async () => {
    const { it } = await withWindow();
    await it.seal(WINDOW, 0, 0);
    await it.append([at(2)]);
    expect(await it.seal(WINDOW, (await time()) + 60_000, (await time()) + 60_000)).toBe('sealed');
  });

  test('makes later folds see the window’s events as late, and no other window’s', async () => {
    const { it, process } = await withWindow();
    await it.seal(WINDOW, 0, 0);
    await process.fold(await it.entry([at(0), at(2), at(0, { sec: WINDOW - 1 }), at(0, { sec: WINDOW + 60 })]));
    expect(await it.counters()).toMatchObject({ counted: 4, 'dead:late': 2 });
  });

  test('remembers windows apart across the border of a chunk of bits', async () => {
    const it = await lab();
    const border = 4_096 * 60 * 6_000;
    await it.seal(border, 0, 0);
    await it.seal(border - 120, 0, 0);
    const starts = [-180, -120, -60, 0, 60].map((sec) => border + sec);
    const { windows } = await it.store.readWindows(
      starts.map((startSec) => ({ startSec, version: { length: 0, nonce: '' } })),
      0,
    );
    expect(windows.map(({ kind }) => kind)).toEqual(['absent', 'sealed', 'absent', 'sealed', 'absent']);
    const process = await it.process();
    await process.fold(await it.entry(starts.map((sec) => at(0, { sec }))));
    expect(await it.counters()).toMatchObject({ counted: 3, 'dead:late': 2 });
  });
});

describe('freeing a window’s state', () => {
  test('needs its seal', async () => {
    const { it } = await withWindow();
    const before = await it.snapshot();
    expect(await it.store.drop(WINDOW)).toBe('not-sealed');
    expect(await it.snapshot()).toEqual(before);
  });

  test.each([16, 50, 100_000])('leaves nothing of it but the seal, with chunks of %d bytes', async (chunkBytes) => {
    const { it, version } = await withWindow({ chunkBytes });
    await it.store.publish(WINDOW, version, TOTALS);
    await it.seal(WINDOW, 0, 0);
    expect(await it.store.drop(WINDOW)).toBe('dropped');
    const left = [...(await it.snapshot()).keys()].map((name) => name.slice(it.keys.base.length)).sort();
    expect(left).toEqual(['birth', 'counters', `sealed:${Math.floor(WINDOW / 60 / 4_096)}`, 'seed', 'stamp', 'stream']);
    expect(await it.store.drop(WINDOW)).toBe('gone');
    expect(await it.store.dirtyWindows()).toMatchObject({ windows: [] });
    expect((await it.store.observe(''))!.open.size).toBe(0);
  });

  test('leaves other windows as they are, and tells observers', async () => {
    const { it, process } = await withWindow();
    await process.fold(await it.entry([at(0, { sec: WINDOW + 60 })]));
    await it.seal(WINDOW, 0, 0);
    const { stamp } = (await it.store.observe(''))!;
    await it.store.drop(WINDOW);
    expect([...(await it.store.observe(stamp))!.open.keys()]).toEqual([WINDOW + 60]);
    expect([...(await it.totals()).values()]).toEqual([{ events: 1, users: 1 }]);
  });

  test('makes room for another old window', async () => {
    const { it, process } = await withWindow({ maxOldWindows: 1 });
    await it.seal(WINDOW, 0, 0);
    await it.store.drop(WINDOW);
    expect(await it.store.readWindows([], 0)).toMatchObject({ openOldWindows: 0 });
    await process.memory.begin();
    await process.fold(await it.entry([at(0, { sec: WINDOW + 60 })]));
    expect(await it.counters()).toMatchObject({ counted: 3 });
  });
});

describe('final records', () => {
  const finals = () => new RedisFinalStore(redis, 'weir');
  const record = (events: number) => encodeFinal([{ eventType: 'e', product: 'p', events, users: 1 }]);

  test('are stored once: the first one stays', async () => {
    expect(await finals().get(WINDOW)).toBeUndefined();
    expect(await finals().store(WINDOW, record(2))).toBe(true);
    expect(await finals().store(WINDOW, record(1))).toBe(false);
    expect(await finals().get(WINDOW)).toEqual(record(2));
  });

  test('are listed with the time they were stored, by Redis’s clock, when something changed', async () => {
    const before = await time();
    await finals().store(WINDOW, record(1));
    const view = (await finals().list(''))!;
    expect([...view.storedMs.keys()]).toEqual([WINDOW]);
    expect(view.storedMs.get(WINDOW)).toBeGreaterThanOrEqual(before);
    expect(view.storedMs.get(WINDOW)).toBeLessThanOrEqual(await time());
    expect(await finals().list(view.stamp)).toBeUndefined();
    await finals().store(WINDOW + 60, record(1));
    expect([...(await finals().list(view.stamp))!.storedMs.keys()]).toEqual([WINDOW, WINDOW + 60]);
  });

  test('are removed with their place in the list', async () => {
    await finals().store(WINDOW, record(1));
    const { stamp } = (await finals().list(''))!;
    await finals().remove(WINDOW);
    expect(await finals().get(WINDOW)).toBeUndefined();
    expect((await finals().list(stamp))!.storedMs.size).toBe(0);
  });
});

test('what frees memory works when Redis has none left', async () => {
  const { it, version } = await withWindow();
  const finals = new RedisFinalStore(redis, it.options.prefix);
  await outOfMemory(async () => {
    expect(await it.store.publish(WINDOW, version, TOTALS)).toBe(true);
    expect(await it.seal(WINDOW, 0, 0)).toBe('sealed');
    expect(await finals.store(WINDOW, TOTALS)).toBe(true);
    expect(await it.store.drop(WINDOW)).toBe('dropped');
    expect(await it.store.trim()).toBe(1);
    await finals.remove(WINDOW);
    expect(await finals.get(WINDOW)).toBeUndefined();
  });
});
