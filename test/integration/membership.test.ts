import { Membership, type MembershipOptions } from '@weir/aggregator/membership';
import { RedisHeartbeats } from '@weir/aggregator/store/heartbeats';
import { RedisTime } from '@weir/common/clock';
import { SettingsError } from '@weir/common/errors';
import { aggregatorsKey } from '@weir/common/keys';
import { silentLogger } from '@weir/common/logger';
import { RedisFault } from '@weir/common/redis-fault';
import type { Redis } from 'ioredis';
import { cleanup } from '../support/cleanup.ts';
import { eventually } from '../support/eventually.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { startRedis } from '../support/redis-server.ts';

/** Who is alive, by what aggregators write into a real Redis; the pauses between heartbeats are the test's to make. */
let redis: Redis;
beforeAll(async () => {
  redis = (await startRedis()).client();
});
beforeEach(() => redis.flushall());

const KEY = aggregatorsKey('weir');

function member(id: string, options: Partial<MembershipOptions> = {}) {
  const clock = new FakeClock();
  const time = new RedisTime(clock, 0);
  const told = { rollbacks: [] as number[], jumps: [] as number[], failed: [] as unknown[] };
  const membership = new Membership({
    heartbeats: new RedisHeartbeats(redis, 'weir'),
    id,
    incarnation: `of-${id}`,
    clock,
    time,
    onRollback: (nowMs) => told.rollbacks.push(nowMs),
    onClockJump: (jumpMs) => told.jumps.push(jumpMs),
    fail: (error) => told.failed.push(error),
    logger: silentLogger,
    ...options,
  });
  cleanup(`member ${id}`, () => membership.stop());
  /** One more heartbeat, answered. */
  const beat = async () => {
    const before = Number((await redis.hget(KEY, id))?.split(' ').at(-1) ?? 0);
    const settled = told.failed.length;
    await eventually(() => clock.sleepingUntilMs.length > 0, { what: 'the pause between heartbeats', everyMs: 1 });
    await clock.advance(1_000);
    await eventually(
      async () => told.failed.length > settled || Number((await redis.hget(KEY, id))?.split(' ').at(-1)) !== before,
      { what: 'a heartbeat', everyMs: 1 },
    );
    await eventually(() => clock.sleepingUntilMs.length > 0, { what: 'the end of the heartbeat', everyMs: 1 });
  };
  return { membership, clock, time, told, beat };
}

/** An aggregator that beat last so long ago. */
async function beatAgo(id: string, agoMs: number, incarnation = `of-${id}`): Promise<void> {
  const last = (await nowMs()) - agoMs;
  await redis.hset(KEY, id, `${incarnation} ${last - 60_000} ${last} 9`);
}

async function nowMs(): Promise<number> {
  const [seconds, micros] = await redis.time();
  return Number(seconds) * 1_000 + Math.floor(Number(micros) / 1_000);
}

describe('the members', () => {
  test('are those whose heartbeat is fresh, sorted, this process among them', async () => {
    await beatAgo('c', 1_000);
    await beatAgo('a', 2_000);
    await beatAgo('dead', 7_000);
    const b = member('b');
    await b.membership.start();
    expect(b.membership.ids).toEqual(['a', 'b', 'c']);
    expect(b.membership.incarnations).toEqual(['of-a', 'of-b', 'of-c']);
    expect(await redis.hexists(KEY, 'dead')).toBe(1);
  });

  test('share out keys without a word', async () => {
    const [a, b] = [member('a'), member('b')];
    await a.membership.start();
    await b.membership.start();
    await a.beat();
    const keys = Array.from({ length: 40 }, (_, partition) => partition);
    for (const key of keys) expect(a.membership.owns(key)).toBe(!b.membership.owns(key));
    expect(keys.some((key) => a.membership.owns(key)) && keys.some((key) => b.membership.owns(key))).toBe(true);
  });

  test('that sign off are gone at once', async () => {
    const [a, b] = [member('a'), member('b')];
    await a.membership.start();
    await b.membership.start();
    await a.membership.stop();
    await b.beat();
    expect(b.membership.ids).toEqual(['b']);
  });

  test('that died long ago are forgotten', async () => {
    await beatAgo('ancient', 25 * 3_600_000);
    await redis.hset(KEY, 'nonsense', 'no heartbeat');
    await member('a').membership.start();
    expect(await redis.hkeys(KEY)).toEqual(['a']);
  });

  test('count as present while Redis confirms their heartbeats', async () => {
    const { membership, clock, beat } = member('a');
    expect(membership.present).toBe(false);
    await membership.start();
    await beat();
    expect(membership.present).toBe(true);
    await redis.rename(KEY, 'elsewhere');
    await redis.set(KEY, 'no hash');
    await clock.advance(5_000);
    expect(membership.present).toBe(false);
    await redis.del(KEY);
  });
});

