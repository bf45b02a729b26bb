import { parseStreamEntry } from '@weir/common/batch';
import { systemClock } from '@weir/common/clock';
import { partitionKeys } from '@weir/common/keys';
import { silentLogger } from '@weir/common/logger';
import { connectRedis, openRedis } from '@weir/common/redis';
import { Stamps } from '@weir/common/stamps';
import { Intake } from '@weir/relay/intake';
import { MemoryJournal } from '@weir/relay/journal';
import { Publisher } from '@weir/relay/publisher';
import { RelayCounts } from '@weir/relay/relay-metrics';
import type { Redis } from 'ioredis';
import { cleanup } from '../support/cleanup.ts';
import { eventually } from '../support/eventually.ts';
import { type RedisServer, startRedis } from '../support/redis-server.ts';

const PARTITIONS = 3;

let server: RedisServer;
let client: Redis;
beforeAll(async () => {
  server = await startRedis();
  client = server.client();
});
beforeEach(async () => {
  if (!server.running) await server.start();
  await eventually(() => client.flushall(), { what: 'Redis to be empty' });
});

async function startPublisher({ journalBytes = 1_000_000, drainMs = 3000, commandTimeoutMs = 5000 } = {}) {
  const counts = new RelayCounts({ observe: () => undefined });
  const journal = new MemoryJournal({ maxBytes: journalBytes });
  const redis = openRedis({ url: server.url, name: 'publisher under test', commandTimeoutMs });
  await connectRedis(redis, 5000);
  let lost = 0;
  const bugs: unknown[] = [];
  const publisher = new Publisher({
    redis,
    prefix: 'weir',
    partitions: PARTITIONS,
    appender: { relayId: 'r', incarnation: '0123456789abcdef' },
    journal,
    recovered: [],
    clock: systemClock,
    random: Math.random,
    batchBytes: 131_072,
    lingerMs: 1,
    unattendedLingerMs: 1,
    drainMs,
    otherBytes: 1_000_000,
    counts,
    onLostByRedis: () => lost++,
    logger: silentLogger,
    fail: (error) => bugs.push(error),
  });
  cleanup('publisher', () => publisher.stop());
  const nowMs = () => Date.now();
  const monotonicMs = () => systemClock.monotonicMs();
  const intake = new Intake({ lanes: publisher.lanes, journal, stamps: new Stamps(0), nowMs, monotonicMs });
  await publisher.start();
  /** Hands in one request; resolves when it is confirmed. */
  const send = (from: number, count: number) => {
    const lines = Array.from({ length: count }, (_, i) => `event_type=a,product=b value=u${from + i} 5\n`);
    return intake.take(Buffer.from(lines.join('')), 'ns').confirmed;
  };
  return { publisher, counts, journal, send, bugs, lost: () => lost };
}

/** Every line in Redis, sorted; twice where it is there twice. */
async function linesInRedis(): Promise<string[]> {
  const lines: string[] = [];
  for (let partition = 0; partition < PARTITIONS; partition++) {
    for (const [id, fields] of await client.xrangeBuffer(partitionKeys('weir', partition).stream, '-', '+')) {
      lines.push(...parseStreamEntry(id.toString(), fields)!.lines.toString().trim().split('\n'));
    }
  }
  return lines.map((line) => / value=(\S+) /.exec(line)![1]!).sort();
}
const users = (count: number) => Array.from({ length: count }, (_, i) => `u${i}`).sort();

test('what was confirmed is in Redis', async () => {
  const { send } = await startPublisher();
  await Promise.all([send(0, 100), send(100, 1), send(101, 99)]);
  expect(await linesInRedis()).toEqual(users(200));
});

