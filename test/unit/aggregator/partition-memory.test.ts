import { digestEntry } from '@weir/aggregator/digest';
import { type FoldPlan, planFold, windowsTouched } from '@weir/aggregator/fold-plan';
import { PartitionMemory } from '@weir/aggregator/partition-memory';
import type { WindowState } from '@weir/aggregator/window-state';
import { entryOf, eventOf, type TestEvent } from '../../support/event-lines.ts';
import { FakePartitionStore } from '../../support/fake-partition-store.ts';

const SEED = '00112233445566ff';
const START = 1_478_507_520;
const limits = { windowSec: 60, latenessMs: 900_000, maxOldWindows: 100_000, maxLogBytes: 1e9 };
let nonces = 0;

async function begun(store = new FakePartitionStore()) {
  const memory = new PartitionMemory({ store, newSeed: () => SEED });
  await memory.begin();
  return { store, memory };
}

function planOf(memory: PartitionMemory, events: readonly TestEvent[]): FoldPlan {
  const entry = entryOf('1-0', events);
  const digest = digestEntry(entry, { key: memory.key, groups: memory.groups, identity: 'content', windowSec: 60 })!;
  const { nowMs, openOldWindows } = memory;
  const nonce = () => Buffer.from(String(++nonces).padStart(16, '0'));
  return planFold([{ entry, digest }], memory.windows, { limits, nowMs, openOldWindows, nonce });
}

/** Folds as another process would: with a memory of its own. */
async function foldElsewhere(store: FakePartitionStore, events: readonly TestEvent[]): Promise<void> {
  const { memory } = await begun(store);
  const entry = entryOf('1-0', events);
  const digest = digestEntry(entry, { key: memory.key, groups: memory.groups, identity: 'content', windowSec: 60 })!;
  await memory.learn(windowsTouched([{ entry, digest }]));
  store.pending.add('1-0');
  expect((await store.fold(planOf(memory, events), memory.seed)).kind).toBe('folded');
  store.reads.length = 0;
}

function state(memory: PartitionMemory, startSec = START): WindowState {
  const known = memory.windows.get(startSec);
  if (known?.kind !== 'open') throw new Error(`window ${startSec} is not known to be open`);
  return known.state;
}

const users = (count: number, from = 0) =>
  Array.from({ length: count }, (_, i) => eventOf({ username: `u${from + i}` }));

describe('the seed of a partition', () => {
  test('is the one that stands in Redis', async () => {
    const store = new FakePartitionStore();
    store.seed = 'aaaaaaaaaaaaaaaa';
    const { memory } = await begun(store);
    expect(memory.seed).toBe('aaaaaaaaaaaaaaaa');
    expect(memory.key).toEqual({ k0: 0xaaaaaaaa, k1: 0xaaaaaaaa });
  });

  test('is proposed where there is none, once', async () => {
    const { store, memory } = await begun();
    expect(memory.seed).toBe(SEED);
    const { key } = memory;
    await memory.begin();
    expect(memory.key).toBe(key);
    store.seed = SEED;
    await memory.begin();
    expect(memory.key).toBe(key);
  });

  test('that turns out to be another one while learning makes everything forgotten', async () => {
    const { store, memory } = await begun();
    await foldElsewhere(store, [eventOf()]);
    await memory.learn([START]);
    const { key, groups } = memory;
    store.seed = 'bbbbbbbbbbbbbbbb';
    memory.doubt([START]);
    expect(await memory.learn([START, START + 60])).toBe(false);
    expect(memory.seed).toBe('bbbbbbbbbbbbbbbb');
    expect(memory.windows.size).toBe(0);
    expect(memory.key).not.toBe(key);
    expect(memory.groups).not.toBe(groups);
  });
});

