import type { PartitionStore } from '@weir/aggregator/store/partition-store';
import type { Redis } from 'ioredis';
import { eventOf, type TestEvent } from '../support/event-lines.ts';
import { PartitionLab, type PartitionLabOptions } from '../support/partition-lab.ts';
import { type RedisServer, startRedis } from '../support/redis-server.ts';
import { TotalsOracle } from '../support/totals-oracle.ts';

/**
 * Redis goes back in time, for real: its dataset is saved, more is folded, it is killed, and comes up again with what
 * was saved. Processes that remember more than Redis does must neither lose nor double anything.
 */
let server: RedisServer;
let redis: Redis;
beforeAll(async () => {
  server = await startRedis();
  redis = server.client();
});
beforeEach(() => redis.flushall());

const WINDOW = 1_478_507_520;
const at = (nanos: number, fields: Partial<TestEvent> = {}) => eventOf({ sec: WINDOW, nanos, ...fields });

async function lab(options: PartitionLabOptions = {}): Promise<PartitionLab> {
  const made = new PartitionLab(redis, options);
  await made.createGroup();
  return made;
}

/** Everything after `save` is undone by `rollBack`. */
const save = () => redis.save();

async function rollBack(): Promise<void> {
  await server.kill();
  await server.start();
  await redis.ping();
}

async function expectExact(made: PartitionLab, events: readonly TestEvent[]): Promise<void> {
  const oracle = new TotalsOracle(made.options.windowSec);
  for (const event of events) oracle.add(event);
  expect(await made.totals()).toEqual(oracle.totals);
  expect(await made.pendingIds()).toEqual([]);
  const { received, told } = await made.ledger();
  expect(told).toBe(received);
}

