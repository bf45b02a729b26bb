import type { LagReport } from '@weir/cli/lag-report';
import type { PendingReport } from '@weir/cli/pending-report';
import { aggregatorsKey, CONSUMER_GROUP, deploymentKey, partitionKeys } from '@weir/common/keys';
import type { Redis } from 'ioredis';
import { eventually } from '../support/eventually.ts';
import { type RedisServer, startRedis } from '../support/redis-server.ts';
import { weir as runWeir } from '../support/weir.ts';

let server: RedisServer;
let redis: Redis;
const { stream, counters } = partitionKeys('weir', 0);

beforeAll(async () => {
  server = await startRedis();
  redis = server.client();
});
beforeEach(async () => {
  await redis.flushall();
  await redis.hset(deploymentKey('weir'), 'partitions', 2);
});

const weir = (...argv: string[]) => runWeir([...argv, '--redis', server.url]);

async function lag() {
  const { code, out, err } = await weir('lag', '--json', '--interval', '0s', '--patience', '10s');
  expect({ code, err }).toEqual({ code: 0, err: '' });
  const report = JSON.parse(out) as LagReport;
  return { ...report.partitions[0]!, totals: report.totals, report };
}

/** Appends entries of `lines` lines each, and keeps the books as the append script would. */
async function append(entries: number, lines = 10, payload = 'x'): Promise<string[]> {
  const ids: string[] = [];
  for (let i = 0; i < entries; i++) ids.push((await redis.xadd(stream, '*', 'b', 'r:0:1', 'n', lines, 'd', payload))!);
  await redis.hincrby(counters, 'received', entries * lines);
  return ids;
}

/** Acknowledges, and keeps the books as the fold script would. */
async function fold(ids: string[], lines = 10): Promise<void> {
  await redis.xack(stream, CONSUMER_GROUP, ...ids);
  await redis.hincrby(counters, 'counted', ids.length * lines);
}

async function read(consumer: string, entries: number): Promise<string[]> {
  const reply = await redis.xreadgroup('GROUP', CONSUMER_GROUP, consumer, 'COUNT', entries, 'STREAMS', stream, '>');
  return (reply as [string, [string, string[]][]][])[0]![1].map(([id]) => id);
}

async function xinfoLag(): Promise<unknown> {
  const [group] = (await redis.xinfo('GROUPS', stream)) as unknown[][];
  return group![group!.indexOf('lag') + 1];
}