describe('an id', () => {
  test('of a process that died is taken over at once when that was long ago', async () => {
    await beatAgo('a', 6_000, 'of-somebody');
    const { membership, clock } = member('a');
    await membership.start();
    expect(clock.monotonicMs()).toBe(0);
    expect(membership.incarnations).toEqual(['of-a']);
  });

  test('of a process that may be alive is taken over when it was silent for long enough', async () => {
    await beatAgo('a', 1_000, 'of-somebody');
    const { membership, clock } = member('a');
    const start = membership.start();
    for (let waitedMs = 0; waitedMs < 5_000; waitedMs += 1_000) {
      await eventually(() => clock.sleepingUntilMs.length > 0, { what: 'waiting for the other', everyMs: 1 });
      expect(membership.ids).toEqual([]);
      await clock.advance(1_000);
    }
    await start;
    expect(membership.incarnations).toEqual(['of-a']);
  });

  test('of a process that is alive is refused, and its heartbeat left alone', async () => {
    await beatAgo('a', 1_000, 'of-somebody');
    const { membership, clock } = member('a');
    const refused = expect(membership.start()).rejects.toBeInstanceOf(SettingsError);
    for (let beats = 1; beats <= 3; beats++) {
      await eventually(() => clock.sleepingUntilMs.length > 0, { what: 'waiting for the other', everyMs: 1 });
      await beatAgo('a', 900 - beats * 100, 'of-somebody');
      await clock.advance(1_000);
    }
    await refused;
    expect(await redis.hget(KEY, 'a')).toMatch(/^of-somebody /);
  });

  test('whose predecessor’s last words come late is free once they have come', async () => {
    await beatAgo('a', 1_000, 'of-somebody');
    const { membership, clock } = member('a');
    const start = membership.start();
    for (let waitedMs = 0; waitedMs < 7_000; waitedMs += 1_000) {
      await eventually(() => clock.sleepingUntilMs.length > 0, { what: 'waiting for the other', everyMs: 1 });
      if (waitedMs < 2_000) await beatAgo('a', 900 - waitedMs / 10, 'of-somebody');
      await clock.advance(1_000);
    }
    await start;
    expect(membership.incarnations).toEqual(['of-a']);
  });

  test('is not taken by a first beat that comes late, when somebody else has it', async () => {
    const late = { id: 'a', incarnation: 'of-dead', startedMs: 0, beat: 1, forgetAfterMs: 1e9, deadAfterMs: 5_000 };
    const { membership, told, beat } = member('a');
    await membership.start();
    const standing = (await redis.hget(KEY, 'a'))!;
    expect(await new RedisHeartbeats(redis, 'weir').beat({ ...late, standing: '' })).toMatchObject({ kind: 'taken' });
    expect(await redis.hget(KEY, 'a')).toBe(standing);
    await beat();
    expect(told.failed).toEqual([]);
  });

  test('that another process took over while this one slept ends this one', async () => {
    const { membership, told, beat } = member('a');
    await membership.start();
    const now = await nowMs();
    await redis.hset(KEY, 'a', `of-somebody ${now + 1} ${now + 1} 9`);
    await beat();
    expect(told.failed).toEqual([expect.any(SettingsError)]);
    expect(await redis.hget(KEY, 'a')).toMatch(/^of-somebody /);
  });

  test('stays with a process that sees the beat of a predecessor which came late', async () => {
    const { membership, told, beat } = member('a');
    await membership.start();
    await beatAgo('a', 0, 'of-predecessor');
    await beat();
    expect(told.failed).toEqual([]);
    expect(await redis.hget(KEY, 'a')).toMatch(/^of-a /);
  });

  test('is asked for again while Redis does not answer', async () => {
    const heartbeats = new RedisHeartbeats(redis, 'weir');
    const beat = heartbeats.beat.bind(heartbeats);
    // The first beat arrives, and its answer is lost.
    heartbeats.beat = async (said) => {
      heartbeats.beat = beat;
      await beat(said);
      throw new RedisFault('redis-unreachable', 'gone', true, 'unknown');
    };
    const { membership, clock } = member('a', { heartbeats });
    const start = membership.start();
    await eventually(() => clock.sleepingUntilMs.length > 0, { what: 'the pause', everyMs: 1 });
    await clock.advance(1_000);
    await start;
    expect(membership.ids).toEqual(['a']);
  });
});

test('a dead predecessor that Redis remembers again after it lost data ends nobody', async () => {
  const { membership, told, beat } = member('a');
  await membership.start();
  await beatAgo('a', 7_000, 'of-predecessor');
  await beat();
  expect(told.failed).toEqual([]);
  expect(told.rollbacks).toHaveLength(1);
  expect(membership.incarnations).toEqual(['of-a']);
});

describe('what a heartbeat tells of Redis', () => {
  test('that it lost data, when a confirmed beat is gone', async () => {
    const { membership, told, beat } = member('a');
    await membership.start();
    await beat();
    expect(told.rollbacks).toEqual([]);
    await redis.flushall();
    await beat();
    expect(told.rollbacks).toHaveLength(1);
    await beat();
    expect(told.rollbacks).toHaveLength(1);
  });

  test('that it went back to an earlier beat', async () => {
    const { membership, told, beat } = member('a');
    await membership.start();
    const early = (await redis.hget(KEY, 'a'))!;
    await beat();
    await beat();
    await redis.hset(KEY, 'a', early);
    await beat();
    expect(told.rollbacks).toHaveLength(1);
  });

  test('what time it is there, and that its clock jumped against ours', async () => {
    const { membership, clock, time, told, beat } = member('a');
    await membership.start();
    const [seconds] = await redis.time();
    expect(Math.abs(time.nowMs() - Number(seconds) * 1_000)).toBeLessThan(2_000);
    await beat();
    expect(told.jumps).toEqual([]);
    // Our clock runs on by a minute while Redis's hardly moves.
    await clock.advance(0);
    const before = clock.monotonicMs();
    await clock.advance(60_000);
    await eventually(() => told.jumps.length > 0, { what: 'the jump to be noticed', everyMs: 1 });
    expect(clock.monotonicMs() - before).toBe(60_000);
    expect(told.jumps[0]).toBeLessThan(-55_000);
  });
});