describe('learning', () => {
  test('tells absent, open and sealed windows apart', async () => {
    const { store, memory } = await begun();
    await foldElsewhere(store, [eventOf(), eventOf({ sec: START + 61 })]);
    store.sealed.add(START + 60).add(START + 120);
    expect(await memory.learn([START, START + 60, START + 120, START + 180])).toBe(true);
    expect([...memory.windows].map(([startSec, { kind }]) => [startSec - START, kind])).toEqual([
      [0, 'open'],
      [60, 'sealed'],
      [120, 'sealed'],
      [180, 'absent'],
    ]);
    expect(memory.windows.get(START + 60)).toHaveProperty('state.events', 1);
    expect(memory.windows.get(START + 120)).not.toHaveProperty('state');
  });

  test('asks only for windows that are not known, or doubted', async () => {
    const { store, memory } = await begun();
    await foldElsewhere(store, [eventOf()]);
    await memory.learn([START, START + 60]);
    store.reads.length = 0;
    await memory.learn([START, START + 60]);
    expect(store.reads).toEqual([]);
    memory.doubt([START]);
    await memory.learn([START, START + 60]);
    expect(store.reads.map(({ windows }) => windows.map(({ startSec }) => startSec))).toEqual([[START]]);
  });

  test('reads on from the version it has', async () => {
    const { store, memory } = await begun();
    await foldElsewhere(store, users(3));
    await memory.learn([START]);
    const known = state(memory);
    const { version } = known;
    await foldElsewhere(store, users(5));
    memory.doubt([START]);
    await memory.learn([START]);
    expect(store.reads).toEqual([{ windows: [{ startSec: START, version }], maxBytes: expect.any(Number) }]);
    expect(state(memory)).toBe(known);
    expect(known).toMatchObject({ events: 5, version: store.version(START) });
  });

  test('reads a record that is larger than an answer by asking for more', async () => {
    const { store, memory } = await begun();
    await foldElsewhere(store, users(20_000));
    await foldElsewhere(store, users(20_100));
    await memory.learn([START]);
    expect(state(memory)).toMatchObject({ events: 20_100, version: store.version(START) });
    expect(store.reads.length).toBeGreaterThan(1);
    const asked = store.reads.map(({ maxBytes }) => maxBytes);
    expect(Math.max(...asked)).toBeLessThanOrEqual(1024 * 1024);
  });

  test('takes a log in pieces when the answers are shorter than it', async () => {
    const { store, memory } = await begun();
    for (let i = 0; i < 8; i++) await foldElsewhere(store, users(5_000, i * 5_000));
    await memory.learn([START]);
    expect(state(memory)).toMatchObject({ events: 40_000, version: store.version(START) });
    expect(store.reads.length).toBeGreaterThan(2);
    const offsets = store.reads.map(({ windows }) => windows[0]!.version.length);
    expect(offsets).toEqual([...offsets].sort((a, b) => a - b));
  });

  test('asks for many windows in several answers', async () => {
    const { store, memory } = await begun();
    const starts = Array.from({ length: 200 }, (_, i) => START + i * 60);
    await foldElsewhere(
      store,
      starts.map((sec) => eventOf({ sec })),
    );
    await memory.learn(starts);
    expect([...memory.windows.values()].filter(({ kind }) => kind === 'open')).toHaveLength(200);
    expect(Math.max(...store.reads.map(({ windows }) => windows.length))).toBeLessThanOrEqual(64);
  });

  test('ends with an error when Redis has less of a log than it says', async () => {
    const { store, memory } = await begun();
    await foldElsewhere(store, users(3));
    const { log, openedMs } = store.logs.get(START)!;
    store.logs.set(START, { log: log.subarray(0, 20), openedMs });
    await expect(memory.learn([START])).rejects.toThrow(RangeError);
  });
});