describe('weir lag', () => {
  test('is zero everywhere before the first event', async () => {
    const { report } = await lag();
    expect(report).toMatchObject({ schema: 'weir.lag/1', prefix: 'weir' });
    expect(report.partitions.map(({ lagEntries, lagSeconds }) => [lagEntries, lagSeconds])).toEqual([
      [0, 0],
      [0, 0],
    ]);
    expect(report.totals).toMatchObject({ lagEntries: 0, pendingEntries: 0, oldestPendingIdleMs: null });
  });

  test('without a group everything is lag', async () => {
    await append(7);
    expect(await lag()).toMatchObject({ lagEntries: 7, lagEvents: 70, undeliveredEvents: 70, pendingEntries: 0 });
  });

  test('follows entries from appended over pending to folded', async () => {
    await redis.xgroup('CREATE', stream, CONSUMER_GROUP, '0', 'MKSTREAM');
    await append(10);
    const handed = await read('az1', 4);
    expect(await lag()).toMatchObject({
      lagEntries: 6,
      lagEvents: 100,
      undeliveredEvents: 60,
      pendingEntries: 4,
      pendingEvents: 40,
      consumers: [{ name: 'az1', pendingEntries: 4 }],
    });
    await fold(handed);
    expect(await lag()).toMatchObject({ lagEntries: 6, lagEvents: 60, undeliveredEvents: 60, pendingEntries: 0 });
    await fold(await read('az2', 6));
    expect(await lag()).toMatchObject({ lagEntries: 0, lagEvents: 0, undeliveredEvents: 0, lagSeconds: 0 });
  });

  test.each([
    ['the first undelivered', 4],
    ['one in the middle', 6],
    ['the last', 9],
  ])('is right where XINFO says null, after XDEL of %s entry', async (_, victim) => {
    await redis.xgroup('CREATE', stream, CONSUMER_GROUP, '0', 'MKSTREAM');
    const ids = await append(10);
    await read('az1', 4);
    await redis.xdel(stream, ids[victim]!);
    expect(await xinfoLag()).toBeNull();
    expect(await lag()).toMatchObject({ lagEntries: 5, pendingEntries: 4 });
  });

  test('is right where XINFO says null, after XGROUP SETID', async () => {
    await redis.xgroup('CREATE', stream, CONSUMER_GROUP, '0', 'MKSTREAM');
    const ids = await append(10);
    await redis.xgroup('SETID', stream, CONSUMER_GROUP, ids[2]!);
    expect(await xinfoLag()).toBeNull();
    expect((await lag()).lagEntries).toBe(7);
    await redis.xgroup('SETID', stream, CONSUMER_GROUP, '18446744073709551615-18446744073709551615');
    expect((await lag()).lagEntries).toBe(0);
  });

  test('counts what is there, not what was trimmed before it was delivered', async () => {
    await redis.xgroup('CREATE', stream, CONSUMER_GROUP, '0', 'MKSTREAM');
    const ids = await append(10);
    await read('az1', 2);
    await redis.xtrim(stream, 'MINID', ids[7]!);
    expect((await lag()).lagEntries).toBe(3);
    await redis.xdel(stream, ...ids.slice(7));
    expect((await lag()).lagEntries).toBe(0);
  });

  test('is right after trimming what was folded, with a tombstone behind it', async () => {
    await redis.xgroup('CREATE', stream, CONSUMER_GROUP, '0', 'MKSTREAM');
    const ids = await append(20);
    await fold(await read('az1', 5));
    await redis.xtrim(stream, 'MINID', ids[3]!);
    await redis.xdel(stream, ids[10]!);
    expect((await lag()).lagEntries).toBe(14);
  });

  test('counts thousands of entries and megabytes of payload page by page', async () => {
    await redis.xgroup('CREATE', stream, CONSUMER_GROUP, '0', 'MKSTREAM');
    await append(3_000, 1, 'x'.repeat(1_000));
    const ids = await append(20, 1, 'x'.repeat(1024 * 1024));
    await read('az1', 100);
    await redis.xdel(stream, ids[0]!);
    expect(await xinfoLag()).toBeNull();
    await redis.config('RESETSTAT');
    expect((await lag()).lagEntries).toBe(3_020 - 100 - 1);
    // 4 looks, 7 pages of small ones alone, and the large ones one or two to a step, whatever the page size.
    const [, calls] = /cmdstat_evalsha:calls=(\d+)/.exec(await redis.info('commandstats'))!;
    expect(Number(calls)).toBeGreaterThanOrEqual(4 + 7 + 10);
  });

  test('agrees with what is true under load, where XINFO says null and entries are trimmed', async () => {
    await redis.xgroup('CREATE', stream, CONSUMER_GROUP, '0', 'MKSTREAM');
    const ids = await append(2_000, 1);
    // A hole that stays ahead of what is delivered.
    await redis.xdel(stream, ids.at(-1)!);
    let [appended, delivered, looks] = [1_999, 0, 0];
    let goOn = true;
    const load = async () => {
      const worker = server.client();
      while (goOn) {
        await worker.xadd(stream, '*', 'b', 'r:0:1', 'n', 1, 'd', 'x');
        appended++;
        if (delivered >= 1_900) continue;
        const reply = await worker.xreadgroup('GROUP', CONSUMER_GROUP, 'az1', 'COUNT', 1, 'STREAMS', stream, '>');
        const [id] = (reply as [string, [string, string[]][]][])[0]![1][0]!;
        delivered++;
        await worker.xack(stream, CONSUMER_GROUP, id);
        await worker.xtrim(stream, 'MINID', id);
      }
    };
    const running = load();
    while (looks < 20) {
      const before = { appended, delivered };
      const { lagEntries } = await lag();
      expect(await xinfoLag()).toBeNull();
      expect(lagEntries).not.toBeNull();
      // Give or take a call that was applied and not yet answered at either end.
      expect(lagEntries!).toBeGreaterThanOrEqual(before.appended - delivered - 2);
      expect(lagEntries!).toBeLessThanOrEqual(appended - before.delivered + 2);
      looks++;
    }
    goOn = false;
    await running;
    expect(delivered).toBeGreaterThan(20);
    expect((await lag()).lagEntries).toBe(appended - delivered);
  });

  test('shows how fast lines come and go, and when the backlog will be gone', async () => {
    await redis.xgroup('CREATE', stream, CONSUMER_GROUP, '0', 'MKSTREAM');
    await append(100, 10);
    const looking = weir('lag', '--json', '--interval', '1s');
    await eventually(
      async () => Number((await redis.info('commandstats')).match(/cmdstat_evalsha:calls=(\d+)/)?.[1]) > 1,
      {
        what: 'the first look',
      },
    );
    await append(10, 10);
    await fold(await read('az1', 60));
    const { partitions, intervalMs } = JSON.parse((await looking).out) as LagReport;
    expect(intervalMs).toBeGreaterThanOrEqual(990);
    const seconds = intervalMs! / 1_000;
    const [first] = partitions;
    expect(first).toMatchObject({ lagEntries: 50, lagEvents: 500, trend: 'shrinking' });
    expect(first!.rateInPerSec! * seconds).toBeCloseTo(100, 0);
    expect(first!.rateOutPerSec! * seconds).toBeCloseTo(600, 0);
    expect(first!.drainSeconds).toBeCloseTo(seconds, 1);
    expect(partitions[1]).toMatchObject({ rateInPerSec: 0, rateOutPerSec: 0, trend: 'idle', drainSeconds: 0 });
  });

  test('tells the age of the oldest entry that is not folded, in seconds of Redis', async () => {
    const [seconds] = await redis.time();
    await redis.xadd(stream, `${(Number(seconds) - 120) * 1_000}-0`, 'n', 1);
    await redis.xgroup('CREATE', stream, CONSUMER_GROUP, '0');
    expect(Math.abs((await lag()).lagSeconds! - 120)).toBeLessThan(5);
    await read('az1', 1);
    await append(1);
    const after = await lag();
    expect(Math.abs(after.lagSeconds! - 120)).toBeLessThan(5);
    expect(after.totals.lagSeconds).toBe(after.lagSeconds);
    expect(after.oldestPendingIdleMs).toBeLessThan(5_000);
  });

  test('says ? where it cannot know, and never a false zero', async () => {
    await redis.xadd(stream, '*', 'odd', 'entry');
    await redis.xgroup('CREATE', stream, CONSUMER_GROUP, '0');
    expect(await lag()).toMatchObject({ lagEntries: 1, lagEvents: null, undeliveredEvents: null });
    await read('az1', 1);
    expect(await lag()).toMatchObject({ lagEntries: 0, lagEvents: null, pendingEvents: null, pendingEntries: 1 });
    expect((await weir('lag', '-o', 'wide')).out).toMatch(/^ +total +0 +\? .* 0 +\?$/m);
  });

  test('names the owner among the aggregators that are alive', async () => {
    const [seconds] = await redis.time();
    const nowMs = Number(seconds) * 1_000;
    await redis.hset(aggregatorsKey('weir'), 'az1', `f0 1 ${nowMs}`, 'gone', `f1 1 ${nowMs - 60_000}`);
    expect((await lag()).report.partitions.map(({ owner }) => owner)).toEqual(['az1', 'az1']);
  });

  test('prints a table with a line per partition and a total', async () => {
    await append(2);
    const { code, out } = await weir('lag');
    expect(code).toBe(0);
    expect(
      out
        .trimEnd()
        .split('\n')
        .map((line) => line.trim().split(/ {2,}/)[0]),
    ).toEqual(['partition', '0', '1', 'total']);
  });
});

