import { Folder } from '@weir/aggregator/folder';
import { PartitionMemory } from '@weir/aggregator/partition-memory';
import { PartitionWorker, type PartitionWorkerOptions } from '@weir/aggregator/partition-worker';
import { Turns } from '@weir/aggregator/turns';
import { silentLogger } from '@weir/common/logger';
import { RedisFault } from '@weir/common/redis-fault';
import { entryOf, eventOf } from '../../support/event-lines.ts';
import { FakeClock, settle } from '../../support/fake-clock.ts';
import { FakeEntrySource } from '../../support/fake-entry-source.ts';
import { FakePartitionStore } from '../../support/fake-partition-store.ts';

const lost = new RedisFault('redis-unreachable', 'lost', true, 'unknown');
let nonces = 0;

function worker(options: Partial<PartitionWorkerOptions> = {}) {
  const clock = new FakeClock();
  const store = new FakePartitionStore();
  const source = new FakeEntrySource(store, 'me');
  const memory = new PartitionMemory({ store, newSeed: () => '00112233445566ff' });
  const seen = { claimed: 0, lost: 0, faults: [] as string[], failed: [] as unknown[] };
  const region = { consumers: ['me'], epoch: 0 };
  const folder = new Folder({
    store,
    memory,
    limits: { windowSec: 60, latenessMs: 900_000, maxOldWindows: 100, maxLogBytes: 1e9 },
    digest: { identity: 'content', windowSec: 60 },
    clock,
    random: () => 0,
    nonce: () => Buffer.from(String(++nonces).padStart(16, '0')),
    isOwner: () => true,
    events: { folded: () => undefined, conflict: () => undefined },
    logger: silentLogger,
  });
  const it = new PartitionWorker({
    partition: 0,
    consumer: 'me',
    source,
    folder,
    memory,
    turns: new Turns(),
    clock,
    claimIdleMs: 30_000,
    claimEveryMs: 1_000,
    blockMs: 2_000,
    foldLines: 10,
    gatherMs: 0,
    readBytes: 1_000_000,
    maxDeliveries: 5,
    alive: () => ({ consumers: region.consumers, incarnations: [] }),
    epoch: () => region.epoch,
    events: {
      claimed: (entries) => {
        seen.claimed += entries;
      },
      lost: (entries) => {
        seen.lost += entries;
      },
      fault: (code) => seen.faults.push(code),
    },
    logger: silentLogger,
    fail: (error) => seen.failed.push(error),
    ...options,
  });
  const entry = (id: string, lines = 1) =>
    entryOf(
      id,
      Array.from({ length: lines }, (_, i) => eventOf({ nanos: Number(id.split('-')[0]) * 100 + i })),
    );
  const foldedIds = () => store.folds.map(({ items }) => items.map(({ entry: { id } }) => id));
  return { worker: it, clock, store, source, memory, seen, region, entry, foldedIds };
}

type Worker = ReturnType<typeof worker>;

/** Holds every fold back until told. */
function holdFolds({ store }: Worker) {
  const waiting: (() => void)[] = [];
  const fold = store.fold.bind(store);
  store.fold = async (plan, seed) => {
    await new Promise<void>((resolve) => waiting.push(resolve));
    return fold(plan, seed);
  };
  return async () => {
    waiting.shift()?.();
    await settle();
  };
}

