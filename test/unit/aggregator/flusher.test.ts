import { RedisFault } from '@weir/common/redis-fault';
import { SinkError } from '@weir/sinks/sink';
import { settle } from '../../support/fake-clock.ts';
import { FakeSink } from '../../support/fake-sinks.ts';
import { flushing, NOW, settleTimes, WINDOW } from '../../support/flushing.ts';

const EVENTS = 'cumulative_user_event/e/p';
const signal = new AbortController().signal;

describe('a flusher', () => {
  test('writes the sum of the partitions once all of them are published', async () => {
    const it = flushing();
    it.grow(0);
    it.grow(1);
    await it.publish(0, 5);
    await it.round();
    expect(it.sink.writes).toEqual([]);
    await it.publish(1, 3);
    await it.round();
    expect(it.sink.values(WINDOW)).toEqual({ [EVENTS]: 8, 'unique_user_event/e/p': 2 });
    expect([...it.books.of(WINDOW).confirmed]).toEqual([
      [0, it.stores[0]!.version(WINDOW)],
      [1, it.stores[1]!.version(WINDOW)],
    ]);
  });

  test('does not wait for ever for a partition whose totals do not come', async () => {
    const it = flushing();
    it.grow(0);
    it.grow(1);
    for (const store of it.stores) for (const window of store.logs.values()) window.openedMs = NOW;
    await it.publish(0, 5);
    await it.round(14_999);
    expect(it.sink.writes).toEqual([]);
    await it.round(1);
    expect(it.sink.values(WINDOW)).toMatchObject({ [EVENTS]: 5 });
    await it.publish(1, 3);
    await it.round();
    expect(it.sink.values(WINDOW)).toMatchObject({ [EVENTS]: 8 });
  });

  test('sums a partition too that opened the window since it was looked at', async () => {
    const it = flushing();
    it.grow(0);
    await it.publish(0, 5);
    await it.observer.runOnce();
    // Another process has seen the second partition, written both, and confirmed them.
    it.grow(1);
    await it.publish(1, 3);
    await it.flusher.runOnce(signal);
    expect(it.sink.values(WINDOW)).toMatchObject({ [EVENTS]: 8 });
  });

  test('writes a window again when something was published since, and else leaves it alone', async () => {
    const it = flushing();
    it.grow(0);
    await it.publish(0, 5);
    await it.round();
    await it.round();
    expect(it.books.log).toEqual(['begin', 'confirm']);
    it.grow(0);
    await it.round();
    expect(it.books.log).toHaveLength(2);
    await it.publish(0, 6);
    await it.round();
    expect(it.sink.values(WINDOW)).toMatchObject({ [EVENTS]: 6 });
    expect(it.log).toEqual(['confirmed', 'confirmed']);
  });

  test('leaves windows alone that the books say are confirmed, as after a restart', async () => {
    const first = flushing();
    first.grow(0);
    await first.publish(0, 5);
    await first.round();
    const again = flushing({}, first.sink, first.books);
    again.stores[0]!.logs.set(WINDOW, first.stores[0]!.logs.get(WINDOW)!);
    await again.publish(0, 5);
    await again.round();
    expect(first.books.log).toEqual(['begin', 'confirm']);
  });

  test('looks at the books again after a while: a writer back from the dead may have taken confirmations back', async () => {
    const it = flushing();
    it.grow(0);
    await it.publish(0, 5);
    await it.round();
    Object.assign(it.books.of(WINDOW), { confirmed: new Map(), abandoned: true });
    it.sink.put(WINDOW, { measurement: 'cumulative_user_event', eventType: 'e', product: 'p', value: 2 });
    await it.round(5_000);
    expect(it.sink.values(WINDOW)).toMatchObject({ [EVENTS]: 2 });
    await it.round(5_000);
    expect(it.sink.values(WINDOW)).toMatchObject({ [EVENTS]: 5 });
  });

  test('tries again when its intent was revoked, or another writer is at it', async () => {
    const it = flushing();
    it.grow(0);
    await it.publish(0, 5);
    it.books.busy = true;
    await it.round();
    it.books.busy = false;
    it.sink.afterWrite = () => it.books.revoke(WINDOW);
    await it.round();
    expect(it.log).toEqual([]);
    it.sink.afterWrite = () => undefined;
    await it.round();
    expect(it.log).toEqual(['confirmed']);
    expect(it.books.of(WINDOW).confirmed.size).toBe(1);
  });

  test('works only on windows that are its own', async () => {
    const asked: string[] = [];
    const owns = (key: string) => {
      asked.push(key);
      return key !== `az1/${WINDOW}`;
    };
    const it = flushing({ owns });
    for (const startSec of [WINDOW, WINDOW + 60]) {
      it.grow(0, startSec);
      await it.publish(0, 5, startSec);
    }
    await it.round();
    expect(it.sink.writes.map(({ startSec }) => startSec)).toEqual([WINDOW + 60]);
    expect(asked).toEqual([`az1/${WINDOW}`, `az1/${WINDOW + 60}`]);
  });

  test('holds back while relays send again what Redis lost, and then believes nothing', async () => {
    let waiting = false;
    const it = flushing({ heldBack: () => waiting });
    it.grow(0);
    await it.publish(0, 5);
    await it.round();
    waiting = true;
    it.flusher.forget();
    it.grow(0);
    await it.publish(0, 3);
    await it.round();
    expect(it.sink.reads).toBe(1);
    waiting = false;
    await it.round();
    expect(it.sink.reads).toBe(2);
    expect(it.sink.values(WINDOW)).toMatchObject({ [EVENTS]: 5 });
  });

  test('never writes a sum over half-freed state: the final record is looked for after the partitions were read', async () => {
    const it = flushing();
    it.grow(0);
    it.grow(1);
    await it.publish(0, 5);
    await it.publish(1, 3);
    await it.observer.runOnce();
    // Between the look at the windows and the reading: sealed, recorded, and one partition freed.
    await it.final(8);
    it.stores[1]!.sealed.add(WINDOW);
    await it.stores[1]!.drop(WINDOW);
    await it.flusher.runOnce(signal);
    expect(it.sink.writes).toEqual([]);
    expect(it.books.log).toEqual(['begin', 'cancel']);
    await it.round();
    expect(it.sink.values(WINDOW)).toMatchObject({ [EVENTS]: 8 });
  });
});

