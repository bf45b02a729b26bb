import { Unwritten } from '@weir/aggregator/unwritten';
import { SinkError } from '@weir/sinks/sink';
import { flushing, NOW, WINDOW } from '../../support/flushing.ts';

describe('windows that wait for a sink', () => {
  test('wait since the first word about them, until they do not wait any more', () => {
    const unwritten = new Unwritten();
    expect(unwritten.oldestMs).toBeUndefined();
    unwritten.waits(60, 5_000);
    unwritten.waits(120, 4_000);
    unwritten.waits(120, 1_000);
    expect(unwritten.oldestMs).toBe(4_000);
    unwritten.keep((startSec) => startSec === 60);
    expect(unwritten.oldestMs).toBe(5_000);
    unwritten.keep(() => false);
    unwritten.waits(60, 9_000);
    expect(unwritten.oldestMs).toBe(9_000);
  });

  test('may be very many', () => {
    const unwritten = new Unwritten();
    for (let i = 0; i < 300_000; i++) unwritten.waits(i, 300_000 - i);
    expect(unwritten.oldestMs).toBe(1);
  });
});

describe('a flusher knows since when a window waits', () => {
  const down = () => {
    throw new SinkError('sink-unreachable', 'no connection', { outcome: 'not-applied' });
  };
  const due = (WINDOW + 60) * 1_000 + 5_000;

  test('since it was due, before its first write', async () => {
    const it = flushing();
    it.sink.beforeWrite = down;
    it.grow(0);
    await it.publish(0, 1);
    await it.round();
    expect(it.flusher.unwrittenSinceMs).toBe(Math.max(due, it.observer.windows.get(WINDOW)!.openedMs + 5_000));
    it.sink.beforeWrite = () => undefined;
    await it.round(30_000);
    expect(it.flusher.unwrittenSinceMs).toBeUndefined();
  });

  test('since it was found changed, once it was written', async () => {
    const it = flushing();
    it.grow(0);
    await it.publish(0, 1);
    await it.round();
    await it.round(5_000);
    expect(it.flusher.unwrittenSinceMs).toBeUndefined();
    it.sink.beforeWrite = down;
    it.grow(0);
    await it.publish(0, 2);
    await it.round(1_000);
    expect(it.flusher.unwrittenSinceMs).toBe(NOW + 6_000);
    await it.round(20_000);
    expect(it.flusher.unwrittenSinceMs).toBe(NOW + 6_000);
  });

  test('since it was sealed, where it was not known before, and not while it is only looked at again', async () => {
    const it = flushing();
    await it.final(3);
    it.sink.beforeWrite = down;
    await it.round(7_000);
    expect(it.flusher.unwrittenSinceMs).toBe(NOW);
    it.sink.beforeWrite = () => undefined;
    await it.round(10_000);
    expect(it.books.of(WINDOW).settledMs).toBeDefined();
    expect(it.flusher.unwrittenSinceMs).toBeUndefined();
    it.sink.beforeRead = down;
    await it.round(120_000);
    expect(it.log).toContain('sink-unreachable');
    expect(it.flusher.unwrittenSinceMs).toBeUndefined();
  });
});
