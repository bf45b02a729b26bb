import { RedisFinalStore } from '@weir/aggregator/store/final-store';
import type { LedgerReport } from '@weir/cli/ledger-report';
import { Budget } from '@weir/cli/page-size';
import { type PartitionBooks, PENDING_PAGE, readBooks } from '@weir/cli/partition-books';
import { encodeFinal } from '@weir/common/final-codec';
import { CONSUMER_GROUP, deploymentKey, relayCountsKey } from '@weir/common/keys';
import { relayCountsField } from '@weir/common/relay-counts';
import { encodeTotals } from '@weir/common/totals-codec';
import type { Redis } from 'ioredis';
import { eventOf, type TestEvent } from '../support/event-lines.ts';
import { PartitionLab } from '../support/partition-lab.ts';
import { type RedisServer, startRedis } from '../support/redis-server.ts';
import { weir as runWeir } from '../support/weir.ts';

/** `weir ledger` on a real Redis whose books are kept by the real fold script. */
let server: RedisServer;
let redis: Redis;
let it: PartitionLab;

beforeAll(async () => {
  server = await startRedis();
  redis = server.client();
});
beforeEach(async () => {
  await redis.flushall();
  await redis.hset(deploymentKey('weir'), 'partitions', 2);
  it = new PartitionLab(redis, { prefix: 'weir' });
  await it.createGroup();
});

const WINDOW = 1_478_507_520;
const event = (nanos: number, fields: Partial<TestEvent> = {}) => eventOf({ sec: WINDOW, nanos, ...fields });
const events = (count: number, from = 0) => Array.from({ length: count }, (_, i) => event(from + i));

const weir = (...argv: string[]) => runWeir(['ledger', '--redis', server.url, ...argv]);

async function ledger(expected = 0): Promise<LedgerReport> {
  const { code, out, err } = await weir('--json');
  expect({ code, err: err.split('\n').length - 1 }).toEqual({ code: expected, err: expected });
  return JSON.parse(out) as LedgerReport;
}

type CallArgs = [command: string, ...args: (string | number)[]];
const readsWaiting = (args: CallArgs) => args.includes('ids') || args.includes('page');