describe('weir pending', () => {
  async function pending(...argv: string[]): Promise<PendingReport> {
    const { code, out, err } = await weir('pending', '--json', '--patience', '10s', ...argv);
    expect({ code, err }).toEqual({ code: 0, err: '' });
    return JSON.parse(out) as PendingReport;
  }

  test('has nothing to show before the first event, nor with everything folded', async () => {
    expect(await weir('pending')).toEqual({ code: 0, out: 'no pending entries\n', err: '' });
    await append(3);
    await redis.xgroup('CREATE', stream, CONSUMER_GROUP, '0');
    await fold(await read('az1', 3));
    expect(await pending()).toMatchObject({
      schema: 'weir.pending/1',
      consumers: [],
      totals: { entries: 0, events: 0 },
    });
  });

  test('shows each consumer with its entries, lines, deliveries and whether it lives', async () => {
    const [seconds] = await redis.time();
    await redis.hset(aggregatorsKey('weir'), 'az1', `f0 1 ${Number(seconds) * 1_000}`);
    await redis.xgroup('CREATE', stream, CONSUMER_GROUP, '0', 'MKSTREAM');
    const ids = await append(6, 5);
    await read('az1', 2);
    await read('az2', 4);
    await redis.xclaim(stream, CONSUMER_GROUP, 'az2', 0, ids[3]!);
    await redis.xclaim(stream, CONSUMER_GROUP, 'az2', 0, ids[3]!, 'IDLE', 70_000, 'RETRYCOUNT', 4);
    const report = await pending();
    expect(report.totals).toEqual({ entries: 6, events: 30, missingEntries: 0 });
    expect(report.consumers).toMatchObject([
      { partition: 0, consumer: 'az1', alive: true, owner: 'az1', entries: 2, events: 10, maxDeliveries: 1 },
      { partition: 0, consumer: 'az2', alive: false, heartbeatAgeMs: null, entries: 4, events: 20, maxDeliveries: 4 },
    ]);
    expect(report.consumers[1]).toMatchObject({ oldestEntryId: ids[2], owner: 'az1' });
    expect(report.consumers[1]!.oldestIdleMs).toBeGreaterThanOrEqual(70_000);

    for (const filter of [
      ['--idle', '60s'],
      ['--min-deliveries', '2'],
      ['--idle=1m', '--consumer=az2'],
    ]) {
      const filtered = await pending(...filter);
      expect(filtered.totals).toEqual({ entries: 1, events: 5, missingEntries: 0 });
      expect(filtered.consumers[0]).toMatchObject({ consumer: 'az2', oldestEntryId: ids[3] });
    }
    expect((await pending('--consumer', 'nobody')).consumers).toEqual([]);
    expect((await weir('pending', '--consumer', 'nobody')).out).toBe('no pending entries match\n');
  });

  test('lists more entries than one page, and tells those gone from the stream', async () => {
    await redis.xgroup('CREATE', stream, CONSUMER_GROUP, '0', 'MKSTREAM');
    const ids = await append(1_100, 2);
    await read('az1', 1_100);
    await redis.xdel(stream, ids[0]!, ids[1_099]!);
    expect((await pending()).totals).toEqual({ entries: 1_100, events: 2_196, missingEntries: 2 });
    expect((await weir('pending', '--patience', '10s')).out).toContain('2 pending entries are gone from the stream');
  });
});