describe('a sink that fails', () => {
  const broken = (it: ReturnType<typeof flushing>) => {
    it.sink.beforeWrite = () => {
      throw new SinkError('sink-unreachable', 'no', { outcome: 'not-applied' });
    };
  };

  test('is left in peace for longer and longer, at most ten seconds, and its windows wait', async () => {
    const it = flushing();
    it.grow(0);
    await it.publish(0, 5);
    await it.observer.runOnce();
    broken(it);
    await it.flusher.start();
    await settle();
    const tries: number[] = [];
    for (let seen = it.log.length; it.clock.monotonicMs() < 40_000; await it.clock.advance(50)) {
      if (it.log.length > seen) tries.push(it.clock.monotonicMs());
      seen = it.log.length;
    }
    const pauses = tries.map((at, i) => at - (tries[i - 1] ?? 0));
    for (const [i, pause] of pauses.slice(1).entries())
      expect(pause).toBeGreaterThanOrEqual(Math.min(pauses[i]!, 9_000));
    expect(Math.max(...pauses)).toBeLessThanOrEqual(10_200);
    expect(Math.max(...pauses)).toBeGreaterThan(9_000);
    expect(it.flusher.lastError).toMatchObject({ code: 'sink-unreachable' });
    it.sink.beforeWrite = () => undefined;
    await it.clock.advance(10_000);
    await it.clock.advance(200);
    await it.flusher.stop();
    expect(it.sink.values(WINDOW)).toMatchObject({ [EVENTS]: 5 });
    expect(it.flusher.lastError).toBeUndefined();
    expect(it.failed).toEqual([]);
  });

  test('delays no other sink', async () => {
    const [down, up] = [flushing(), flushing({}, new FakeSink({ name: 'az2' }))];
    broken(down);
    for (const it of [down, up]) {
      it.grow(0);
      await it.publish(0, 5);
    }
    await down.round();
    await up.round();
    expect(down.flusher.lastError).toMatchObject({ code: 'sink-unreachable' });
    expect(up.sink.values(WINDOW)).toMatchObject({ [EVENTS]: 5 });
  });

  test('for one window fails no other, and is asked for it less and less often', async () => {
    const it = flushing({ concurrency: 2 });
    const others = [WINDOW + 60, WINDOW + 120, WINDOW + 180];
    for (const startSec of [WINDOW, ...others]) {
      it.grow(0, startSec);
      await it.publish(0, 5, startSec);
    }
    let tries = 0;
    it.sink.beforeWrite = (startSec) => {
      if (startSec !== WINDOW) return;
      tries++;
      throw new SinkError('sink-refused', 'no', { outcome: 'not-applied' });
    };
    await it.round();
    expect(it.sink.writes.map(({ startSec }) => startSec).sort()).toEqual(others);
    // It fails on, and the others are corrected all the while.
    for (let i = 0; i < 300; i++) {
      it.grow(0, WINDOW + 60);
      await it.publish(0, 6 + i, WINDOW + 60);
      await it.round(200);
      expect(it.sink.values(WINDOW + 60)).toMatchObject({ [EVENTS]: 6 + i });
    }
    expect(tries).toBeGreaterThan(6);
    expect(tries).toBeLessThan(14);
    expect(it.log).not.toContain('away');
    it.sink.beforeWrite = () => undefined;
    await it.round(10_000);
    expect(it.sink.values(WINDOW)).toMatchObject({ [EVENTS]: 5 });
    expect(it.backlog).toEqual({ windows: 0, failing: 0 });
  });

  test('for an hour is asked no more often for many windows than for one, and then gets them all at once', async () => {
    const it = flushing({ concurrency: 4 });
    broken(it);
    const starts = Array.from({ length: 60 }, (_, i) => WINDOW + i * 60);
    for (const [i, startSec] of starts.entries()) {
      it.grow(0, startSec);
      await it.publish(0, 1 + i, startSec);
      for (let second = 0; second < 60; second++) await it.round(1_000);
    }
    // One request in ten seconds, and some more in the first minutes, when it might have been the few windows there were.
    const count = (what: string) => it.log.filter((logged) => logged === what).length;
    expect(count('sink-unreachable')).toBeLessThan(360 + 60);
    expect(count('away')).toBe(1);
    expect(it.sink.writes).toEqual([]);
    expect(it.backlog.windows).toBe(60);
    it.sink.beforeWrite = () => undefined;
    await it.round(10_000);
    await it.round(10_000);
    for (const [i, startSec] of starts.entries()) expect(it.sink.values(startSec)).toMatchObject({ [EVENTS]: 1 + i });
    expect([count('confirmed'), count('back')]).toEqual([60, 1]);
    expect(it.flusher.lastError).toBeUndefined();
  });

  test('with one window, well with the others, does not stay away for it', async () => {
    const it = flushing();
    const starts = Array.from({ length: 5 }, (_, i) => WINDOW + i * 60);
    for (const startSec of starts) {
      it.grow(0, startSec);
      await it.publish(0, 5, startSec);
    }
    broken(it);
    for (let i = 0; i < 50; i++) await it.round(200);
    it.sink.beforeWrite = (startSec) => {
      if (startSec === WINDOW) throw new SinkError('sink-refused', 'no', { outcome: 'not-applied' });
    };
    await it.round(10_000);
    await it.round(10_000);
    expect(it.sink.writes.map(({ startSec }) => startSec).sort()).toEqual(starts.slice(1));
  });
});

