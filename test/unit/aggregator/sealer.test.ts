import { NO_VERSION } from '@weir/aggregator/log-codec';
import { Observer } from '@weir/aggregator/observer';
import type { RelayReport } from '@weir/aggregator/seal-plan';
import { Sealer, type SealerOptions } from '@weir/aggregator/sealer';
import { decodeTotals, encodeTotals } from '@weir/aggregator/totals-codec';
import { RedisTime } from '@weir/common/clock';
import { silentLogger } from '@weir/common/logger';
import { RedisFault } from '@weir/common/redis-fault';
import { FakeClock, settle } from '../../support/fake-clock.ts';
import { FakePartitionStore } from '../../support/fake-partition-store.ts';
import { FakeBooks, FakeFinalStore } from '../../support/fake-sinks.ts';

const WINDOW = 1_478_507_520;
const OPENED = 1_478_507_530_000;
const LATENESS = 900_000;
const DUE = (WINDOW + 60) * 1_000 + LATENESS;
const FINAL_KEEP = 3_600_000;
const signal = new AbortController().signal;

/** Two partitions and two sinks, a window that was published in both, and the moment it is due. */
async function deployment(options: Partial<SealerOptions> = {}) {
  const clock = new FakeClock();
  const time = new RedisTime(clock, DUE);
  const stores = [new FakePartitionStore(0), new FakePartitionStore(1)];
  const finals = new FakeFinalStore();
  const books = [new FakeBooks(), new FakeBooks()];
  const failed: unknown[] = [];
  const fail = (error: unknown) => failed.push(error);
  const reports: RelayReport[] = [];
  const seen = { sealed: 0, waiting: 0 };
  const redis = { losses: 0 };
  const epoch = () => redis.losses;
  const observer = new Observer({ stores, finals, clock, epoch, intervalMs: 200, logger: silentLogger, fail });
  const sealer = new Sealer({
    stores,
    finals,
    books,
    observer,
    clock,
    epoch,
    time,
    times: { windowSec: 60, latenessMs: LATENESS, holdMs: 6 * LATENESS },
    finalKeepMs: FINAL_KEEP,
    intervalMs: 1_000,
    relays: async () => reports,
    owns: () => true,
    events: {
      sealed: () => {
        seen.sealed++;
      },
      waiting: (windows) => {
        seen.waiting = windows;
      },
    },
    logger: silentLogger,
    fail,
    ...options,
  });
  const publish = async (partition: number, events: number) => {
    const store = stores[partition]!;
    const groups = [{ eventType: 'e', product: 'p', events, users: 1 }];
    const version = store.version(WINDOW);
    await store.publish(WINDOW, version, encodeTotals({ version, groups }));
  };
  for (const store of stores) {
    store.seed = 'of the partition';
    store.nowMs = OPENED;
    store.append(WINDOW, Buffer.from('a log of 20 bytes and more'));
    store.nowMs = DUE;
  }
  await publish(0, 5);
  await publish(1, 3);
  const round = async (later = 0) => {
    await clock.advance(later);
    for (const store of stores) store.nowMs = time.nowMs();
    finals.nowMs = time.nowMs();
    await observer.runOnce();
    await sealer.runOnce(signal);
  };
  return { clock, stores, finals, books, failed, reports, redis, seen, observer, sealer, publish, round };
}

type Deployment = Awaited<ReturnType<typeof deployment>>;

function expectSealed({ stores, finals, seen }: Deployment, events = 8): void {
  expect(decodeTotals(finals.records.get(WINDOW)!)).toEqual({
    version: NO_VERSION,
    groups: [{ eventType: 'e', product: 'p', events, users: 2 }],
  });
  for (const store of stores) expect([store.sealed.has(WINDOW), store.logs.size]).toEqual([true, 0]);
  expect(seen.sealed).toBe(1);
}

const relay = (fields: Partial<RelayReport> = {}): RelayReport => ({
  id: 'relay-1',
  incarnation: '0011223344556677',
  startedMs: 0,
  lastMs: DUE,
  drainedMs: DUE,
  ...fields,
});

