import type { Redis } from 'ioredis';
import { eventOf, type TestEvent } from '../support/event-lines.ts';
import { PartitionLab, type PartitionLabOptions } from '../support/partition-lab.ts';
import { startRedis } from '../support/redis-server.ts';

/**
 * What stands between two processes that fold the same entries or the same windows: the checks of the fold script, each
 * shown by a schedule that goes wrong without it. Rollbacks of Redis are in fold-rollback.test.ts.
 */
let redis: Redis;
beforeAll(async () => {
  redis = (await startRedis()).client();
});
beforeEach(() => redis.flushall());

/** Windows of 2016: old, so that their number is bounded. */
const WINDOW = 1_478_507_520;
const at = (nanos: number, fields: Partial<TestEvent> = {}) => eventOf({ sec: WINDOW, nanos, ...fields });

async function lab(options: PartitionLabOptions = {}): Promise<PartitionLab> {
  const made = new PartitionLab(redis, options);
  await made.createGroup();
  return made;
}

/** Expects the plan to be refused like this, and not a byte of Redis to change by it. */
async function refused(made: PartitionLab, send: () => Promise<{ kind: string }>, like: object): Promise<void> {
  const before = await made.snapshot();
  expect(await send()).toMatchObject(like);
  expect(await made.snapshot()).toEqual(before);
}

describe('an entry that is no longer pending', () => {
  test('whose reply was lost is refused when it is folded again: nothing counts twice, no dead letter comes twice', async () => {
    const it = await lab();
    const process = await it.process();
    const entry = await it.entry([at(1), at(2), at(2), 'nobody can read this']);
    const plan = await process.plan(entry);
    // Folded, and the caller does not know.
    expect(await it.store.fold(plan, process.memory.seed)).toMatchObject({ kind: 'folded' });
    await refused(it, () => it.store.fold(plan, process.memory.seed), { kind: 'pending', ids: [entry.id] });
    await process.fold(entry);
    expect(process.folded).toEqual([]);
    expect(await it.counters()).toMatchObject({ received: 4, counted: 2, duplicate: 1, 'dead:unreadable': 1 });
    expect(await it.deadLetters()).toHaveLength(1);
    expect(await it.ledger()).toEqual({ received: 4, told: 4 });
  });

  test('is refused also when the fold would add nothing to any window', async () => {
    const it = await lab();
    const process = await it.process();
    await process.fold(await it.entry([at(1)]));
    const duplicates = await process.plan(await it.entry([at(1), at(1)]));
    const unreadable = await process.plan(await it.entry(['x', 'y']));
    for (const plan of [duplicates, unreadable]) {
      expect(await process.send(plan)).toMatchObject({ kind: 'folded' });
      await refused(it, () => process.send(plan), { kind: 'pending' });
    }
    expect(await it.counters()).toMatchObject({ counted: 1, duplicate: 2, 'dead:unreadable': 2 });
  });

  test('because another process took it over and folded it is refused when the first one’s fold comes late', async () => {
    const it = await lab();
    const [slow, quick] = [await it.process(), await it.process()];
    const entry = await it.entry([at(1), at(2)], 'slow');
    const late = await slow.plan(entry);
    await it.redis.xclaim(it.keys.stream, 'aggregators', 'quick', 0, entry.id);
    expect(await quick.fold(entry)).toBe('folded');
    // The window moves on, and then moves on again.
    await quick.fold(await it.entry([at(3)], 'quick'));
    await quick.fold(await it.entry([at(4)], 'quick'));
    await refused(it, () => slow.send(late), { kind: 'pending', ids: [entry.id] });
    expect(await it.counters()).toMatchObject({ counted: 4 });
    expect(await it.ledger()).toEqual({ received: 4, told: 4 });
  });

  test('is named, and those that are pending are not', async () => {
    const it = await lab();
    const [first, second] = [await it.process(), await it.process()];
    const entries = [
      await it.entry([at(1)]),
      await it.entry([at(2)]),
      await it.entry([at(3)]),
      await it.entry([at(4)]),
    ];
    const plan = await first.plan(...entries);
    await second.fold(entries[1]!, entries[3]!);
    await refused(it, () => first.send(plan), { kind: 'pending', ids: [entries[1]!.id, entries[3]!.id] });
    expect(await first.fold(...entries)).toBe('folded');
    expect(first.conflicts).toContain('pending');
    expect(first.folded.map(({ items }) => items.map(({ entry }) => entry.id))).toEqual([
      [entries[0]!.id, entries[2]!.id],
    ]);
    expect(await it.counters()).toMatchObject({ counted: 4 });
  });

  test('was never delivered, so it is refused', async () => {
    const it = await lab();
    const process = await it.process();
    const entry = await it.entry([at(1)]);
    const plan = await process.plan({ ...entry, id: '1-1' });
    await refused(it, () => process.send(plan), { kind: 'pending', ids: ['1-1'] });
  });
});

