import type { FoldItem, FoldPlan } from '@weir/aggregator/fold-plan';
import { Folder, type FolderOptions } from '@weir/aggregator/folder';
import { PartitionMemory } from '@weir/aggregator/partition-memory';
import { silentLogger } from '@weir/common/logger';
import { RedisFault } from '@weir/common/redis-fault';
import { entryOf, eventOf, type TestEvent } from '../../support/event-lines.ts';
import { FakeClock, settle } from '../../support/fake-clock.ts';
import { FakePartitionStore } from '../../support/fake-partition-store.ts';

const START = 1_478_507_520;
let nonces = 0;

async function folderOn(store: FakePartitionStore, options: Partial<FolderOptions> = {}) {
  const memory = new PartitionMemory({ store, newSeed: () => '00112233445566ff' });
  await memory.begin();
  const clock = new FakeClock();
  const folded: FoldPlan[] = [];
  const conflicts: string[] = [];
  const folder = new Folder({
    store,
    memory,
    limits: { windowSec: 60, latenessMs: 900_000, maxOldWindows: 100, maxLogBytes: 1e9 },
    digest: { identity: 'content', windowSec: 60 },
    clock,
    random: () => 0.5,
    nonce: () => Buffer.from(String(++nonces).padStart(16, '0')),
    isOwner: () => true,
    events: { folded: (plan) => folded.push(plan), conflict: (kind) => conflicts.push(kind) },
    logger: silentLogger,
    ...options,
  });
  const item = (id: string, events: readonly TestEvent[]): FoldItem => folder.digest({ entry: entryOf(id, events) });
  return { store, memory, clock, folder, item, folded, conflicts };
}

const fold = async (options: Partial<FolderOptions> = {}, store = new FakePartitionStore()) => folderOn(store, options);

function deliver(store: FakePartitionStore, ...ids: string[]): void {
  for (const id of ids) store.pending.add(id);
}

function known(memory: PartitionMemory) {
  const window = memory.windows.get(START);
  return window?.kind === 'open' ? { events: window.state.events, version: window.state.version } : window?.kind;
}

describe('a folder', () => {
  test('folds entries and remembers what Redis confirmed', async () => {
    const { store, memory, folder, item, folded } = await fold();
    deliver(store, '1-0', '2-0');
    expect(await folder.fold([item('1-0', [eventOf()]), item('2-0', [eventOf()])])).toBe('folded');
    expect(store).toMatchObject({ counted: 1, pending: new Set() });
    expect(folded).toEqual(store.folds);
    expect(known(memory)).toEqual({ events: 1, version: store.version(START) });
  });

  test('that lost the reply remembers nothing, and finds the entry done when it comes again', async () => {
    const { store, memory, folder, item, folded, conflicts } = await fold();
    deliver(store, '1-0', '2-0');
    store.afterFold = () => {
      throw new RedisFault('redis-unreachable', 'lost', true, 'unknown');
    };
    await expect(folder.fold([item('1-0', [eventOf()])])).rejects.toMatchObject({ outcome: 'unknown' });
    expect(known(memory)).toBe('absent');
    expect(folded).toEqual([]);
    store.afterFold = () => undefined;
    expect(await folder.fold([item('1-0', [eventOf()])])).toBe('folded');
    expect(conflicts).toEqual(['pending']);
    expect(await folder.fold([item('2-0', [eventOf(), eventOf({ nanos: 1 })])])).toBe('folded');
    expect(store.counted).toBe(2);
    expect(folded).toHaveLength(1);
  });

  test('learns what others folded and tries again', async () => {
    const { store, memory, folder, item, conflicts } = await fold();
    const other = await folderOn(store);
    deliver(store, '1-0', '2-0', '3-0');
    await folder.fold([item('1-0', [eventOf()])]);
    await other.folder.fold([other.item('2-0', [eventOf({ nanos: 1 })])]);
    expect(await folder.fold([item('3-0', [eventOf({ nanos: 1 }), eventOf({ nanos: 2 })])])).toBe('folded');
    expect(conflicts).toEqual(['window']);
    expect(store.counted).toBe(3);
    expect(known(memory)).toEqual({ events: 3, version: store.version(START) });
  });

  test('drops the entries that others folded and folds the rest', async () => {
    const { store, folder, item, folded, conflicts } = await fold();
    deliver(store, '2-0');
    const items = ['1-0', '2-0', '3-0'].map((id, nanos) => item(id, [eventOf({ nanos })]));
    expect(await folder.fold(items)).toBe('folded');
    expect(conflicts).toEqual(['pending']);
    expect(folded.map(({ items }) => items.map(({ entry }) => entry.id))).toEqual([['2-0']]);
    expect(store.counted).toBe(1);
  });

  test.each([
    ['a refusal', ['seed']],
    ['a read', []],
  ])('makes its digests anew when it is told of another seed by %s', async (told, expected) => {
    const { store, memory, folder, item, conflicts } = await fold();
    const other = await folderOn(store);
    deliver(store, '1-0', '2-0');
    const mine = item('2-0', [eventOf(), eventOf({ nanos: 1 })]);
    if (told === 'a refusal') await memory.learn([START]);
    other.memory.reset('ffffffffffffffff');
    await other.folder.fold([other.item('1-0', [eventOf()])]);
    expect(await folder.fold([mine])).toBe('folded');
    expect(conflicts).toEqual(expected);
    expect(memory.seed).toBe('ffffffffffffffff');
    expect(store.counted).toBe(2);
    expect(store.folds.at(-1)).toMatchObject({ counted: 1, duplicates: 1 });
  });

  test('judges anew when a verdict no longer holds', async () => {
    const { store, folder, item, conflicts, folded } = await fold();
    deliver(store, '1-0');
    store.openOldWindows = 100;
    const before = store.fold.bind(store);
    let refused = 0;
    store.fold = async (plan, seed) => {
      if (plan.windows.some(({ claim }) => claim === 'refused')) {
        refused++;
        store.openOldWindows = 99;
        return { kind: 'verdict', nowMs: store.nowMs, openOldWindows: 99 };
      }
      return before(plan, seed);
    };
    expect(await folder.fold([item('1-0', [eventOf()])])).toBe('folded');
    expect(refused).toBe(1);
    expect(conflicts).toEqual(['verdict']);
    expect(folded[0]).toMatchObject({ counted: 1, deadLetters: [] });
  });

  test('folds an entry that nobody can read as a dead letter', async () => {
    const { store, folder, folded } = await fold();
    deliver(store, '1-0');
    const item = folder.digest({ entry: entryOf('1-0', [eventOf()], { lineCount: 2 }) });
    expect(item).not.toHaveProperty('digest');
    await folder.fold([item]);
    expect(folded[0]).toMatchObject({ counted: 0, deadLetters: [{ reason: 'unreadable', lineCount: 2 }] });
  });

  test('keeps the mark of a suspect when it digests again', async () => {
    const { folder } = await fold();
    expect(folder.digest({ entry: entryOf('1-0', [eventOf()]), suspect: true })).toMatchObject({ suspect: true });
  });
});

