import { Folder } from '@weir/aggregator/folder';
import { PartitionMemory } from '@weir/aggregator/partition-memory';
import { Publisher, type PublisherOptions } from '@weir/aggregator/publisher';
import { decodeTotals } from '@weir/aggregator/totals-codec';
import { Turns } from '@weir/aggregator/turns';
import { silentLogger } from '@weir/common/logger';
import { RedisFault } from '@weir/common/redis-fault';
import { entryOf, eventOf, type TestEvent } from '../../support/event-lines.ts';
import { FakeClock, settle } from '../../support/fake-clock.ts';
import { FakePartitionStore } from '../../support/fake-partition-store.ts';

const WINDOW = 1_478_507_520;
const OPENED = (WINDOW + 10) * 1_000;
const DUE = (WINDOW + 65) * 1_000;
const signal = new AbortController().signal;
let nonces = 0;

function publishing(options: Partial<PublisherOptions> = {}) {
  const clock = new FakeClock();
  const store = new FakePartitionStore();
  const turns = new Turns();
  const seen = { published: 0, evicted: 0, faults: [] as string[], failed: [] as unknown[] };
  const processOn = () => {
    const memory = new PartitionMemory({ store, newSeed: () => '00112233445566ff' });
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
    const fold = async (...events: TestEvent[]) => {
      if (memory.seed === '') await memory.begin();
      store.pending.add('1-0');
      await folder.fold([folder.digest({ entry: entryOf('1-0', events) })]);
    };
    return { memory, fold };
  };
  const { memory, fold } = processOn();
  const publisher = new Publisher({
    store,
    memory,
    turns,
    clock,
    times: { windowSec: 60, graceMs: 5_000, republishMs: 1_000 },
    firstOpenedMs: () => undefined,
    intervalMs: 200,
    maxBytes: () => 1e9,
    events: {
      published: () => {
        seen.published++;
      },
      evicted: (windows) => {
        seen.evicted += windows;
      },
      fault: (code) => seen.faults.push(code),
    },
    logger: silentLogger,
    fail: (error) => seen.failed.push(error),
    ...options,
  });
  store.nowMs = OPENED;
  const totals = (startSec = WINDOW) => {
    const blob = store.published.get(startSec)?.totals;
    return blob && decodeTotals(blob);
  };
  const round = async (nowMs: number) => {
    store.nowMs = nowMs;
    await publisher.runOnce(signal);
  };
  return { clock, store, memory, turns, fold, elsewhere: processOn, publisher, seen, totals, round };
}

const at = (nanos: number, fields: Partial<TestEvent> = {}) => eventOf({ sec: WINDOW, nanos, ...fields });

describe('a publisher', () => {
  test('publishes the sum of the log, with its version, when the window is due', async () => {
    const it = publishing();
    await it.fold(at(1), at(2), at(1, { username: 'u2', product: '__proto__' }));
    await it.round(DUE - 1);
    expect(it.totals()).toBeUndefined();
    await it.round(DUE);
    expect(it.totals()).toEqual({
      version: it.store.version(WINDOW),
      groups: [
        { eventType: 'http-5xx', product: 'productA', events: 2, users: 1 },
        { eventType: 'http-5xx', product: '__proto__', events: 1, users: 1 },
      ],
    });
    expect(it.seen.published).toBe(1);
  });

  test('includes what other processes folded', async () => {
    const it = publishing();
    await it.fold(at(1));
    await it.elsewhere().fold(at(2));
    await it.round(DUE);
    expect(it.totals()!.groups).toMatchObject([{ events: 2 }]);
  });

  test('publishes windows that it never folded into', async () => {
    const it = publishing();
    await it.elsewhere().fold(at(1));
    await it.round(DUE);
    expect(it.totals()!.groups).toMatchObject([{ events: 1 }]);
  });

  test('publishes again after a change, not more often than it may', async () => {
    const it = publishing();
    await it.fold(at(1));
    await it.round(DUE);
    await it.round(DUE + 200);
    await it.fold(at(2));
    await it.round(DUE + 999);
    expect(it.seen.published).toBe(1);
    await it.round(DUE + 1_000);
    expect(it.totals()!.groups).toMatchObject([{ events: 2 }]);
  });

  test('counts grace from the window’s first event in any partition', async () => {
    const late = DUE + 3_600_000;
    const it = publishing({ firstOpenedMs: () => late - 4_000 });
    it.store.nowMs = late;
    await it.fold(at(1));
    await it.round(late + 999);
    expect(it.seen.published).toBe(0);
    await it.round(late + 1_000);
    expect(it.seen.published).toBe(1);
  });

  test('publishes the last version of a sealed window', async () => {
    const it = publishing();
    await it.fold(at(1));
    it.store.sealed.add(WINDOW);
    await it.round(DUE);
    expect(it.totals()!.version).toEqual(it.store.version(WINDOW));
  });

  test('publishes nothing when the partition turns out to have another seed, and makes it good the next time', async () => {
    const it = publishing();
    await it.fold(at(1));
    const { seed } = it.store;
    it.store.seed = 'ffffffffffffffff';
    await it.round(DUE);
    expect(it.seen.published).toBe(0);
    it.store.seed = seed;
    await it.round(DUE + 200);
    await it.round(DUE + 400);
    expect(it.totals()!.groups).toMatchObject([{ events: 1 }]);
  });

  test('takes turns with the folds', async () => {
    const it = publishing();
    await it.fold(at(1));
    let end: () => void = () => undefined;
    void it.turns.take(
      () =>
        new Promise<void>((resolve) => {
          end = resolve;
        }),
    );
    const round = it.round(DUE);
    await settle();
    expect(it.totals()).toBeUndefined();
    end();
    await round;
    expect(it.totals()).toBeDefined();
  });

  test('lets go of the state of windows that are gone', async () => {
    const it = publishing();
    await it.fold(at(1), at(1, { sec: WINDOW + 60 }));
    await it.round(DUE + 60_000);
    it.store.sealed.add(WINDOW);
    await it.store.drop(WINDOW);
    await it.round(DUE + 60_200);
    expect([...it.memory.windows.keys()]).toEqual([WINDOW + 60]);
  });

  test('lets go of windows when they are too much to remember', async () => {
    const it = publishing({ maxBytes: () => 0 });
    await it.fold(at(1), at(1, { sec: WINDOW + 60 }));
    await it.round(DUE);
    expect(it.seen.evicted).toBe(2);
    expect(it.memory.bytes).toBe(0);
  });
});

describe('a publisher that is interrupted', () => {
  test.each([
    [new RedisFault('redis-loading', 'loading', true, 'not-applied'), ['redis-loading'], 0],
    [new TypeError('a bug'), [], 1],
  ])('rides out what passes and tells of a bug: %p', async (error, faults, bugs) => {
    const it = publishing();
    it.store.before = () => {
      throw error;
    };
    await it.publisher.start();
    await settle();
    await it.publisher.stop();
    expect(it.seen.faults).toEqual(faults);
    expect(it.seen.failed).toHaveLength(bugs);
  });
});