describe('a window that is not as it was believed', () => {
  test('because others added to it refuses the fold, also where an entry is still pending', async () => {
    const it = await lab();
    const [slow, quick] = [await it.process(), await it.process()];
    await quick.fold(await it.entry([at(1)]));
    const entry = await it.entry([at(2)]);
    const late = await slow.plan(entry);
    await quick.fold(await it.entry([at(2), at(3)]));
    await refused(it, () => slow.send(late), { kind: 'window', startSec: WINDOW });
    expect(await slow.fold(entry)).toBe('folded');
    expect(slow.conflicts).toEqual(['window']);
    expect(await it.counters()).toMatchObject({ counted: 3, duplicate: 1 });
  });

  test('because others added to it refuses a fold of nothing but duplicates', async () => {
    const it = await lab();
    const [slow, quick] = [await it.process(), await it.process()];
    await quick.fold(await it.entry([at(1)]));
    const late = await slow.plan(await it.entry([at(1)]));
    await quick.fold(await it.entry([at(2)]));
    await refused(it, () => slow.send(late), { kind: 'window', startSec: WINDOW });
  });

  test('because others opened it refuses a fold that would open it, and one that holds it for one too many', async () => {
    const it = await lab();
    const full = it.with({ maxOldWindows: 0 });
    const [opening, refusing, quick] = [await it.process(), await full.process(), await it.process()];
    const entry = await it.entry([at(1)]);
    const plans = [await opening.plan(entry), await refusing.plan(entry)];
    expect(plans.map(({ windows }) => windows.map(({ claim }) => claim))).toEqual([['absent'], ['refused']]);
    await quick.fold(await it.entry([at(2)]));
    await refused(it, () => opening.send(plans[0]!), { kind: 'window', startSec: WINDOW });
    await refused(full, () => refusing.send(plans[1]!), { kind: 'window', startSec: WINDOW });
  });

  test('because it was sealed refuses folds that would open it, add to it, find duplicates in it or refuse it', async () => {
    const it = await lab();
    const known = await it.process();
    const absent = WINDOW - 60;
    await known.fold(await it.entry([at(1)]));
    const entries = [
      await it.entry([at(1, { sec: absent })]),
      await it.entry([at(2)]),
      await it.entry([at(1)]),
      await it.entry([at(2, { sec: absent })]),
    ];
    const full = await it.with({ maxOldWindows: 0 }).process();
    const plans = [
      await known.plan(entries[0]!),
      await known.plan(entries[1]!),
      await known.plan(entries[2]!),
      await full.plan(entries[3]!),
    ];
    expect(plans.map(({ windows }) => windows[0]!.claim)).toEqual(['absent', 'open', 'open', 'refused']);
    for (const startSec of [absent, WINDOW]) expect(await it.seal(startSec, 0, 0)).toBe('sealed');
    for (const plan of plans) await refused(it, () => known.send(plan), { kind: 'window' });
    for (const entry of entries) await known.fold(entry);
    expect(await it.counters()).toMatchObject({ counted: 1, 'dead:late': 4 });
    expect(await it.ledger()).toEqual({ received: 5, told: 5 });
  });

  test('among many refuses the fold of them all', async () => {
    const it = await lab();
    const [slow, quick] = [await it.process(), await it.process()];
    const starts = [0, 60, 120, 180].map((sec) => WINDOW + sec);
    await quick.fold(await it.entry(starts.map((sec) => at(1, { sec }))));
    const late = await slow.plan(await it.entry(starts.map((sec) => at(2, { sec }))));
    await quick.fold(await it.entry([at(3, { sec: WINDOW + 120 })]));
    await refused(it, () => slow.send(late), { kind: 'window', startSec: WINDOW + 120 });
  });
});

