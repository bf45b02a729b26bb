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
  const observer = new Observer({
    stores: [store],
    finals,
    clock: new FakeClock(),
    intervalMs: 200,
    logger: silentLogger,
    fail: (error) => {
      throw error;
    },
  });
  return { store, finals, observer };
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

  test('shows no window any more once Redis has lost everything, the stamp as well', async () => {
    const { store, observer } = observing();
    store.append(WINDOW, Buffer.alloc(20));
    await observer.runOnce();
    store.observe = async (stamp) => (stamp === '' ? undefined : { stamp: '', open: new Map() });
    observer.forget();
    await observer.runOnce();
    expect(observer.windows.size).toBe(0);
  });
});
