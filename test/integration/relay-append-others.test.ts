import { parseStreamEntry } from '@weir/common/batch';
import { partitionKeys } from '@weir/common/keys';
import { type AppendTarget, appendBatch, otherTarget, probe } from '@weir/relay/append-script';
import type { Redis } from 'ioredis';
import { startRedis } from '../support/redis-server.ts';

const keys = partitionKeys('weir', 3);
const relay = { relayId: 'az1', incarnation: '0123456789abcdef' };
const LINES = 2;

let redis: Redis;
beforeAll(async () => {
  redis = (await startRedis()).client();
});
beforeEach(() => redis.flushall());

/** One batch of so many bytes of lines. */
async function append(sequence: number, bytes: number, maxBytes: number, target?: AppendTarget) {
  const batch = { sequence, receivedMs: 5, lineCount: LINES, lines: Buffer.alloc(bytes, 'x') };
  return appendBatch(redis, target ?? otherTarget(keys, maxBytes), relay, batch, false);
}

async function sequences(): Promise<number[]> {
  const raw = await redis.xrangeBuffer(keys.others, '-', '+');
  return raw.map(([id, fields]) => Number(parseStreamEntry(id.toString(), fields)!.batch.split(':').at(-1)));
}

/** Delivers so many entries to a group; answers their ids. */
async function deliver(group: string, count: number): Promise<string[]> {
  const reply = await redis.xreadgroup('GROUP', group, 'me', 'COUNT', count, 'STREAMS', keys.others, '>');
  return ((reply?.[0] as [string, [string, string[]][]] | undefined)?.[1] ?? []).map(([id]) => id);
}

const counters = () => redis.hgetall(keys.otherCounters);

test('an entry says how many lines and bytes the stream was given before it', async () => {
  await append(1, 1_000, 1e9);
  await append(2, 3_000, 1e9);
  await append(2, 3_000, 1e9);
  const fields = (await redis.xrange(keys.others, '-', '+')).map(([, each]) => each.slice(-4));
  const first = Number(fields[1]![3]);
  expect(first).toBeGreaterThan(1_000);
  expect(first).toBeLessThan(1_300);
  expect(fields).toEqual([
    ['c', '0', 'o', '0'],
    ['c', '2', 'o', String(first)],
  ]);
  expect(await counters()).toMatchObject({ received: '4', 'appended-entries': '2' });
  expect(await probe(redis, otherTarget(keys, 1), relay)).toMatchObject({ last: 2 });
});

test('a stream of other lines shares nothing with that of events', async () => {
  await append(1, 1_000, 1e9);
  const event = { sequence: 1, receivedMs: 5, lineCount: 1, lines: Buffer.from('x') };
  expect(await appendBatch(redis, keys, relay, event, false)).toMatchObject({ appended: true, last: 1 });
  expect(await redis.xlen(keys.stream)).toBe(1);
  expect(await redis.xlen(keys.others)).toBe(1);
  expect(await redis.hgetall(keys.counters)).toEqual({ received: '1', 'appended-entries': '1' });
});

test('beyond its bound the oldest entries go, and the stream never holds more', async () => {
  for (let sequence = 1; sequence <= 20; sequence++) {
    await append(sequence, 1_000, 5_500);
    const held = Number((await counters()).bytes) - Number((await redis.xrange(keys.others, '-', '+'))[0]![1].at(-1));
    expect(held).toBeLessThanOrEqual(5_500);
  }
  expect(await sequences()).toEqual([17, 18, 19, 20]);
  expect(await counters()).toMatchObject({ received: '40', dropped: '32' });
});

test('the newest entry stays, however large', async () => {
  await append(1, 1_000, 2_000);
  await append(2, 9_000, 2_000);
  expect(await sequences()).toEqual([2]);
});

test('small entries give way to a large one over a few calls, so that none of them takes long', async () => {
  for (let sequence = 1; sequence <= 600; sequence++) await append(sequence, 1, 199_600);
  await append(601, 199_000, 199_600);
  expect(601 - (await redis.xlen(keys.others))).toBe(256);
  await append(602, 1, 199_600);
  await append(603, 1, 199_600);
  expect(await sequences()).toEqual([601, 602, 603]);
});

test('what goes is counted for each group that has not acked it, and is pending no more', async () => {
  for (const group of ['done', 'pending', 'behind']) await redis.xgroup('CREATE', keys.others, group, '0', 'MKSTREAM');
  for (let sequence = 1; sequence <= 3; sequence++) await append(sequence, 1_000, 1e9);
  await redis.xack(keys.others, 'done', ...(await deliver('done', 3)));
  await deliver('pending', 2);
  await append(4, 1_000, 2_500);
  expect(await sequences()).toEqual([3, 4]);
  expect(await counters()).toMatchObject({ 'dropped:pending': '4', 'dropped:behind': '4', dropped: '4' });
  expect(await counters()).not.toHaveProperty('dropped:done');
  expect((await redis.xpending(keys.others, 'pending'))[0]).toBe(0);
});

test('what every group has acked is not dropped but trimmed', async () => {
  await redis.xgroup('CREATE', keys.others, 'done', '0', 'MKSTREAM');
  await append(1, 1_000, 1e9);
  await redis.xack(keys.others, 'done', ...(await deliver('done', 1)));
  await append(2, 1_000, 1_500);
  expect(await sequences()).toEqual([2]);
  expect(await counters()).not.toHaveProperty('dropped');
});

test('a stream that was trimmed holds less than it was given', async () => {
  for (let sequence = 1; sequence <= 4; sequence++) await append(sequence, 1_000, 1e9);
  await redis.xtrim(keys.others, 'MAXLEN', 1);
  for (let sequence = 5; sequence <= 7; sequence++) await append(sequence, 1_000, 5_000);
  expect(await sequences()).toEqual([4, 5, 6, 7]);
  expect(await counters()).not.toHaveProperty('dropped');
});

test('XINFO still knows how far a group is behind', async () => {
  await redis.xgroup('CREATE', keys.others, 'behind', '0', 'MKSTREAM');
  for (let sequence = 1; sequence <= 9; sequence++) await append(sequence, 1_000, 3_700);
  const [group] = (await redis.xinfo('GROUPS', keys.others)) as unknown[][];
  expect(group![group!.indexOf('lag') + 1]).toBe(3);
});