describe('a window', () => {
  test('is sealed when it is due: every partition’s bit, the sum as final record, then nothing is left of its state', async () => {
    const it = await deployment();
    await it.round();
    expectSealed(it);
  });

  test('is not touched before', async () => {
    const it = await deployment({ times: { windowSec: 60, latenessMs: LATENESS + 1, holdMs: 0 } });
    await it.round();
    expect(it.stores.map(({ sealed }) => sealed.size)).toEqual([0, 0]);
    await it.round(1);
    expectSealed(it);
  });

  test('is another process’s to seal where it is not ours', async () => {
    const asked: string[] = [];
    const owns = (key: string) => {
      asked.push(key);
      return false;
    };
    const it = await deployment({ owns });
    await it.round();
    expect(it.finals.records.size).toBe(0);
    expect(asked).toEqual([`seal/${WINDOW}`]);
  });

  test('waits for a relay that may still hold lines of it, and says for whom', async () => {
    const it = await deployment();
    it.reports.push(relay({ id: 'drained' }), relay({ id: 'cut off', drainedMs: DUE - 1 }));
    await it.round();
    expect(it.stores.map(({ sealed }) => sealed.size)).toEqual([0, 0]);
    expect([...it.sealer.waiting].map(([startSec, relays]) => [startSec, relays.map(({ id }) => id)])).toEqual([
      [WINDOW, ['cut off']],
    ]);
    expect(it.seen.waiting).toBe(1);
    it.reports.pop();
    await it.round();
    expectSealed(it);
    expect(it.sealer.waiting.size).toBe(0);
  });

  test('waits until everything is folded that was appended before the relays were drained, and no later moment', async () => {
    const it = await deployment();
    const asked: number[] = [];
    const [store] = it.stores;
    const seal = store!.seal.bind(store);
    store!.seal = async (startSec, sealing) => {
      asked.push(sealing.foldedMs);
      return seal(startSec, sealing);
    };
    store!.sealAnswer = 'behind';
    await it.round(700);
    await it.round(10_000);
    expect(it.finals.records.size).toBe(0);
    store!.sealAnswer = 'sealed';
    await it.round(10_000);
    expect(new Set(asked)).toEqual(new Set([DUE + 700]));
    expectSealed(it);
  });

  test('waits until the totals of its last version are published', async () => {
    const it = await deployment();
    it.stores[1]!.append(WINDOW, Buffer.from('another record, 16 bytes+'));
    await it.round();
    expect(it.stores.map(({ sealed }) => sealed.has(WINDOW))).toEqual([true, true]);
    expect(it.finals.records.size).toBe(0);
    expect(it.stores[0]!.logs.size).toBe(1);
    await it.publish(1, 4);
    await it.round();
    expectSealed(it, 9);
  });

  test('that not all partitions have is sealed in all of them', async () => {
    const it = await deployment();
    it.stores[1]!.logs.clear();
    it.stores[1]!.published.clear();
    await it.round();
    expect(decodeTotals(it.finals.records.get(WINDOW)!).groups).toMatchObject([{ events: 5 }]);
    expect(it.stores[1]!.sealed.has(WINDOW)).toBe(true);
  });

  test('that a partition without a seed may get events of is sealed once that has one, to be told from an emptied one', async () => {
    const it = await deployment();
    it.stores[1]!.seed = undefined;
    await it.round();
    expect(it.finals.records.size).toBe(0);
    expect(it.stores[1]!.sealed.size).toBe(0);
    await it.round();
    expectSealed(it);
  });

  test('has one final record, whoever makes it', async () => {
    const it = await deployment();
    await it.finals.store(WINDOW, encodeTotals({ version: NO_VERSION, groups: [] }));
    for (const store of it.stores) store.sealed.add(WINDOW);
    await it.round();
    expect(decodeTotals(it.finals.records.get(WINDOW)!).groups).toEqual([]);
    expect(it.stores.map(({ logs }) => logs.size)).toEqual([0, 0]);
    expect(it.seen.sealed).toBe(0);
  });
});

describe('a seal that was interrupted', () => {
  const lost = new RedisFault('redis-unreachable', 'lost', true, 'unknown');
  const steps = ['seal 1', 'seal 2', 'meta 1', 'meta 2', 'publishedTotals 1', 'publishedTotals 2', 'final get 1'];
  steps.push('final store 1', 'drop 1', 'drop 2');

  /** Fails one call of a step, counted over both partitions. */
  function failing(it: Deployment, step: string): void {
    const calls = new Map<string, number>();
    const before = (name: string) => {
      calls.set(name, (calls.get(name) ?? 0) + 1);
      if (`${name} ${calls.get(name)}` === step) throw lost;
    };
    for (const store of it.stores) store.before = before;
    it.finals.before = (name) => before(`final ${name}`);
  }

  test.each(steps)('at its step %s goes on from there and comes to the same record', async (step) => {
    const it = await deployment();
    failing(it, step);
    await expect(it.round()).rejects.toBe(lost);
    failing(it, 'none');
    // Another process goes on: it remembers nothing of the first one's round.
    const sealer = new Sealer({
      stores: it.stores,
      finals: it.finals,
      books: it.books,
      observer: it.observer,
      clock: it.clock,
      epoch: () => it.redis.losses,
      time: new RedisTime(it.clock, DUE),
      times: { windowSec: 60, latenessMs: LATENESS, holdMs: 0 },
      finalKeepMs: FINAL_KEEP,
      intervalMs: 1_000,
      relays: async () => [],
      owns: () => true,
      events: { sealed: () => it.seen.sealed++, waiting: () => undefined },
      logger: silentLogger,
      fail: (error) => it.failed.push(error),
    });
    await it.observer.runOnce();
    await sealer.runOnce(signal);
    expectSealed(it);
  });

  test('never makes a record of half-freed state, however long the reading took', async () => {
    const it = await deployment();
    it.stores[1]!.before = (step) => {
      if (step === 'publishedTotals') void it.clock.advance(60_001);
    };
    await it.round();
    expect(it.finals.records.size).toBe(0);
    it.stores[1]!.before = () => undefined;
    await it.round();
    expectSealed(it);
  });

  test('by Redis losing a partition’s bit but not the record seals again and frees the rest', async () => {
    const it = await deployment();
    await it.finals.store(WINDOW, encodeTotals({ version: NO_VERSION, groups: [] }));
    it.stores[0]!.sealed.add(WINDOW);
    await it.round();
    expect(it.stores[1]!.sealed.has(WINDOW)).toBe(true);
    await it.round();
    expect(it.stores.map(({ logs }) => logs.size)).toEqual([0, 0]);
  });
});

