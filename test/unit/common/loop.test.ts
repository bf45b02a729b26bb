import { Loop } from '@weir/common/loop';
import { FakeClock, settle } from '../../support/fake-clock.ts';

function loop(runOnce: (signal: AbortSignal) => Promise<void>, gatherMs?: number) {
  const clock = new FakeClock();
  const errors: unknown[] = [];
  const made = new Loop({
    clock,
    intervalMs: 100,
    ...(gatherMs === undefined ? {} : { gatherMs }),
    runOnce,
    onError: (error) => errors.push(error),
  });
  return { loop: made, clock, errors };
}

describe('a loop', () => {
  test('runs at once, then again an interval after each run ended', async () => {
    let runs = 0;
    const { loop: it, clock } = loop(async () => void runs++);
    await it.start();
    await settle();
    expect(runs).toBe(1);
    await clock.advance(99);
    expect(runs).toBe(1);
    await clock.advance(1);
    expect(runs).toBe(2);
    await it.stop();
  });

  test('never runs twice at once, however long a run takes', async () => {
    const ends: (() => void)[] = [];
    const { loop: it, clock } = loop(() => new Promise((resolve) => ends.push(resolve)));
    await it.start();
    await clock.advance(1_000);
    it.wake();
    await it.start();
    await clock.advance(1_000);
    expect(ends).toHaveLength(1);
    ends[0]!();
    await settle();
    await clock.advance(100);
    expect(ends).toHaveLength(2);
    ends[1]!();
    await it.stop();
  });

  test('woken while it pauses, runs at once', async () => {
    let runs = 0;
    const { loop: it, clock } = loop(async () => void runs++);
    await it.start();
    await settle();
    it.wake();
    await settle();
    expect(runs).toBe(2);
    expect(clock.sleepingUntilMs).toEqual([100]);
    await it.stop();
  });

  test('woken while it runs, runs again at once: it may have looked already', async () => {
    const ends: (() => void)[] = [];
    const { loop: it } = loop(() => new Promise((resolve) => ends.push(resolve)));
    await it.start();
    it.wake();
    ends[0]!();
    await settle();
    expect(ends).toHaveLength(2);
    ends[1]!();
    await settle();
    expect(ends).toHaveLength(2);
    await it.stop();
  });

  test('lets what wakes it gather, and never waits for that otherwise', async () => {
    let runs = 0;
    const { loop: it, clock } = loop(async () => void runs++, 20);
    await it.start();
    await settle();
    it.wake();
    await settle();
    await clock.advance(10);
    it.wake();
    await clock.advance(9);
    expect(runs).toBe(1);
    await clock.advance(1);
    expect(runs).toBe(2);
    await clock.advance(100);
    expect(runs).toBe(3);
    await it.stop();
  });

  test('stops while it gathers', async () => {
    let runs = 0;
    const { loop: it } = loop(async () => void runs++, 20);
    await it.start();
    await settle();
    it.wake();
    await settle();
    await it.stop();
    expect(runs).toBe(1);
  });

  test('tells what a run threw and goes on', async () => {
    let runs = 0;
    const {
      loop: it,
      clock,
      errors,
    } = loop(async () => {
      if (runs++ === 0) throw new Error('once');
    });
    await it.start();
    await settle();
    await clock.advance(100);
    expect(errors).toEqual([new Error('once')]);
    expect(runs).toBe(2);
    await it.stop();
  });

  test('stopped while it pauses, ends at once and runs no more', async () => {
    let runs = 0;
    const { loop: it, clock } = loop(async () => void runs++);
    await it.start();
    await settle();
    await it.stop();
    await it.stop();
    await clock.advance(1_000);
    expect(runs).toBe(1);
    expect(clock.sleepingUntilMs).toEqual([]);
  });

  test('stopped while it runs, tells the run and waits for its end; what the run then throws is no error', async () => {
    let told: AbortSignal | undefined;
    let end: () => void = () => undefined;
    const { loop: it, errors } = loop(async (signal) => {
      told = signal;
      await new Promise<void>((resolve) => {
        end = resolve;
      });
      throw new Error('interrupted');
    });
    await it.start();
    await settle();
    let stopped = false;
    const stop = it.stop().then(() => {
      stopped = true;
    });
    await settle();
    expect(told!.aborted).toBe(true);
    expect(stopped).toBe(false);
    end();
    await stop;
    expect(errors).toEqual([]);
  });

  test('stopped before it started, never runs', async () => {
    let runs = 0;
    const { loop: it } = loop(async () => void runs++);
    await it.stop();
    await it.start();
    await settle();
    expect(runs).toBe(0);
    await it.stop();
  });
});
