import { Sealer } from '@weir/aggregator/sealer';
import { RedisTime } from '@weir/common/clock';
import { decodeFinal, encodeFinal } from '@weir/common/final-codec';
import { silentLogger } from '@weir/common/logger';
import { RedisFault } from '@weir/common/redis-fault';
import { settle } from '../../support/fake-clock.ts';
import {
  type Deployment,
  DUE,
  deployment,
  expectSealed,
  FINAL_KEEP,
  LATENESS,
  relay,
  signal,
  WINDOW,
} from '../../support/sealing.ts';

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
    expect(decodeFinal(it.finals.records.get(WINDOW)!)).toMatchObject([{ events: 5 }]);
    expect(it.stores[1]!.sealed.has(WINDOW)).toBe(true);
  });

  test('that a partition without a birth may get events of is sealed once that has one, to be told from an emptied one', async () => {
    const it = await deployment();
    it.stores[1]!.birth = undefined;
    await it.round();
    expect(it.finals.records.size).toBe(0);
    expect(it.stores[1]!.sealed.size).toBe(0);
    await it.round();
    expectSealed(it);
  });

  test('has one final record, whoever makes it', async () => {
    const it = await deployment();
    await it.finals.store(WINDOW, encodeFinal([]));
    for (const store of it.stores) store.sealed.add(WINDOW);
    await it.round();
    expect(decodeFinal(it.finals.records.get(WINDOW)!)).toEqual([]);
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
      books: () => it.books,
      requests: it.requests,
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
    await it.finals.store(WINDOW, encodeFinal([]));
    it.stores[0]!.sealed.add(WINDOW);
    await it.round();
    expect(it.stores[1]!.sealed.has(WINDOW)).toBe(true);
    await it.round();
    expect(it.stores.map(({ logs }) => logs.size)).toEqual([0, 0]);
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
    await it.finals.store(WINDOW, encodeFinal([]));
    for (const books of it.books) await books.finish(WINDOW, 'settled');
    for (const store of it.stores) {
      store.drop = async () => 'gone';
      store.sealed.add(WINDOW);
    }
    await it.round(FINAL_KEEP + 1);
    expect(it.finals.records.size).toBe(1);
  });
});
