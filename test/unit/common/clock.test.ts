import { RedisTime, systemClock } from '@weir/common/clock';
import { FakeClock } from '../../support/fake-clock.ts';

describe("Redis's time", () => {
  test('is this machine’s until Redis was heard', () => {
    const time = new RedisTime(new FakeClock(500), 1_000_000);
    expect(time.known).toBe(false);
    expect(time.nowMs()).toBe(1_000_000);
  });

  test('runs on with the monotonic clock from what Redis said', async () => {
    const clock = new FakeClock(500);
    const time = new RedisTime(clock, 1_000_000);
    expect(time.observe(2_000_000)).toBe(0);
    expect(time.known).toBe(true);
    await clock.advance(250);
    expect(time.nowMs()).toBe(2_000_250);
  });

  test('counts half the round trip as passed since Redis answered', () => {
    const time = new RedisTime(new FakeClock(), 0);
    time.observe(2_000_000, 40);
    expect(time.nowMs()).toBe(2_000_020);
  });

  test('tells by how much Redis’s clock moved against ours, in either direction', async () => {
    const clock = new FakeClock();
    const time = new RedisTime(clock, 0);
    time.observe(2_000_000);
    await clock.advance(1_000);
    expect(time.observe(2_001_000)).toBe(0);
    await clock.advance(1_000);
    expect(time.observe(2_062_000)).toBe(60_000);
    expect(time.observe(2_002_000)).toBe(-60_000);
    expect(time.nowMs()).toBe(2_002_000);
  });

  test('tells of no jump that slow answers may explain', () => {
    const time = new RedisTime(new FakeClock(), 0);
    time.observe(2_000_000, 1_000);
    expect(time.observe(2_003_000, 6_000)).toBe(2_000);
    expect(time.observe(2_003_000, 6_000)).toBe(0);
    expect(time.observe(2_006_000, 0)).toBe(0);
  });
});

describe('the system’s clock', () => {
  test('does not sleep at all once the signal is aborted', async () => {
    await systemClock.sleep(3_600_000, AbortSignal.abort());
  });

  test('ends a sleep early, without an error, when the signal is aborted', async () => {
    const abort = new AbortController();
    const sleep = systemClock.sleep(3_600_000, abort.signal);
    abort.abort(new Error('any reason'));
    await expect(sleep).resolves.toBeUndefined();
  });

  test('never goes back', () => {
    const before = systemClock.monotonicMs();
    expect(systemClock.monotonicMs()).toBeGreaterThanOrEqual(before);
  });
});