describe('when Redis went back in time', () => {
  test('a log that is shorter is rebuilt from nothing', async () => {
    const { store, memory } = await begun();
    await foldElsewhere(store, users(3));
    const early = store.logs.get(START)!;
    await foldElsewhere(store, users(9));
    await memory.learn([START]);
    store.logs.set(START, early);
    memory.doubt([START]);
    await memory.learn([START]);
    expect(state(memory)).toMatchObject({ events: 3, version: store.version(START) });
  });

  test('a log that grew again to the same length with other events is rebuilt from nothing', async () => {
    const { store, memory } = await begun();
    await foldElsewhere(store, users(3));
    const early = store.logs.get(START)!;
    await foldElsewhere(store, users(5));
    await memory.learn([START]);
    const before = state(memory).version;
    store.logs.set(START, early);
    await foldElsewhere(store, users(2, 700));
    expect(store.version(START).length).toBe(before.length);
    memory.doubt([START]);
    await memory.learn([START]);
    expect(state(memory)).toMatchObject({ events: 5, version: store.version(START) });
    expect(planOf(memory, users(2, 700))).toMatchObject({ counted: 0, duplicates: 2 });
    expect(planOf(memory, users(2, 3))).toMatchObject({ counted: 2, duplicates: 0 });
  });

  test('between two pieces of a log, what was read is thrown away', async () => {
    const { store, memory } = await begun();
    for (let i = 0; i < 8; i++) await foldElsewhere(store, users(5_000, i * 5_000));
    const other = new FakePartitionStore();
    for (let i = 0; i < 8; i++) await foldElsewhere(other, users(5_000, 100_000 + i * 5_000));
    let steps = 0;
    store.before = () => {
      if (++steps === 2) store.logs.set(START, other.logs.get(START)!);
    };
    await memory.learn([START]);
    store.before = () => undefined;
    expect(steps).toBeGreaterThan(2);
    expect(state(memory)).toMatchObject({ events: 40_000, version: other.version(START) });
    expect(planOf(memory, users(10, 100_000))).toMatchObject({ counted: 0, duplicates: 10 });
    expect(planOf(memory, users(10))).toMatchObject({ counted: 10, duplicates: 0 });
  });

  test('a window that is gone is absent again', async () => {
    const { store, memory } = await begun();
    await foldElsewhere(store, users(3));
    await memory.learn([START]);
    store.logs.clear();
    memory.doubt([START]);
    await memory.learn([START]);
    expect(memory.windows.get(START)).toEqual({ kind: 'absent' });
  });
});

describe('a confirmed fold', () => {
  test('is in memory as it is in Redis', async () => {
    const { store, memory } = await begun();
    for (const events of [users(3), users(5), [...users(5), eventOf({ sec: START + 60 })]]) {
      await memory.learn([START, START + 60]);
      store.pending.add('1-0');
      const plan = planOf(memory, events);
      await store.fold(plan, memory.seed);
      memory.apply(plan);
    }
    expect(state(memory)).toMatchObject({ events: 5, version: store.version(START) });
    expect(state(memory, START + 60)).toMatchObject({ events: 1, version: store.version(START + 60) });
    store.reads.length = 0;
    await memory.learn([START, START + 60]);
    expect(store.reads).toEqual([]);
  });

  test('of refused windows leaves them to be looked up again', async () => {
    const { memory } = await begun();
    await memory.learn([START]);
    memory.heard(memory.nowMs, limits.maxOldWindows);
    memory.apply(planOf(memory, [eventOf()]));
    expect(memory.windows.has(START)).toBe(false);
  });
});

describe('memory', () => {
  test('lets go of the windows used longest ago, and of no more than it must', async () => {
    const { store, memory } = await begun();
    const starts = [0, 60, 120].map((sec) => START + sec);
    await foldElsewhere(
      store,
      starts.flatMap((sec) => users(500).map((event) => ({ ...event, sec }))),
    );
    await memory.learn(starts);
    await memory.learn([START]);
    const { bytes } = memory;
    expect(memory.shrink(bytes)).toBe(0);
    expect(memory.shrink(bytes - 1)).toBe(1);
    expect([...memory.windows.keys()]).toEqual([START + 120, START]);
    expect(memory.shrink(0)).toBe(2);
    expect(memory.bytes).toBe(0);
    await memory.learn([START]);
    expect(state(memory)).toMatchObject({ events: 500, version: store.version(START) });
  });

  test('of sealed windows is bounded', async () => {
    const { store, memory } = await begun();
    const starts = Array.from({ length: 10_200 }, (_, i) => i * 60);
    for (const startSec of starts) store.sealed.add(startSec);
    await memory.learn(starts);
    expect(memory.windows.size).toBeLessThanOrEqual(10_000);
    expect(memory.windows.has(starts.at(-1)!)).toBe(true);
  });
});