test('what Redis lost is sent again within seconds, though nothing new comes in', async () => {
  const { send, counts, lost } = await startPublisher();
  await send(0, 50);
  await send(50, 50);
  const before = counts.batchesAppended;
  await client.flushall();
  await eventually(async () => (await linesInRedis()).length === 100, { what: 'the lost lines to be back' });
  expect(await linesInRedis()).toEqual(users(100));
  expect(lost()).toBe(PARTITIONS);
  expect(counts.batchesAppendedAgain).toBe(before);
  expect(counts.gapBatches).toBe(0);
});

test('what Redis lost beyond the reach of the journal is counted as a gap, and the rest is sent again', async () => {
  const { send, counts } = await startPublisher({ journalBytes: 4000 });
  for (let i = 0; i < 30; i++) await send(i, 1);
  await client.flushall();
  await eventually(() => counts.gapBatches > 0 && counts.batchesAppendedAgain > 0, { what: 'a gap to be counted' });
  await eventually(async () => (await linesInRedis()).length + counts.gapBatches === 30, {
    what: 'everything else to be back',
  });
  const back = await linesInRedis();
  expect(new Set(back).size).toBe(back.length);
});

test('while Redis is away it is known to be, and what waits is appended once when it is back', async () => {
  const { publisher, send, counts, bugs } = await startPublisher();
  await send(0, 10);
  expect(publisher.away).toBe(false);
  await server.kill();
  await eventually(() => publisher.away, { what: 'the publisher to notice' });
  const waiting = send(10, 10);
  await eventually(() => (counts.appendFailures.get('redis-unreachable') ?? 0) > 2, { what: 'some attempts' });
  await server.start();
  await waiting;
  await eventually(async () => (await linesInRedis()).length === 20, { what: 'all lines' });
  expect(await linesInRedis()).toEqual(users(20));
  // The lanes that have nothing to append ask again when their own pause is over.
  await eventually(() => !publisher.away, { what: 'every lane to have heard of Redis' });
  expect(bugs).toEqual([]);
});

test('a reply that is lost with its connection appends nothing twice', async () => {
  const { send } = await startPublisher();
  const sent = [];
  for (let i = 0; i < 200; i++) {
    sent.push(send(i, 1));
    if (i % 10 === 0) await client.client('KILL', 'TYPE', 'normal', 'SKIPME', 'yes');
    await systemClock.sleep(1);
  }
  await Promise.all(sent);
  expect(await linesInRedis()).toEqual(users(200));
});

test('a frozen Redis that wakes up late appends nothing twice', async () => {
  const { send, counts } = await startPublisher({ commandTimeoutMs: 100 });
  await send(0, 10);
  await server.pause();
  const waiting = send(10, 10);
  // Every attempt is given up here, and still in Redis's socket there: it runs them all when it wakes up.
  await eventually(() => counts.appendFailures.get('redis-unreachable')! >= 3 * PARTITIONS, { what: 'some attempts' });
  await server.resume();
  await waiting;
  await client.ping();
  expect(await linesInRedis()).toEqual(users(20));
});

test('a stop appends what is left, without lingering', async () => {
  const { publisher, send } = await startPublisher();
  const sent = send(0, 100);
  await publisher.stop();
  await sent;
  expect(await linesInRedis()).toEqual(users(100));
});

test('a stop gives up in time when Redis is away, and counts what it leaves', async () => {
  const { publisher, send, counts } = await startPublisher({ drainMs: 200 });
  await server.kill();
  void send(0, 7);
  await publisher.stop();
  expect(counts.linesAbandoned).toBe(7);
});

test('everything received before a moment is known to be in Redis', async () => {
  const { publisher, send } = await startPublisher();
  await eventually(() => publisher.drainedMs !== undefined, { what: 'every partition to have answered' });
  await server.pause();
  const before = Date.now();
  const waiting = send(0, 30);
  await systemClock.sleep(50);
  expect(publisher.drainedMs).toBeLessThanOrEqual(before + 1);
  await server.resume();
  await waiting;
  await eventually(() => publisher.drainedMs! > before + 1, { what: 'the lines to count as drained' });
});
