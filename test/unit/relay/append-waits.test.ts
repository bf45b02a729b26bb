import { AppendWaits } from '@weir/relay/append-waits';
import { FakeClock, settle } from '../../support/fake-clock.ts';

function build() {
  const clock = new FakeClock(1_000);
  const stop = new AbortController();
  const waits = new AppendWaits({ clock, appendTimeoutMs: 5_000, stopping: stop.signal, stopWaitMs: 300 });
  const wait = () => {
    const seen: { inTime?: boolean; confirm: () => void } = { confirm: () => undefined };
    const confirmed = new Promise<void>((resolve) => {
      seen.confirm = resolve;
    });
    void waits.inTime(confirmed).then((inTime) => {
      seen.inTime = inTime;
    });
    return seen;
  };
  const pass = async (ms: number) => {
    for (let passed = 0; passed < ms; passed += 10) await clock.advance(10);
  };
  return { clock, stop, wait, pass };
}

test('what is confirmed is in time, at once', async () => {
  const { wait } = build();
  const one = wait();
  await settle();
  expect(one.inTime).toBeUndefined();
  one.confirm();
  await settle();
  expect(one.inTime).toBe(true);
});

test('each waits its own time, to the millisecond, and those that follow go on waiting', async () => {
  const { clock, wait, pass } = build();
  const one = wait();
  await pass(2_000);
  const two = wait();
  await pass(2_990);
  expect(one.inTime).toBeUndefined();
  await clock.advance(10);
  expect([one.inTime, two.inTime]).toEqual([false, undefined]);
  two.confirm();
  await settle();
  expect(two.inTime).toBe(true);
});

test('one that was given up stays so', async () => {
  const { wait, pass } = build();
  const one = wait();
  await pass(5_000);
  one.confirm();
  await settle();
  expect(one.inTime).toBe(false);
});

test('a stop shortens what is left, and what comes after it', async () => {
  const { stop, wait, pass } = build();
  const early = wait();
  await pass(4_900);
  const late = wait();
  stop.abort();
  await pass(100);
  expect([early.inTime, late.inTime]).toEqual([false, undefined]);
  const after = wait();
  await pass(200);
  expect([late.inTime, after.inTime]).toEqual([false, undefined]);
  await pass(100);
  expect(after.inTime).toBe(false);
});

test('nothing is watched for longer than a moment once nobody waits, and again when somebody does', async () => {
  const { clock, wait, pass } = build();
  const one = wait();
  one.confirm();
  await settle();
  expect(clock.sleepingUntilMs).toEqual([1_100]);
  await pass(100);
  expect(clock.sleepingUntilMs).toEqual([]);
  const two = wait();
  await pass(5_000);
  expect(two.inTime).toBe(false);
});