describe('a seal never rests on what an earlier Redis knew', () => {
  const nothingSealed = ({ stores, finals }: Deployment) => {
    expect(stores.map(({ sealed }) => sealed.size)).toEqual([0, 0]);
    expect(finals.records.size).toBe(0);
  };

  test('the connection was lost since the windows were seen: they are seen again first', async () => {
    const it = await deployment();
    await it.observer.runOnce();
    it.redis.losses++;
    await it.sealer.runOnce(signal);
    nothingSealed(it);
    await it.round();
    expectSealed(it);
  });

  test('the connection was lost while the relays were asked', async () => {
    const it: Deployment = await deployment({
      relays: async () => {
        it.redis.losses++;
        return [];
      },
    });
    await it.round();
    nothingSealed(it);
  });

  test('a partition was emptied since it was seen', async () => {
    const it: Deployment = await deployment({
      relays: async () => {
        it.stores[1]!.seed = 'of the emptied partition';
        return [];
      },
    });
    it.stores[0]!.sealed.add(WINDOW);
    await it.round();
    expect(it.stores[1]!.sealed.size).toBe(0);
    expect(it.finals.records.size).toBe(0);
  });

  test('the connection was lost between the bits and the record', async () => {
    const it = await deployment();
    it.stores[1]!.before = (step) => {
      if (step === 'publishedTotals') it.redis.losses++;
    };
    await it.round();
    expect(it.finals.records.size).toBe(0);
  });

  test('all was emptied between the bits and the record: the record goes again', async () => {
    const it = await deployment();
    const store = it.finals.store.bind(it.finals);
    it.finals.store = async (startSec, totals) => {
      for (const partition of it.stores) {
        partition.seed = 'of the emptied partition';
        partition.sealed.clear();
      }
      return store(startSec, totals);
    };
    await it.round();
    nothingSealed(it);
    expect(it.seen.sealed).toBe(0);
  });
});

describe('sealing', () => {
  test('pauses for the lateness after Redis’s clock jumped', async () => {
    const it = await deployment();
    it.sealer.pause();
    await it.round(LATENESS - 1);
    expect(it.finals.records.size).toBe(0);
    await it.round(1);
    expectSealed(it);
  });

  test('stops between two windows when it is told to', async () => {
    const it = await deployment();
    await it.observer.runOnce();
    await it.sealer.runOnce(AbortSignal.abort());
    expect(it.finals.records.size).toBe(0);
  });

  test.each([
    [new RedisFault('redis-loading', 'loading', true, 'not-applied'), 0],
    [new TypeError('a bug'), 1],
  ])('goes on after a fault that passes and tells of a bug: %p', async (error, told) => {
    const it = await deployment({ relays: () => Promise.reject(error) });
    await it.observer.runOnce();
    await it.sealer.start();
    await settle();
    await it.sealer.stop();
    expect(it.failed).toHaveLength(told);
  });
});

describe('a final record', () => {
  async function sealed() {
    const it = await deployment();
    await it.round();
    return it;
  }

  test('goes, and the sinks’ books with it, when it was kept long enough and every sink is done', async () => {
    const it = await sealed();
    for (const books of it.books) await books.finish(WINDOW, 'settled');
    await it.round(FINAL_KEEP - 1);
    expect(it.finals.records.size).toBe(1);
    await it.round(1);
    expect(it.finals.records.size).toBe(0);
    expect(it.books.map(({ windows }) => windows.size)).toEqual([0, 0]);
  });

  test('waits for the last sink', async () => {
    const it = await sealed();
    await it.books[0]!.finish(WINDOW, 'settled');
    await it.round(FINAL_KEEP * 100);
    expect(it.finals.records.size).toBe(1);
    await it.books[1]!.finish(WINDOW, 'given-up');
    await it.round();
    expect(it.finals.records.size).toBe(0);
  });

  test('stays while a partition still has state of the window', async () => {
    const it = await deployment();
    await it.finals.store(WINDOW, encodeTotals({ version: NO_VERSION, groups: [] }));
    for (const books of it.books) await books.finish(WINDOW, 'settled');
    for (const store of it.stores) {
      store.drop = async () => 'gone';
      store.sealed.add(WINDOW);
    }
    await it.round(FINAL_KEEP + 1);
    expect(it.finals.records.size).toBe(1);
  });
});