/** The connection, with its scripts called through `call`. */
function watched(call: (args: CallArgs) => Promise<unknown>): Redis {
  return new Proxy(redis, {
    get(target, name) {
      if (name === 'callBuffer') return (...args: CallArgs) => call(args);
      const value = Reflect.get(target, name);
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
}

const read = (client = redis): Promise<PartitionBooks> =>
  readBooks(client, it.keys, new Budget(10_000, () => performance.now()));

describe('the books', () => {
  test('of a deployment without an event are empty, and balance', async () => {
    await redis.del(it.keys.stream);
    const { totals, partitions, windows, relays } = await ledger();
    expect(partitions).toHaveLength(2);
    expect(totals).toMatchObject({ received: 0, counted: 0, waiting: 0, difference: 0, balanced: true });
    expect({ windows, relays }).toEqual({ windows: [], relays: [] });
  });

  test('follow lines from appended over pending to counted, duplicate and dead', async () => {
    await it.append(events(3));
    expect((await ledger()).totals).toMatchObject({ received: 3, counted: 0, waiting: 3, waitingEntries: 1 });
    const [first] = await it.deliver();
    await it.append([...events(2), event(7), 'unreadable']);
    expect((await ledger()).totals).toMatchObject({ received: 7, waiting: 7, waitingEntries: 2 });
    const process = await it.process();
    await process.fold(first!);
    expect((await ledger()).totals).toMatchObject({ received: 7, counted: 3, waiting: 4, balanced: true });
    await process.fold(...(await it.deliver()));
    const { totals, partitions } = await ledger();
    expect(totals).toMatchObject({ received: 7, counted: 4, duplicate: 2, waiting: 0, waitingEntries: 0 });
    expect(totals.dead).toEqual({ late: 0, unreadable: 1, 'too-many-windows': 0, 'window-full': 0 });
    expect(partitions[0]).toEqual({ partition: 0, ...totals });
  });

  test('without a group, and after a trim, count what waits in the stream', async () => {
    const process = await it.process();
    await process.fold(await it.entry(events(2)));
    await it.append(events(5, 10));
    await it.store.trim();
    expect((await ledger()).totals).toMatchObject({ received: 7, counted: 2, waiting: 5, balanced: true });
    await redis.xgroup('DESTROY', it.keys.stream, CONSUMER_GROUP);
    expect((await ledger()).totals).toMatchObject({ waiting: 5, balanced: true });
  });

  test('hold more pending entries than one page', async () => {
    const entries = PENDING_PAGE * 2 + 500;
    for (let i = 0; i < entries; i++) await it.append([event(i)]);
    await it.deliver('a', entries - 10);
    expect((await ledger()).totals).toMatchObject({ waiting: entries, waitingEntries: entries, balanced: true });
  });

  test('are read in steps that stay small when entries become large', async () => {
    for (let i = 0; i < 3_000; i++) await it.append([event(i)]);
    const large = Buffer.alloc(1024 * 1024 - 1, 'x');
    for (let i = 0; i < 30; i++) await it.append([large]);
    for (const pending of [0, 3_030]) {
      if (pending > 0) await it.deliver('a', pending);
      const entriesOfStep: number[] = [];
      const { waiting } = await read(
        watched(async (args) => {
          const reply = await redis.callBuffer(...args);
          if (readsWaiting(args)) entriesOfStep.push((reply as [number])[0]);
          return reply;
        }),
      );
      expect(waiting).toEqual({ entries: 3_030, lines: 3_030, missingEntries: 0 });
      // Of a megabyte each: one or two to a step, or four where none was seen before.
      expect(entriesOfStep.filter((entries) => entries > 0 && entries <= 4).length).toBeGreaterThanOrEqual(13);
      expect(Math.max(...entriesOfStep.slice(-12))).toBeLessThanOrEqual(4);
    }
  });

  test('give no lines to an entry that no relay wrote, as the fold does', async () => {
    await redis.xadd(it.keys.stream, '*', 'n', 7);
    await redis.xadd(it.keys.stream, '*', 'odd', 'entry');
    await it.append(events(2));
    expect((await ledger()).totals).toMatchObject({ waiting: 2, waitingEntries: 3, balanced: true });
  });

  test('that do not balance are said in one line, with the partition and the number of lines, and exit 1', async () => {
    await it.append(events(4));
    await redis.hincrby(it.keys.counters, 'received', 3);
    const { code, out, err } = await weir();
    expect({ code, err }).toEqual({
      code: 1,
      err: 'weir ledger: the books do not balance: partition 0: 3 lines received and not accounted for\n',
    });
    expect(out).toContain('the books do not balance\n');
    expect(out).toMatch(/^ +0 +7 .* no \(3\) /m);
    const { totals, partitions } = await ledger(1);
    expect(totals).toMatchObject({ difference: 3, balanced: false });
    expect(partitions.map(({ balanced }) => balanced)).toEqual([false, true]);
  });

  test('are not balanced by two partitions that are wrong the other way round', async () => {
    await redis.hincrby(it.keys.counters, 'received', 3);
    await redis.hincrby(new PartitionLab(redis, { prefix: 'weir', partition: 1 }).keys.counters, 'counted', 3);
    expect((await ledger(1)).totals).toMatchObject({ difference: 0, balanced: false });
  });

  test('miss the lines of a pending entry that somebody deleted, and say so', async () => {
    const entry = await it.entry(events(4));
    await it.append(events(1, 10));
    await redis.xdel(it.keys.stream, entry.id);
    const { code, err, out } = await weir();
    expect(code).toBe(1);
    expect(err).toContain('4 lines received and not accounted for (1 pending entries were deleted)');
    expect(out).toContain('1 pending entries were deleted from their stream');
    expect((await ledger(1)).totals).toMatchObject({ missingEntries: 1, waiting: 1, waitingEntries: 1 });
  });

  test('warn of dead letters that were dropped', async () => {
    it = it.with({ maxDeadBytes: 20 });
    const process = await it.process();
    for (let i = 0; i < 3; i++) await process.fold(await it.entry([`unreadable ${i}`]));
    const { code, out } = await weir();
    expect(code).toBe(0);
    expect(out).toContain('WARNING: 2 lines of dead letters were dropped');
    expect((await ledger()).totals).toMatchObject({ deadDropped: 2, balanced: true });
  });
});

describe('while the deployment works', () => {
  /** Runs `between` before the first call that `isCall` is true of. */
  function interrupted(isCall: (args: CallArgs) => boolean, between: () => Promise<unknown>): Redis {
    let done = false;
    return watched(async (args) => {
      if (!done && isCall(args)) {
        done = true;
        await between();
      }
      return redis.callBuffer(...args);
    });
  }

  test.each([
    { what: 'pending', delivered: 2 },
    { what: 'not delivered', delivered: 0 },
    { what: 'either', delivered: 1 },
  ])('what was $what, and is folded and trimmed after the look, means a new look', async ({ delivered }) => {
    const process = await it.process();
    for (const from of [0, 10]) await it.append(events(2, from));
    const pending = delivered > 0 ? await it.deliver('a', delivered) : [];
    const { waiting, counters } = await read(
      interrupted(readsWaiting, async () => {
        await process.fold(...pending, ...(await it.deliver()));
        await it.store.trim();
      }),
    );
    expect(waiting).toEqual({ entries: 0, lines: 0, missingEntries: 0 });
    expect(counters.get('counted')).toBe(4);
  });

  test('what is appended, delivered and folded after the look does not show, as long as it is not trimmed', async () => {
    const process = await it.process();
    const entry = await it.entry(events(3));
    await it.append(events(2, 10));
    const { waiting, counters } = await read(
      interrupted(readsWaiting, async () => {
        await it.append(events(7, 20));
        await process.fold(entry, ...(await it.deliver()));
      }),
    );
    expect(waiting).toEqual({ entries: 2, lines: 5, missingEntries: 0 });
    expect(counters.get('counted')).toBeUndefined();
  });

  test('a fold between two pages of pending entries means a new look; a delivery does not', async () => {
    const process = await it.process();
    for (let i = 0; i < PENDING_PAGE + 5; i++) await it.append([event(i)]);
    const [first] = await it.deliver('a', PENDING_PAGE + 1);
    const secondPage = (args: CallArgs) =>
      args.some((arg) => String(arg).startsWith('(') && args.includes(PENDING_PAGE));
    const delivered = await read(interrupted(secondPage, () => it.deliver('b', 2)));
    expect(delivered.waiting).toMatchObject({ entries: PENDING_PAGE + 5 });
    const folded = await read(interrupted(secondPage, () => process.fold(first!)));
    expect(folded.waiting).toMatchObject({ entries: PENDING_PAGE + 4 });
    expect(folded.counters.get('counted')).toBe(1);
    await it.deliver('b');
    const appendAndDeliver = async () => {
      await it.append(events(1));
      await it.deliver('b');
    };
    const appended = await read(interrupted(secondPage, appendAndDeliver));
    expect(appended.waiting).toMatchObject({ entries: PENDING_PAGE + 4 });
    expect(appended.counters.get('received')).toBe(PENDING_PAGE + 5);
  });

  test('what cannot be read in time is unknown, and never a false number', async () => {
    await it.append(events(3));
    const books = await readBooks(redis, it.keys, new Budget(0, () => performance.now()));
    expect(books.waiting).toBeUndefined();
    expect(books.counters.get('received')).toBe(3);
  });

  test('under appends, folds and trims the books balance at every look', async () => {
    const process = await it.process();
    let working = true;
    const appending = (async () => {
      for (let i = 0; working; i++) await it.append(events(1 + (i % 40), i));
    })();
    const folding = (async () => {
      while (working) {
        const entries = await it.deliver('a', 7);
        if (entries.length > 0) await process.fold(...entries);
        await it.store.trim();
      }
    })();
    const seen = [];
    for (let look = 0; look < 40; look++) seen.push((await ledger()).totals);
    working = false;
    await Promise.all([appending, folding]);
    expect(seen.filter(({ balanced }) => balanced === false)).toEqual([]);
    expect(seen.filter(({ balanced }) => balanced).length).toBeGreaterThan(0);
    expect(seen.at(-1)!.received).toBeGreaterThan(seen[0]!.received);
    expect((await ledger()).totals.balanced).toBe(true);
  });
});

describe('windows', () => {
  test('show what is published of open ones, whether that is all, and the final totals of sealed ones', async () => {
    const process = await it.process();
    await process.fold(await it.entry([...events(3), event(0, { sec: WINDOW - 60 })]));
    const { version } = (await it.store.meta(WINDOW))!;
    const groups = [
      { eventType: 'a', product: 'p', events: 2, users: 1 },
      { eventType: 'b', product: 'p', events: 1, users: 1 },
    ];
    await it.store.publish(WINDOW, version, encodeTotals({ version, groups }));
    await new RedisFinalStore(redis, 'weir').store(WINDOW - 120, encodeFinal(groups));
    const { windows, openWindows, finalRecords } = await ledger();
    expect({ openWindows, finalRecords }).toEqual({ openWindows: 2, finalRecords: 1 });
    const open = { state: 'open', partitions: 1, logBytes: expect.any(Number) };
    const totals = { events: 3, users: 2, current: true };
    expect(windows).toEqual([
      { startSec: WINDOW, ...open, ...totals },
      { startSec: WINDOW - 60, ...open, events: 0, users: 0, current: false },
      { startSec: WINDOW - 120, state: 'sealed', partitions: 0, logBytes: 0, ...totals },
    ]);
    expect(windows[0]!.logBytes).toBe(version.length);
    await process.fold(await it.entry(events(1, 50)));
    expect((await ledger()).windows[0]).toMatchObject({ events: 3, current: false });
    expect((await weir()).out).toMatch(/^2016-11-07T08:32:00Z +open +1 +\d+ +3 +2 +no$/m);
    expect(JSON.parse((await weir('--json', '--windows', '1')).out).windows).toHaveLength(1);
  });
});

describe('relays', () => {
  test('show what each start counted, the newest first, and what is no report not at all', async () => {
    const counts = {
      received: 10,
      accepted: 5,
      others: 2,
      rejected: { syntax: 2, future: 1 },
      journaled: 7,
      appended: 7,
      appendedAgain: 3,
      abandoned: 0,
      journalGapBatches: 0,
      datagrams: 4,
      datagramsDropped: 1,
      kernelDrops: 5,
    };
    const [older, newer] = ['00112233445566aa', '00112233445566bb'];
    await redis.hset(relayCountsKey('weir'), {
      [relayCountsField('az1', older)]: JSON.stringify({ startedMs: 1_000, lastMs: 2_000, counts }),
      [relayCountsField('az1', newer)]: JSON.stringify({ startedMs: 3_000, lastMs: 4_000, counts }),
      odd: 'text',
      [relayCountsField('az2', newer)]: '{"startedMs":"text"}',
    });
    expect((await ledger()).relays).toEqual([
      { id: 'az1', incarnation: newer, startedMs: 3_000, lastMs: 4_000, ...counts },
      { id: 'az1', incarnation: older, startedMs: 1_000, lastMs: 2_000, ...counts },
    ]);
    const { out } = await weir();
    expect(out).toMatch(/^az1 +00112233445566bb .* 10 +5 +2 +3 +7 +7 +3 +1 +5 +future 1, syntax 2$/m);
    expect(out).toContain('no part of the balance');
  });
});