describe('a worker', () => {
  test('folds what it had pending before it reads anything new', async () => {
    const it = worker();
    for (const id of ['1-0', '2-0']) it.source.deliverTo('me', it.entry(id));
    it.source.append(it.entry('3-0'));
    await it.worker.start();
    await settle();
    expect(it.foldedIds()).toEqual([['1-0', '2-0'], ['3-0']]);
    expect(it.source.calls.slice(0, 2)).toEqual(['ensureGroup', 'readOwnPending']);
    await it.worker.stop();
    expect(it.store.counted).toBe(3);
  });

  test('goes through more pending entries than fit one page', async () => {
    const it = worker();
    for (let i = 1; i <= 150; i++) it.source.deliverTo('me', it.entry(`${i}-0`));
    await it.worker.start();
    await settle();
    expect(it.store.counted).toBe(150);
    await it.worker.stop();
  });

  test('folds at most so many lines at once, but at least one entry', async () => {
    const it = worker();
    for (const [id, lines] of [
      ['1-0', 4],
      ['2-0', 6],
      ['3-0', 1],
      ['4-0', 25],
      ['5-0', 1],
    ] as const) {
      it.source.append(it.entry(id, lines));
    }
    await it.worker.start();
    await settle();
    expect(it.foldedIds()).toEqual([['1-0', '2-0'], ['3-0'], ['4-0'], ['5-0']]);
    await it.worker.stop();
  });

  test('reads on while a fold is under way, and has no more than two in hand', async () => {
    const it = worker({ foldLines: 1 });
    const letOne = holdFolds(it);
    it.source.append(it.entry('1-0'));
    await it.worker.start();
    await settle();
    it.source.append(it.entry('2-0'));
    await settle();
    it.source.append(it.entry('3-0'));
    await settle();
    // The first is being folded, the second is read and waits for it; the third is not read yet.
    expect(it.source.pending).toEqual(['1-0', '2-0']);
    expect(it.source.calls.filter((call) => call === 'readNew')).toHaveLength(2);
    for (let i = 0; i < 3; i++) await letOne();
    expect(it.foldedIds()).toEqual([['1-0'], ['2-0'], ['3-0']]);
    await it.worker.stop();
  });

  test('lets entries gather between two reads, where less than a whole fold came', async () => {
    const it = worker({ gatherMs: 10 });
    it.source.append(it.entry('1-0'));
    await it.worker.start();
    await settle();
    for (const id of ['2-0', '3-0']) it.source.append(it.entry(id));
    await settle();
    await it.clock.advance(9);
    expect(it.foldedIds()).toEqual([['1-0']]);
    await it.clock.advance(1);
    await settle();
    expect(it.foldedIds()).toEqual([['1-0'], ['2-0', '3-0']]);
    it.source.append(it.entry('4-0', 10));
    await it.clock.advance(10);
    await settle();
    it.source.append(it.entry('5-0'));
    await settle();
    expect(it.foldedIds().slice(2)).toEqual([['4-0'], ['5-0']]);
    await it.worker.stop();
  });

  test('told to stop, folds what it has read first', async () => {
    const it = worker();
    const letOne = holdFolds(it);
    it.source.append(it.entry('1-0'));
    await it.worker.start();
    await settle();
    let stopped = false;
    const stop = it.worker.stop().then(() => {
      stopped = true;
    });
    await settle();
    expect(stopped).toBe(false);
    await letOne();
    await stop;
    expect(it.store.counted).toBe(1);
    expect(it.source.pending).toEqual([]);
  });

  test('told to stop while it waits for entries, stops at once', async () => {
    const it = worker();
    await it.worker.start();
    await settle();
    await it.worker.stop();
    expect(it.seen.failed).toEqual([]);
  });

  test('tells of a bug', async () => {
    const it = worker();
    const bug = new TypeError('a bug');
    it.source.before = (call) => {
      if (call === 'readNew') throw bug;
    };
    await it.worker.start();
    await settle();
    expect(it.seen.failed).toEqual([bug]);
    await it.worker.stop();
  });
});

describe('after a fault', () => {
  test('of a fold whose reply was lost, it reads its pending entries again and counts nothing twice', async () => {
    const it = worker();
    let losses = 1;
    it.store.afterFold = () => {
      if (losses-- > 0) throw lost;
    };
    it.source.append(it.entry('1-0', 3));
    await it.worker.start();
    await settle();
    it.source.append(it.entry('2-0', 2));
    await settle();
    await it.clock.advance(200);
    expect(it.seen.faults).toEqual(['redis-unreachable']);
    expect(it.store.counted).toBe(5);
    expect(it.source.pending).toEqual([]);
    await it.worker.stop();
  });

  test('of a fold that never arrived, its entry is folded again although nothing new comes', async () => {
    const it = worker();
    let losses = 1;
    it.store.before = (step) => {
      if (step === 'fold' && losses-- > 0) throw lost;
    };
    it.source.append(it.entry('1-0', 3));
    await it.worker.start();
    await settle();
    await it.clock.advance(200);
    expect(it.store.counted).toBe(3);
    expect(it.source.pending).toEqual([]);
    await it.worker.stop();
  });

  test('drops what it has in hand when a connection was lost since it was read, and reads it again', async () => {
    const it = worker();
    it.source.before = (call) => {
      if (call === 'readNew ends') it.region.epoch++;
    };
    it.source.append(it.entry('1-0'));
    await it.worker.start();
    await settle();
    expect(it.foldedIds()).toEqual([]);
    expect(it.seen.faults).toEqual(['redis-reconnected']);
    it.source.before = () => undefined;
    await it.clock.advance(200);
    expect(it.foldedIds()).toEqual([['1-0']]);
    await it.worker.stop();
  });

  test('waits longer between two tries each time, at most a few seconds, and goes on for as long as it takes', async () => {
    const it = worker();
    const tries: number[] = [];
    it.source.before = (call) => {
      if (call !== 'ensureGroup') return;
      tries.push(it.clock.monotonicMs());
      throw lost;
    };
    await it.worker.start();
    await settle();
    while (it.clock.monotonicMs() < 13_000) await it.clock.advance(200);
    expect(tries).toEqual([0, 200, 600, 1_400, 3_000, 6_200, 9_400, 12_600]);
    expect(it.seen.faults).toHaveLength(8);
    expect(it.worker.interruptedBy).toBe('redis-unreachable');
    it.source.before = () => undefined;
    it.source.append(it.entry('1-0'));
    await it.clock.advance(3_200);
    expect(it.store.counted).toBe(1);
    expect(it.worker.interruptedBy).toBeUndefined();
    await it.worker.stop();
  });
});

