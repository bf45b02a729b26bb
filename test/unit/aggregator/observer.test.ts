import { Observer } from '@weir/aggregator/observer';
import { silentLogger } from '@weir/common/logger';
import { RedisFault } from '@weir/common/redis-fault';
import { FakeClock } from '../../support/fake-clock.ts';
import { FakePartitionStore } from '../../support/fake-partition-store.ts';
import { FakeFinalStore } from '../../support/fake-sinks.ts';

const WINDOW = 1_478_507_520;

function observing() {
  const store = new FakePartitionStore(0);
  const finals = new FakeFinalStore();
  const redis = { losses: 0 };
  const observer = new Observer({
    stores: [store],
    finals,
    clock: new FakeClock(),
    epoch: () => redis.losses,
    intervalMs: 200,
    logger: silentLogger,
    fail: (error) => {
      throw error;
    },
  });
  return { store, finals, redis, observer };
}

describe('an observer', () => {
  test('shows what it saw in a round that was interrupted, though nothing changes any more', async () => {
    const { store, finals, observer } = observing();
    store.append(WINDOW, Buffer.alloc(20));
    const list = finals.list.bind(finals);
    finals.list = () => Promise.reject(new RedisFault('redis-unreachable', 'away', true, 'unknown'));
    await expect(observer.runOnce()).rejects.toBeInstanceOf(RedisFault);
    finals.list = list;
    await observer.runOnce();
    expect([...observer.windows.keys()]).toEqual([WINDOW]);
  });

  test('tells of what is new, and of nothing else', async () => {
    const { store, observer } = observing();
    let changes = 0;
    observer.onChange(() => changes++);
    store.append(WINDOW, Buffer.alloc(20));
    await observer.runOnce();
    expect(changes).toBe(1);
    await observer.runOnce();
    expect(changes).toBe(1);
    store.append(WINDOW + 60, Buffer.alloc(20));
    await observer.runOnce();
    expect(changes).toBe(2);
  });

  test('shows no window any more once Redis has lost everything, the stamp as well', async () => {
    const { store, observer } = observing();
    store.append(WINDOW, Buffer.alloc(20));
    await observer.runOnce();
    store.observe = async (stamp) => (stamp === '' ? undefined : { stamp: '', birth: '', open: new Map() });
    observer.forget();
    await observer.runOnce();
    expect(observer.windows.size).toBe(0);
  });

  test('looks at everything anew once the connection was lost, though all stamps are the same', async () => {
    const { store, redis, observer } = observing();
    store.append(WINDOW, Buffer.alloc(20));
    await observer.runOnce();
    expect(observer.epoch).toBe(0);
    store.logs.clear();
    await observer.runOnce();
    expect([...observer.windows.keys()]).toEqual([WINDOW]);
    redis.losses++;
    await observer.runOnce();
    expect(observer.windows.size).toBe(0);
    expect(observer.epoch).toBe(1);
  });

  test('tells no epoch for a round in which the connection was lost, nor after it was told to forget', async () => {
    const { finals, redis, observer } = observing();
    const list = finals.list.bind(finals);
    finals.list = (stamp) => {
      redis.losses++;
      return list(stamp);
    };
    await observer.runOnce();
    expect(observer.epoch).toBeUndefined();
    finals.list = list;
    await observer.runOnce();
    expect(observer.epoch).toBe(1);
    observer.forget();
    expect(observer.epoch).toBeUndefined();
  });

  test('tells the birth of each partition', async () => {
    const { store, observer } = observing();
    expect(observer.birth(0)).toBe('');
    store.append(WINDOW, Buffer.alloc(20));
    store.birth = 'of the partition';
    await observer.runOnce();
    expect(observer.birth(0)).toBe('of the partition');
    expect(observer.birth(1)).toBe('');
  });
});