describe('when its own round fails', () => {
  const started = async (error: Error) => {
    const it = flushing();
    it.grow(0);
    await it.publish(0, 5);
    await it.observer.runOnce();
    it.books.before = () => {
      throw error;
    };
    await it.flusher.start();
    await settle();
    await it.flusher.stop();
    return it;
  };

  test('the writes under way end before it does, and no other begins', async () => {
    const it = flushing({ concurrency: 2 });
    for (const startSec of [WINDOW, WINDOW + 60, WINDOW + 120]) {
      it.grow(0, startSec);
      await it.publish(0, 5, startSec);
    }
    let end: () => void = () => undefined;
    it.sink.beforeWrite = (startSec) => {
      if (startSec === WINDOW) throw new RedisFault('redis-oom', 'full', true, 'not-applied');
      return new Promise((resolve) => {
        end = resolve;
      });
    };
    await it.observer.runOnce();
    let over = false;
    const round = it.flusher.runOnce(signal).catch((error) => {
      over = true;
      return error;
    });
    await settle();
    expect(over).toBe(false);
    end();
    expect(await round).toMatchObject({ code: 'redis-oom' });
    expect(it.sink.writes.map(({ startSec }) => startSec)).toEqual([WINDOW + 60]);
  });

  test('by a fault of Redis that passes, it goes on', async () => {
    const it = await started(new RedisFault('redis-loading', 'loading', true, 'not-applied'));
    expect(it.log).toEqual(['redis-loading']);
    expect(it.failed).toEqual([]);
  });

  test('by a bug, the process is told', async () => {
    const bug = new TypeError('a bug');
    expect((await started(bug)).failed).toEqual([bug]);
  });
});

