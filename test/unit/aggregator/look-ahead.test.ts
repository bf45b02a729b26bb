import { LookAhead } from '@weir/aggregator/look-ahead';
import { Observer } from '@weir/aggregator/observer';
import { silentLogger } from '@weir/common/logger';
import { RedisFault } from '@weir/common/redis-fault';
import { SinkError } from '@weir/sinks/sink';
import { FakeClock } from '../../support/fake-clock.ts';
import { FakePartitionStore } from '../../support/fake-partition-store.ts';
import { FakeFinalStore } from '../../support/fake-sinks.ts';

const WINDOW = 1_478_507_520;
const END_MS = (WINDOW + 60) * 1_000;
const signal = new AbortController().signal;

async function build({ openedMs = WINDOW * 1_000 } = {}) {
  const store = new FakePartitionStore(0);
  store.append(WINDOW, Buffer.alloc(20));
  const open = new Map([[WINDOW, { openedMs, published: undefined as { length: number; nonce: string } | undefined }]]);
  store.observe = async () => ({ stamp: `${Math.random()}`, birth: 'b', open: open as never });
  const fail = (error: unknown) => {
    throw error;
  };
  const finals = new FakeFinalStore();
  const observer = new Observer({
    stores: [store],
    finals,
    clock: new FakeClock(),
    epoch: () => 0,
    intervalMs: 200,
    logger: silentLogger,
    fail,
  });
  const seen = { looks: [] as number[], nowMs: END_MS, owned: true, error: undefined as Error | undefined };
  const ahead = new LookAhead({
    sinkName: 'az1',
    observer,
    writer: {
      look: async (startSec) => {
        seen.looks.push(startSec);
        if (seen.error) throw seen.error;
        return 'confirmed';
      },
    },
    times: { windowSec: 60, graceMs: 5_000, republishMs: 1_000 },
    nowMs: () => seen.nowMs,
    owns: (key) => seen.owned && key === `az1/${WINDOW}`,
    logger: silentLogger,
  });
  const round = async () => {
    await observer.runOnce();
    await ahead.runOnce(signal);
    return seen.looks.length;
  };
  return { open, finals, seen, ahead, round };
}

describe('a window', () => {
  test('is looked at once, after its end', async () => {
    const { seen, round } = await build();
    seen.nowMs = END_MS - 1;
    expect(await round()).toBe(0);
    seen.nowMs = END_MS;
    expect(await round()).toBe(1);
    seen.nowMs = END_MS + 100;
    expect(await round()).toBe(1);
  });

  test('is not once it is due: its flush reads for itself', async () => {
    const { seen, round } = await build();
    seen.nowMs = END_MS + 5_000;
    expect(await round()).toBe(0);
  });

  test('of the past is in the grace after its first event', async () => {
    const { seen, round } = await build({ openedMs: END_MS + 100_000 });
    seen.nowMs = END_MS + 104_999;
    expect(await round()).toBe(1);
  });

  test('is not where something of it is published', async () => {
    const { open, round } = await build();
    open.set(WINDOW, { openedMs: WINDOW * 1_000, published: { length: 20, nonce: '0'.repeat(32) } });
    expect(await round()).toBe(0);
  });

  test('is not once it is sealed', async () => {
    const { finals, round } = await build();
    await finals.store(WINDOW, Buffer.of(1));
    expect(await round()).toBe(0);
  });

  test('is not where it is another process that will flush it', async () => {
    const { seen, round } = await build();
    seen.owned = false;
    expect(await round()).toBe(0);
  });
});

test("a sink that fails is not asked again ahead, and it is nobody else's trouble", async () => {
  const { seen, round } = await build();
  seen.error = new SinkError('sink-timeout', 'no answer', { outcome: 'unknown' });
  expect(await round()).toBe(1);
  expect(await round()).toBe(1);
});

test('a fault of Redis is passed on', async () => {
  const { seen, round } = await build();
  seen.error = new RedisFault('redis-unreachable', 'away', true, 'unknown');
  await expect(round()).rejects.toBe(seen.error);
});

test('once Redis has lost data all is looked at again', async () => {
  const { ahead, round } = await build();
  expect(await round()).toBe(1);
  ahead.forget();
  expect(await round()).toBe(2);
});