describe('a verdict that is no longer true', () => {
  test('late: refused where the window is not sealed', async () => {
    const it = await lab();
    const entry = await it.entry([at(1)]);
    await it.seal(WINDOW, 0, 0);
    const process = await it.process();
    const late = await process.plan(entry);
    expect(late.deadLetters).toMatchObject([{ reason: 'late' }]);
    // As after a rollback: the bit is gone.
    await it.redis.del(`${it.keys.base}sealed:${Math.floor(WINDOW / 60 / 4096)}`);
    await refused(it, () => process.send(late), { kind: 'window', startSec: WINDOW });
    await process.memory.begin();
    expect(await process.fold(entry)).toBe('folded');
    expect(await it.counters()).toMatchObject({ counted: 1 });
  });

  test('too-many-windows: refused once there is room again', async () => {
    const it = await lab({ maxOldWindows: 1 });
    const process = await it.process();
    await process.fold(await it.entry([at(1)]));
    const entry = await it.entry([at(1, { sec: WINDOW + 60 })]);
    const plan = await process.plan(entry);
    expect(plan.deadLetters).toMatchObject([{ reason: 'too-many-windows' }]);
    await it.seal(WINDOW, 0, 0);
    await it.store.drop(WINDOW);
    await refused(it, () => process.send(plan), { kind: 'verdict', openOldWindows: 0 });
    expect(await process.fold(entry)).toBe('folded');
    expect(await it.counters()).toMatchObject({ counted: 2 });
  });

  test('too-many-windows: refused for a window that is not old by Redis’s clock', async () => {
    const it = await lab({ maxOldWindows: 0 });
    const process = await it.process();
    const sec = Math.floor(process.memory.nowMs / 60_000) * 60;
    const entry = await it.entry([at(1, { sec })]);
    await process.memory.learn([sec]);
    process.memory.heard(process.memory.nowMs + 3_600_000);
    const plan = process.planAsKnown([process.item(entry)]);
    expect(plan.deadLetters).toMatchObject([{ reason: 'too-many-windows' }]);
    await refused(it, () => process.send(plan), { kind: 'verdict' });
    expect(await process.fold(entry)).toBe('folded');
    expect(await it.counters()).toMatchObject({ counted: 1 });
  });

  test('room for one more old window: refused when others have taken it', async () => {
    const it = await lab({ maxOldWindows: 1 });
    const [slow, quick] = [await it.process(), await it.process()];
    const entry = await it.entry([at(1)]);
    const plan = await slow.plan(entry);
    expect(plan.counted).toBe(1);
    await quick.fold(await it.entry([at(1, { sec: WINDOW + 60 })]));
    await refused(it, () => slow.send(plan), { kind: 'verdict', openOldWindows: 1 });
    expect(await slow.fold(entry)).toBe('folded');
    expect(await it.counters()).toMatchObject({ counted: 1, 'dead:too-many-windows': 1 });
    expect(await it.redis.zcard(it.keys.open)).toBe(1);
  });

  test('room for several: refused when they are more than there is room for', async () => {
    const it = await lab({ maxOldWindows: 2 });
    const generous = await it.with({ maxOldWindows: 3 }).process();
    const plan = await generous.plan(await it.entry([0, 60, 120].map((sec) => at(1, { sec: WINDOW + sec }))));
    expect(plan.counted).toBe(3);
    await refused(it, () => it.store.fold(plan, generous.memory.seed), { kind: 'verdict', openOldWindows: 0 });
  });

  test('opening some and refusing others holds when it fills the room exactly', async () => {
    const it = await lab({ maxOldWindows: 2 });
    const process = await it.process();
    const plan = await process.plan(await it.entry([0, 60, 120].map((sec) => at(1, { sec: WINDOW + sec }))));
    expect(await process.send(plan)).toMatchObject({ kind: 'folded', openOldWindows: 2 });
    expect(await it.counters()).toMatchObject({ counted: 2, 'dead:too-many-windows': 1 });
  });

  test('window-full: refused when the window is another one by now', async () => {
    const it = await lab({ maxLogBytes: 50 });
    const [full, quick] = [await it.process(), await it.process()];
    await quick.fold(await it.entry([at(1), at(2), at(3)]));
    const plan = await full.plan(await it.entry([at(4)]));
    expect(plan.deadLetters).toMatchObject([{ reason: 'window-full' }]);
    await it.seal(WINDOW, 0, 0);
    await it.store.drop(WINDOW);
    await refused(it, () => full.send(plan), { kind: 'window', startSec: WINDOW });
  });
});