describe('after Redis went back in time', () => {
  test('a fold of nothing but duplicates is refused: they are duplicates of what Redis has lost', async () => {
    const it = await lab();
    const process = await it.process();
    await it.entry([at(0)]);
    const duplicates = await it.entry([at(1), at(2)]);
    await save();
    await process.fold(await it.entry([at(1), at(2)]));
    const plan = await process.plan(duplicates);
    expect(plan).toMatchObject({ counted: 0, duplicates: 2 });
    await rollBack();
    const before = await it.snapshot();
    expect(await process.send(plan)).toMatchObject({ kind: 'window', startSec: WINDOW });
    expect(await it.snapshot()).toEqual(before);
    expect(await process.fold(duplicates)).toBe('folded');
    expect(process.folded.at(-1)).toMatchObject({ counted: 2, duplicates: 0 });
  });

  test('a log that grew again to the same length with other events is another log', async () => {
    const it = await lab();
    const [before, after] = [await it.process(), await it.process()];
    const lost = at(2, { username: 'lost' });
    const kept = at(2, { username: 'kept' });
    await before.fold(await it.entry([at(1)]));
    await save();
    await before.fold(await it.entry([lost]));
    const remembered = before.memory.windows.get(WINDOW);
    await rollBack();
    await after.fold(await it.entry([kept]));
    const meta = await it.store.meta(WINDOW);
    expect(remembered).toMatchObject({ state: { version: { length: meta!.version.length } } });
    // One process believes that the lost event was counted, and the kept one not: it must learn that both is wrong.
    const entry = await it.entry([lost, kept]);
    const plan = await before.plan(entry);
    expect(plan).toMatchObject({ counted: 1, duplicates: 1 });
    expect(await before.send(plan)).toMatchObject({ kind: 'window', startSec: WINDOW });
    expect(await before.fold(entry)).toBe('folded');
    await expectExact(it, [at(1), lost, kept]);
    expect(await it.counters()).toMatchObject({ counted: 3, duplicate: 1 });
  });

  test('a late verdict is refused when the seal is gone', async () => {
    const it = await lab();
    const entry = await it.entry([at(1)]);
    await it.store.seal(WINDOW, { dueMs: 0, foldedMs: 0, birth: '' });
    const process = await it.process();
    await save();
    await it.seal(WINDOW, 0, 0);
    const plan = await process.plan(entry);
    expect(plan.deadLetters).toMatchObject([{ reason: 'late' }]);
    await rollBack();
    expect(await process.send(plan)).toMatchObject({ kind: 'window', startSec: WINDOW });
    expect(await process.fold(entry)).toBe('folded');
    await expectExact(it, [at(1)]);
  });

  test('a full window is not full any more', async () => {
    const it = await lab({ maxLogBytes: 120 });
    const process = await it.process();
    const entry = await it.entry([at(9)]);
    await process.fold(await it.entry([at(1)]));
    await save();
    await process.fold(await it.entry([at(2), at(3)]));
    const plan = await process.plan(entry);
    expect(plan.deadLetters).toMatchObject([{ reason: 'window-full' }]);
    await rollBack();
    expect(await process.send(plan)).toMatchObject({ kind: 'window' });
    expect(await process.fold(entry)).toBe('folded');
    await expectExact(it, [at(1), at(9)]);
  });

  test('a refused window finds room when those that took it are gone', async () => {
    const it = await lab({ maxOldWindows: 1 });
    const process = await it.process();
    const entry = await it.entry([at(1, { sec: WINDOW + 60 })]);
    await save();
    await process.fold(await it.entry([at(1)]));
    const plan = await process.plan(entry);
    expect(plan.deadLetters).toMatchObject([{ reason: 'too-many-windows' }]);
    await rollBack();
    expect(await process.send(plan)).toMatchObject({ kind: 'verdict', openOldWindows: 0 });
    expect(await process.fold(entry)).toBe('folded');
    await expectExact(it, [at(1, { sec: WINDOW + 60 })]);
  });

  test('an entry that was folded and is pending again is folded again, once', async () => {
    const it = await lab();
    const process = await it.process();
    const entry = await it.entry([at(1), at(2), 'unreadable']);
    await save();
    await process.fold(entry);
    expect(await it.counters()).toMatchObject({ counted: 2 });
    await rollBack();
    expect(await it.counters()).toEqual({ received: 3 });
    expect(await process.fold(entry)).toBe('folded');
    await expectExact(it, [at(1), at(2)]);
    expect(await it.deadLetters()).toHaveLength(1);
  });

  test('an entry that Redis has lost is not folded out of memory: its relay sends it again', async () => {
    const it = await lab();
    const process = await it.process();
    await process.fold(await it.entry([at(1)]));
    await save();
    const lost = await it.entry([at(2)]);
    const plan = await process.plan(lost);
    await rollBack();
    expect(await process.send(plan)).toMatchObject({ kind: 'pending', ids: [lost.id] });
    await process.fold(await it.entry([at(2)]));
    await expectExact(it, [at(1), at(2)]);
  });

  test('the seed that was drawn since then gives way to the one drawn first after', async () => {
    const it = await lab();
    const [first, second] = [await it.process(), await it.process({ seed: 'ffffffffffffffff' })];
    const entries = [await it.entry([at(1)]), await it.entry([at(2)])];
    await save();
    await first.fold(entries[0]!);
    await rollBack();
    await second.fold(entries[1]!);
    expect(await first.fold(entries[0]!)).toBe('folded');
    expect(first.memory.seed).toBe('ffffffffffffffff');
    await expectExact(it, [at(1), at(2)]);
  });

  test('in the middle of reading a long log, the log is read as it is now', async () => {
    const it = await lab({ chunkBytes: 64 });
    const writer = await it.process();
    await writer.fold(await it.entry([at(1)]));
    await save();
    const many = (from: number) => Array.from({ length: 12_000 }, (_, i) => at(from + i, { username: `u${from + i}` }));
    for (const from of [100_000, 200_000]) await writer.fold(await it.entry(many(from)));
    let reads = 0;
    const store: PartitionStore = Object.assign(Object.create(it.store) as PartitionStore, {
      partition: it.store.partition,
      readWindows: async (...args: Parameters<PartitionStore['readWindows']>) => {
        if (++reads === 3) {
          await rollBack();
          await (await it.process()).fold(await it.entry([at(7)]));
        }
        return it.store.readWindows(...args);
      },
    });
    const reader = await it.process({ store });
    await reader.memory.learn([WINDOW]);
    expect(reads).toBe(3);
    expect(reader.memory.windows.get(WINDOW)).toMatchObject({
      state: { events: 2, version: (await it.store.meta(WINDOW))!.version },
    });
    await expectExact(it, [at(1), at(7)]);
  });
});
