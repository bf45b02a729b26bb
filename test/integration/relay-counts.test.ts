import { createSocket } from 'node:dgram';
import { systemClock } from '@weir/common/clock';
import { relayCountsKey } from '@weir/common/keys';
import { silentLogger } from '@weir/common/logger';
import { parseRelayCounts, type RelayCountsReport, type RelayTotals } from '@weir/common/relay-counts';
import { CountsReport } from '@weir/relay/counts-report';
import { RelayCounts } from '@weir/relay/relay-metrics';
import type { Redis } from 'ioredis';
import { cleanup } from '../support/cleanup.ts';
import { startDaemon } from '../support/daemon.ts';
import { eventually, eventuallyHolds } from '../support/eventually.ts';
import { type RedisServer, startRedis } from '../support/redis-server.ts';

/** What relays counted, as they tell it to the ledger. */
let server: RedisServer;
let redis: Redis;
beforeAll(async () => {
  server = await startRedis();
  redis = server.client();
});
beforeEach(() => redis.flushall());

const key = relayCountsKey('weir');
const hex = (n: number) => n.toString(16).padStart(16, '0');

async function reports(): Promise<RelayCountsReport[]> {
  return Object.entries(await redis.hgetall(key)).map(([field, text]) => parseRelayCounts(field, text)!);
}

function reporter({ id = 'az1', incarnation = hex(1), admitted = () => true as boolean } = {}) {
  const counts = new RelayCounts({ observe: () => undefined });
  const bugs: unknown[] = [];
  const report = new CountsReport({
    redis,
    prefix: 'weir',
    id,
    incarnation,
    clock: systemClock,
    totals: () => counts.totals,
    admitted,
    fail: (error) => bugs.push(error),
    logger: silentLogger,
  });
  cleanup('report', () => report.stop());
  return { counts, report, bugs };
}

async function fillWith(starts: number, lastMs: (n: number) => number): Promise<void> {
  const counts: RelayTotals = new RelayCounts({ observe: () => undefined }).totals;
  for (let n = 0; n < starts; n++) {
    await redis.hset(key, `${hex(n + 100)} az9`, JSON.stringify({ startedMs: 1, lastMs: lastMs(n), counts }));
  }
}

test('a relay’s lines of both doors stand in Redis at its stop, by id and start, with why they were rejected', async () => {
  const args = ['--redis', server.url, '--http', '127.0.0.1:0', '--udp', '127.0.0.1:0', '--id', 'zone:one'];
  const relay = await startDaemon('weir-relay', args);
  const line = (user: string) => `event_type=a,product=b value=${user} 1478507534415525888`;
  const body = [line('a'), line('b'), 'nonsense', 'cpu load=1 5'].join('\n');
  await fetch(`http://${relay.http}/write`, { method: 'POST', body });
  const socket = createSocket('udp4');
  socket.send(line('c'), Number(relay.udp.split(':')[1]), '127.0.0.1');
  await eventually(() => relay.metric('weir_relay_udp_datagrams_total'), { what: 'the datagram' });
  await eventuallyHolds(async () => expect((await reports())[0]?.counts.datagrams).toBe(1), { what: 'a report' });
  await relay.stop();
  socket.close();
  const [report, ...others] = await reports();
  expect(others).toEqual([]);
  expect(report).toMatchObject({ id: 'zone:one', incarnation: expect.stringMatching(/^[0-9a-f]{16}$/) });
  expect(report!.lastMs).toBeGreaterThanOrEqual(report!.startedMs);
  expect(report!.counts).toMatchObject({
    received: 5,
    accepted: 3,
    others: 1,
    journaled: 3,
    appended: 3,
    appendedAgain: 0,
  });
  expect(report!.counts.rejected).toEqual({ syntax: 1 });
});

test('the last report is complete, and keeps when the first one was made', async () => {
  const { counts, report } = reporter();
  await report.start();
  const [first] = await eventually(async () => ((await reports()).length > 0 ? reports() : undefined), {
    what: 'a report',
  });
  counts.countLines('http', { accepted: 5, others: 0, byReason: new Map([['future', 2]]) });
  counts.countLines('udp', { accepted: 1, others: 4, byReason: new Map([['future', 1]]) });
  await report.stop();
  const [last] = await reports();
  expect(last).toMatchObject({
    startedMs: first!.startedMs,
    counts: { received: 13, accepted: 6, others: 4, rejected: { future: 3 } },
  });
});

test('a process that was not let in reports nothing', async () => {
  const { report } = reporter({ admitted: () => false });
  await report.start();
  await report.stop();
  expect(await redis.exists(key)).toBe(0);
});

test('starts that were not heard of for 30 days are forgotten when a relay starts', async () => {
  const [seconds] = await redis.time();
  const nowMs = Number(seconds) * 1_000;
  await fillWith(4, (n) => nowMs - n * 11 * 24 * 3_600_000);
  await redis.hset(key, 'odd', 'text');
  const { report } = reporter();
  await report.start();
  await report.stop();
  expect((await reports()).map(({ incarnation }) => incarnation).sort()).toEqual([1, 100, 101, 102].map(hex).sort());
});

test('beyond 256 starts those heard of longest ago are forgotten', async () => {
  const [seconds] = await redis.time();
  await fillWith(300, (n) => Number(seconds) * 1_000 - n);
  const { report } = reporter();
  await report.start();
  await report.stop();
  const kept = (await reports()).map(({ incarnation }) => incarnation);
  expect(kept).toHaveLength(256);
  expect(kept).toContain(hex(1));
  expect(kept).toContain(hex(100 + 254));
  expect(kept).not.toContain(hex(100 + 255));
});

test('a full Redis takes the report all the same', async () => {
  const { report, bugs } = reporter();
  await redis.config('SET', 'maxmemory', '1');
  await report.start();
  await eventually(() => redis.exists(key), { what: 'a report into a full Redis' });
  await redis.config('SET', 'maxmemory', '0');
  await report.stop();
  expect(bugs).toEqual([]);
});