describe('entries of others', () => {
  test('are taken over at once when their reader’s heartbeat is gone', async () => {
    const it = worker();
    for (const id of ['1-0', '2-0']) it.source.deliverTo('dead', it.entry(id));
    await it.worker.start();
    await settle();
    expect(it.seen.claimed).toBe(2);
    expect(it.store.counted).toBe(2);
    await it.worker.stop();
  });

  test('that were deleted under a reader that is gone raise the alarm, and the others are folded', async () => {
    const it = worker();
    for (const id of ['1-0', '2-0', '3-0']) it.source.deliverTo('dead', it.entry(id));
    it.source.delete('2-0');
    await it.worker.start();
    await settle();
    expect(it.seen).toMatchObject({ claimed: 2, lost: 1 });
    expect(it.store.counted).toBe(2);
    expect(it.source.pending).toEqual([]);
    await it.worker.stop();
  });

  test('are left to a live reader until they were idle for long enough', async () => {
    const it = worker();
    it.region.consumers = ['me', 'alive'];
    it.source.deliverTo('alive', it.entry('1-0'), { idleMs: 29_999 });
    it.source.deliverTo('alive', it.entry('2-0'), { idleMs: 30_000 });
    await it.worker.start();
    await settle();
    expect(it.foldedIds()).toEqual([['2-0']]);
    expect(it.source.pending).toEqual(['1-0']);
    expect(it.source.calls).not.toContain('claimFrom alive');
    await it.worker.stop();
  });

  test('are looked for every now and then, also while new ones keep coming', async () => {
    const it = worker();
    await it.worker.start();
    await settle();
    const looks = () => it.source.calls.filter((call) => call === 'pendingByConsumer').length;
    expect(looks()).toBe(1);
    it.source.append(it.entry('1-0'));
    await settle();
    expect(looks()).toBe(1);
    await it.clock.advance(1_000);
    it.source.append(it.entry('2-0'));
    await settle();
    expect(looks()).toBe(2);
    await it.worker.stop();
  });
});

describe('an entry that was delivered too often', () => {
  const suspicious = { deliveries: 6 };

  test('is marked and folded alone, after the others', async () => {
    const it = worker();
    it.source.deliverTo('dead', it.entry('1-0'));
    it.source.deliverTo('dead', it.entry('2-0'), suspicious);
    it.source.deliverTo('dead', it.entry('3-0'));
    await it.worker.start();
    await settle();
    expect(it.foldedIds()).toEqual([['1-0', '3-0'], ['2-0']]);
    expect(it.source.calls).toContain('markSuspect 2-0');
    expect(it.store.folds[1]!.items[0]).toMatchObject({ suspect: true, digest: expect.anything() });
    await it.worker.stop();
  });

  test('waits while another process has it in hand', async () => {
    const it = worker();
    it.source.verdict = 'wait';
    it.source.deliverTo('dead', it.entry('1-0'), suspicious);
    it.source.append(it.entry('2-0'));
    await it.worker.start();
    await settle();
    expect(it.foldedIds()).toEqual([['2-0']]);
    it.source.verdict = 'process';
    await it.worker.stop();
    expect(it.source.pending).toEqual([]);
  });

  test('becomes a dead letter, unparsed, once it crashed who had it alone', async () => {
    const it = worker();
    it.source.verdict = 'unreadable';
    it.source.deliverTo('dead', it.entry('1-0', 3), suspicious);
    await it.worker.start();
    await settle();
    expect(it.store.folds[0]).toMatchObject({ counted: 0, deadLetters: [{ reason: 'unreadable', lineCount: 3 }] });
    expect(it.store.folds[0]!.items[0]).not.toHaveProperty('digest');
    await it.worker.stop();
  });
});

describe('what is no batch', () => {
  test('goes to the dead letters as it is', async () => {
    const it = worker();
    it.source.append({ ...it.entry('1-0'), lineCount: 0, lines: Buffer.from('hello\n') }, { readable: false });
    await it.worker.start();
    await settle();
    expect(it.store.folds[0]).toMatchObject({ deadLetters: [{ reason: 'unreadable', lineCount: 0 }] });
    await it.worker.stop();
  });

  test('because it was deleted from the stream is acked, and raises an alarm', async () => {
    const it = worker();
    it.source.deliverTo('me', it.entry('1-0'));
    it.source.deliverTo('me', it.entry('2-0'));
    it.source.delete('1-0');
    await it.worker.start();
    await settle();
    expect(it.seen.lost).toBe(1);
    expect(it.source.acked).toEqual(['1-0']);
    expect(it.foldedIds()).toEqual([['2-0']]);
    await it.worker.stop();
  });
});