describe('a folder that meets others again and again', () => {
  /** Somebody else folds into the window before each of our folds. */
  async function contended(times: number, isOwner: () => boolean) {
    const made = await fold({ isOwner });
    const { store } = made;
    const other = await folderOn(store);
    deliver(store, '9-0');
    let met = 0;
    const plain = store.fold.bind(store);
    store.fold = async (plan, seed) => {
      if (met < times) {
        met++;
        const id = `1-${met}`;
        deliver(store, id);
        store.fold = plain;
        await other.folder.fold([other.item(id, [eventOf({ nanos: met })])]);
        store.fold = meddled;
      }
      return plain(plan, seed);
    };
    const meddled = store.fold;
    return { ...made, result: made.folder.fold([made.item('9-0', [eventOf({ nanos: 999 })])]) };
  }

  test('leaves the entry to be claimed after three conflicts, when the partition is not its own', async () => {
    const { store, conflicts, result } = await contended(9, () => false);
    expect(await result).toBe('left');
    expect(conflicts).toEqual(['window', 'window', 'window']);
    expect(store.pending).toEqual(new Set(['9-0']));
  });

  test('backs off at random, longer each time and at most half a second, when it is', async () => {
    const { store, clock, conflicts, result } = await contended(9, () => true);
    const pauses: number[] = [];
    for (let round = 0; round < 7; round++) {
      await settle();
      const [untilMs] = clock.sleepingUntilMs;
      pauses.push(untilMs! - clock.monotonicMs());
      await clock.advance(pauses.at(-1)!);
    }
    expect(await result).toBe('folded');
    expect(pauses).toEqual([10, 20, 40, 80, 160, 250, 250]);
    expect(conflicts).toHaveLength(9);
    expect(store.counted).toBe(10);
  });

  test('leaves the entry when it is told to stop', async () => {
    const { store, clock, folder, item } = await fold();
    deliver(store, '1-0');
    store.fold = async () => ({ kind: 'window', nowMs: store.nowMs, startSec: START });
    const abort = new AbortController();
    const result = folder.fold([item('1-0', [eventOf()])], abort.signal);
    await settle();
    expect(clock.sleepingUntilMs).toHaveLength(1);
    abort.abort();
    expect(await result).toBe('left');
  });
});