describe('the seed of a partition', () => {
  test('is set by the first fold and refuses every fold made with another', async () => {
    const it = await lab();
    const [first, second] = [await it.process(), await it.process({ seed: 'ffffffffffffffff' })];
    const entries = [await it.entry([at(1)]), await it.entry([at(1), at(2)])];
    const plan = await second.plan(entries[1]!);
    await first.fold(entries[0]!);
    await refused(it, () => second.send(plan), { kind: 'seed', seed: first.memory.seed });
    expect(await second.fold(entries[1]!)).toBe('folded');
    expect(second.memory.seed).toBe(first.memory.seed);
    expect(await it.counters()).toMatchObject({ counted: 2, duplicate: 1 });
  });

  test('refuses also a fold that touches no window', async () => {
    const it = await lab();
    const [first, second] = [await it.process(), await it.process({ seed: 'ffffffffffffffff' })];
    const plan = await second.plan(await it.entry(['x']));
    await first.fold(await it.entry([at(1)]));
    await refused(it, () => second.send(plan), { kind: 'seed' });
  });
});

describe('a fold that Redis cannot take', () => {
  test('for want of memory changes nothing and acks nothing', async () => {
    const it = await lab();
    const process = await it.process();
    await process.fold(await it.entry([at(1)]));
    const entries = [
      await it.entry([at(2)]),
      await it.entry([at(1)]),
      await it.entry(['x']),
      await it.entry([at(9, { sec: 60 })]),
    ];
    try {
      for (const entry of entries) {
        const plan = await process.plan(entry);
        await it.redis.config('SET', 'maxmemory', '1');
        const before = await it.snapshot();
        await expect(process.send(plan)).rejects.toMatchObject({ code: 'redis-oom', outcome: 'not-applied' });
        expect(await it.snapshot()).toEqual(before);
        await it.redis.config('SET', 'maxmemory', '0');
      }
    } finally {
      await it.redis.config('SET', 'maxmemory', '0');
    }
    expect(await it.pendingIds()).toEqual(entries.map(({ id }) => id));
    for (const entry of entries) await process.fold(entry);
    expect(await it.ledger()).toEqual({ received: 5, told: 5 });
    expect(await it.counters()).toMatchObject({ counted: 3, duplicate: 1, 'dead:unreadable': 1 });
  });

  test('because its group is gone changes nothing', async () => {
    const it = await lab();
    const process = await it.process();
    const plan = await process.plan(await it.entry([at(1)]));
    await it.redis.xgroup('DESTROY', it.keys.stream, 'aggregators');
    const before = await it.snapshot();
    await expect(process.send(plan)).rejects.toMatchObject({ code: 'redis-nogroup', retryable: true });
    expect(await it.snapshot()).toEqual(before);
  });
});
