import { RedisTime } from '@weir/common/clock';
import { SettingsError } from '@weir/common/errors';
import { relaysKey } from '@weir/common/keys';
import { silentLogger } from '@weir/common/logger';
import { RelayReport, type RelayReportOptions } from '@weir/relay/relay-report';
import { RedisReports } from '@weir/relay/reports';
import type { Redis } from 'ioredis';
import { cleanup } from '../support/cleanup.ts';
import { eventually } from '../support/eventually.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { startRedis } from '../support/redis-server.ts';

/** What a relay says of itself in a real Redis; the pauses between two reports are the test's to make. */
let redis: Redis;
beforeAll(async () => {
  redis = (await startRedis()).client();
});
beforeEach(() => redis.flushall());

const KEY = relaysKey('weir');

function relay(options: Partial<RelayReportOptions> = {}) {
  const clock = new FakeClock();
  const state = { drainedMs: undefined as number | undefined, unsureSinceMs: Number.POSITIVE_INFINITY, drained: true };
  const failed: unknown[] = [];
  const report = new RelayReport({
    reports: new RedisReports({ redis, signOffRedis: redis, prefix: 'weir' }),
    id: 'a',
    incarnation: 'mine',
    clock,
    time: new RedisTime(clock, 0),
    drainedMs: () => state.drainedMs,
    unsureSinceMs: () => state.unsureSinceMs,
    drained: () => state.drained,
    fail: (error) => failed.push(error),
    logger: silentLogger,
    stopping: new AbortController().signal,
    ...options,
  });
  cleanup('report', () => report.stop());
  /** One more report, answered. */
  const again = async () => {
    await eventually(() => clock.sleepingUntilMs.length > 0, { what: 'the pause between reports', everyMs: 1 });
    await clock.advance(1_000);
    await eventually(() => clock.sleepingUntilMs.length > 0 || failed.length > 0, { what: 'the report', everyMs: 1 });
  };
  return { report, state, failed, again };
}

async function field(): Promise<{ incarnation: string; startedMs: number; lastMs: number; drainedMs: number }> {
  const [incarnation = '', ...numbers] = ((await redis.hget(KEY, 'a')) ?? '').split(' ');
  const [startedMs = 0, lastMs = 0, drainedMs = 0] = numbers.map(Number);
  return { incarnation, startedMs, lastMs, drainedMs };
}

test('a relay that owes nothing is drained up to its start, until it knows better', async () => {
  const { report, state, again } = relay();
  await report.start();
  const first = await field();
  expect(first.drainedMs).toBe(first.startedMs);
  await again();
  expect(await field()).toMatchObject({ startedMs: first.startedMs, drainedMs: first.startedMs });
  state.drainedMs = first.startedMs + 700;
  await again();
  expect(await field()).toMatchObject({ startedMs: first.startedMs, drainedMs: first.startedMs + 700 });
});

test('a relay that owes lines of an earlier start says so with its first word, and until it has asked Redis for them', async () => {
  const { report, state, again } = relay();
  state.unsureSinceMs = 12_345;
  await report.start();
  expect((await field()).startedMs).toBeGreaterThan(12_345);
  expect((await field()).drainedMs).toBe(12_345);
  await again();
  expect((await field()).drainedMs).toBe(12_345);
});

test('what is not known any more leaves what stands there, and after Redis lost that, its start', async () => {
  const { report, state, again } = relay();
  await report.start();
  const { startedMs } = await field();
  state.drainedMs = startedMs + 700;
  await again();
  state.drainedMs = undefined;
  await again();
  expect((await field()).drainedMs).toBe(startedMs + 700);
  await redis.flushall();
  await again();
  expect(await field()).toMatchObject({ startedMs, drainedMs: startedMs });
});

test('what an earlier start left is answered for again when Redis goes back to before this relay spoke', async () => {
  const { report, state, again } = relay();
  await redis.hset(KEY, 'a', 'predecessor 1 2 3');
  await report.start();
  const { startedMs } = await field();
  state.drainedMs = startedMs + 700;
  await again();
  state.drainedMs = undefined;
  state.unsureSinceMs = 12_345;
  await redis.hset(KEY, 'a', 'predecessor 1 2 3');
  await again();
  expect(await field()).toMatchObject({ incarnation: 'mine', startedMs, drainedMs: 12_345 });
});

test('a clean stop takes the report away, unless something is left to bring to Redis', async () => {
  const left = relay();
  left.state.drained = false;
  await left.report.start();
  await left.report.stop();
  expect((await field()).incarnation).toBe('mine');
  const next = relay({ incarnation: 'mine' });
  await next.report.start();
  await next.report.stop();
  expect(await redis.hexists(KEY, 'a')).toBe(0);
});

test('an id that another relay took later ends this one; one that an earlier relay’s late report stands under does not', async () => {
  const { report, failed, again } = relay();
  await report.start();
  const { startedMs } = await field();
  await redis.hset(KEY, 'a', `predecessor ${startedMs - 1} ${Date.now()} 0`);
  await again();
  expect(failed).toEqual([]);
  expect((await field()).incarnation).toBe('mine');
  await redis.hset(KEY, 'a', `successor ${startedMs + 1} ${Date.now()} 0`);
  await again();
  expect(failed).toEqual([expect.any(SettingsError)]);
});