describe('a sealed window', () => {
  test('is settled from its final record, looked at twice more, and then it is done', async () => {
    const it = flushing();
    await it.final(8);
    await it.round();
    expect(it.sink.values(WINDOW)).toMatchObject({ [EVENTS]: 8 });
    expect(it.log).toEqual(['settled']);
    // A write given up long ago lands after the settlement.
    it.sink.put(WINDOW, { measurement: 'cumulative_user_event', eventType: 'e', product: 'p', value: 3 });
    await it.round(settleTimes.firstCheckMs - 1);
    expect(it.sink.values(WINDOW)).toMatchObject({ [EVENTS]: 3 });
    await it.round(1);
    expect(it.sink.values(WINDOW)).toMatchObject({ [EVENTS]: 8 });
    await it.round(settleTimes.finalKeepMs);
    await it.round();
    expect(it.books.log.filter((step) => step !== 'begin')).toEqual(['settle', 'check', 'check', 'finish settled']);
    await it.round(1_000_000);
    expect(it.books.of(WINDOW).done).toBe(true);
    expect(it.books.log.at(-1)).toBe('finish settled');
  });

  test('is no longer flushed from its partitions', async () => {
    const it = flushing();
    it.grow(0);
    await it.publish(0, 5);
    await it.final(8);
    await it.round();
    expect(it.sink.values(WINDOW)).toMatchObject({ [EVENTS]: 8 });
    expect(it.books.log).toEqual(['begin', 'settle']);
  });

  test('waits for a sink that is away, and is given up only after the time it is kept for', async () => {
    const it = flushing();
    await it.final(8);
    it.sink.beforeRead = () => {
      throw new SinkError('sink-unreachable', 'no', { outcome: 'not-applied' });
    };
    await it.round();
    await it.round(settleTimes.sinkRetainMs - 1);
    expect(it.log).toEqual(['sink-unreachable', 'sink-unreachable']);
    await it.round(10_000);
    await it.round();
    expect(it.log).toEqual(['sink-unreachable', 'sink-unreachable', 'gave up']);
    expect(it.books.log.filter((step) => step.startsWith('finish'))).toEqual(['finish given-up']);
  });

  test('that another process has given up stays given up', async () => {
    const it = flushing();
    await it.final(8);
    await it.books.finish(WINDOW, 'given-up');
    await it.round();
    expect(it.books.log.filter((step) => step.startsWith('finish'))).toEqual(['finish given-up']);
  });

  test('with no events in it settles as well', async () => {
    const it = flushing();
    await it.final(0);
    await it.round();
    expect(it.log).toEqual(['settled']);
    expect(it.sink.writes).toEqual([]);
  });
});
