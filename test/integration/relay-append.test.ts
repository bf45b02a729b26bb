import { parseStreamEntry, type StreamEntry } from '@weir/common/batch';
import { partitionKeys } from '@weir/common/keys';
import { type Appender, appendBatch, probe } from '@weir/relay/append-script';
import type { JournalBatch } from '@weir/relay/journal';
import type { Redis } from 'ioredis';
import { startRedis } from '../support/redis-server.ts';

const keys = partitionKeys('weir', 3);
const one: Appender = { relayId: 'az1:rack:7', incarnation: '0123456789abcdef' };
const other: Appender = { relayId: 'az2', incarnation: 'fedcba9876543210' };

let redis: Redis;
beforeAll(async () => {
  redis = (await startRedis()).client();
});
beforeEach(() => redis.flushall());

const batch = (sequence: number, fields: Partial<JournalBatch> = {}): JournalBatch => ({
  sequence,
  receivedMs: 1_478_507_534_415,
  lineCount: 2,
  lines: Buffer.from(`line ${sequence}\nbytes \xff\n`, 'latin1'),
  ...fields,
});
const append = (appender: Appender, sequence: number, afterGap = false) =>
  appendBatch(redis, keys, appender, batch(sequence), afterGap);

async function entries(): Promise<StreamEntry[]> {
  const raw = await redis.xrangeBuffer(keys.stream, '-', '+');
  return raw.map(([id, fields]) => parseStreamEntry(id.toString(), fields)!);
}
const batches = async () => (await entries()).map((entry) => entry.batch);

test('a batch becomes one entry with all its fields, byte by byte', async () => {
  const answer = await append(one, 1);
  expect(answer).toMatchObject({ appended: true, last: 1 });
  expect(await entries()).toEqual([
    {
      id: answer.entryId,
      batch: 'az1:rack:7:0123456789abcdef:1',
      receivedMs: 1_478_507_534_415,
      lineCount: 2,
      lines: batch(1).lines,
    },
  ]);
  expect(Math.abs(answer.redisMs - Date.now())).toBeLessThan(60_000);
});

test('a batch with an Idempotency-Key says key and line numbers', async () => {
  await appendBatch(redis, keys, one, batch(1, { idempotencyKey: 'k:1', lineNumbers: '3,7' }), false);
  expect(await entries()).toMatchObject([{ idempotencyKey: 'k:1', lineNumbers: '3,7' }]);
});

test('a batch that is sent again is not appended again, and not counted', async () => {
  await append(one, 1);
  await append(one, 2);
  expect(await append(one, 2)).toMatchObject({ appended: false, last: 2, entryId: '' });
  expect(await append(one, 1, true)).toMatchObject({ appended: false, last: 2 });
  expect(await batches()).toEqual(['az1:rack:7:0123456789abcdef:1', 'az1:rack:7:0123456789abcdef:2']);
  expect(await redis.hgetall(keys.counters)).toEqual({ received: '4', 'appended-entries': '2' });
});

test('a batch whose predecessors are missing waits for them', async () => {
  await append(one, 1);
  expect(await append(one, 3)).toMatchObject({ appended: false, last: 1 });
  expect(await append(one, 2)).toMatchObject({ appended: true, last: 2 });
  expect(await append(one, 3)).toMatchObject({ appended: true, last: 3 });
});

test('a batch whose predecessors are lost for good is appended when the relay says so', async () => {
  expect(await append(one, 5)).toMatchObject({ appended: false, last: 0 });
  expect(await append(one, 5, true)).toMatchObject({ appended: true, last: 5 });
  expect(await append(one, 4, true)).toMatchObject({ appended: false, last: 5 });
  expect(await append(one, 6)).toMatchObject({ appended: true, last: 6 });
});

test('starts of relays count on their own', async () => {
  await append(one, 1);
  await append(other, 1);
  await append(other, 2);
  expect(await append(one, 2)).toMatchObject({ appended: true, last: 2 });
  expect(await redis.hget(keys.counters, 'received')).toBe('8');
});

test('a probe appends nothing and tells what is held', async () => {
  expect(await probe(redis, keys, one)).toMatchObject({ appended: false, last: 0 });
  expect(await redis.dbsize()).toBe(0);
  await append(one, 1);
  expect(await probe(redis, keys, one)).toMatchObject({ appended: false, last: 1 });
  await redis.flushall();
  await redis.script('FLUSH');
  expect(await probe(redis, keys, one)).toMatchObject({ last: 0 });
});

test('starts that are gone for a week are forgotten when a new one appends, and only those', async () => {
  const week = 7 * 24 * 3_600_000;
  await redis.hset(keys.relays, 'gone', `9 ${Date.now() - week - 60_000}`);
  await redis.hset(keys.relays, 'recent', `9 ${Date.now() - week + 60_000}`);
  await append(one, 1);
  expect(Object.keys(await redis.hgetall(keys.relays)).sort()).toEqual([one.incarnation, 'recent'].sort());
});

test('a start that lives but has nothing to send is not forgotten', async () => {
  await redis.hset(keys.relays, one.incarnation, `9 ${Date.now() - 2 * 3_600_000}`);
  expect(await probe(redis, keys, one)).toMatchObject({ last: 9 });
  const [sequence, ms] = (await redis.hget(keys.relays, one.incarnation))!.split(' ');
  expect(sequence).toBe('9');
  expect(Date.now() - Number(ms)).toBeLessThan(60_000);
});

test('a Redis without memory refuses the whole of it, and takes it when it has some again', async () => {
  await append(one, 1);
  await redis.hset(keys.relays, one.incarnation, `1 ${Date.now() - 2 * 3_600_000}`);
  await redis.config('SET', 'maxmemory', '1');
  await expect(append(one, 2)).rejects.toMatchObject({ code: 'redis-oom', outcome: 'not-applied', retryable: true });
  // By what it is answered a relay says what it has drained, and windows wait for that.
  expect(await probe(redis, keys, one)).toMatchObject({ appended: false, last: 1, entryId: '' });
  expect(await probe(redis, keys, other)).toMatchObject({ appended: false, last: 0, entryId: '' });
  await redis.config('SET', 'maxmemory', '0');
  expect(await redis.hgetall(keys.counters)).toEqual({ received: '2', 'appended-entries': '1' });
  expect(await batches()).toHaveLength(1);
  expect(await append(one, 2)).toMatchObject({ appended: true, last: 2 });
});

test('a batch of the largest size goes through', async () => {
  const lines = Buffer.alloc(1024 * 1024, 'x');
  await appendBatch(redis, keys, one, batch(1, { lines }), false);
  expect((await entries())[0]?.lines.equals(lines)).toBe(true);
});
