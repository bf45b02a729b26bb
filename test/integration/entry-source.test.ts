import { RedisEntrySource } from '@weir/aggregator/entry-source';
import { CONSUMER_GROUP } from '@weir/common/keys';
import { openRedis } from '@weir/common/redis';
import type { Redis } from 'ioredis';
import { cleanup } from '../support/cleanup.ts';
import { eventOf } from '../support/event-lines.ts';
import { eventually } from '../support/eventually.ts';
import { PartitionLab } from '../support/partition-lab.ts';
import { type RedisServer, startRedis } from '../support/redis-server.ts';

/** How entries come to a consumer, and what Redis remembers of it: delivery, taking over, suspects, trimming. */
let server: RedisServer;
let redis: Redis;
beforeAll(async () => {
  server = await startRedis();
  redis = server.client();
});
beforeEach(() => redis.flushall());

async function connection(blockMs: number): Promise<Redis> {
  const made = openRedis({ url: server.url, name: 'test', blockMs, commandTimeoutMs: 2_000 });
  cleanup('a connection', () => made.disconnect());
  await made.connect();
  return made;
}

async function sourceOf(it: PartitionLab, consumer: string, incarnation = `of ${consumer}`.replace(' ', '-')) {
  const reader = await connection(10_000);
  const source = new RedisEntrySource({
    reader,
    commands: redis,
    stream: it.keys.stream,
    suspects: it.keys.suspects,
    consumer,
    incarnation,
    suspectCrashes: 2,
  });
  await source.ensureGroup();
  return source;
}

const ids = (entries: readonly { id: string }[]) => entries.map(({ id }) => id);

describe('new entries', () => {
  test('come from the very beginning of the stream, also when the group is made after them', async () => {
    const it = new PartitionLab(redis);
    const first = await it.append([eventOf()]);
    const a = await sourceOf(it, 'a');
    const b = await sourceOf(it, 'b');
    expect(ids(await a.readNew(10, 10))).toEqual([first]);
    const second = await it.append([eventOf()]);
    expect(ids(await b.readNew(10, 10))).toEqual([second]);
    expect(await a.readNew(10, 10)).toEqual([]);
  });

  test('come as what relays wrote, byte by byte', async () => {
    const it = new PartitionLab(redis);
    const a = await sourceOf(it, 'a');
    const bytes = Buffer.from([0xff, 0x00]);
    const id = await it.append([bytes], { t: '1478507534000', k: 'order 7', l: '3' });
    expect(await a.readNew(1, 10)).toEqual([
      {
        id,
        readable: true,
        entry: {
          id,
          batch: 'relay-1:0011223344556677:1',
          receivedMs: 1_478_507_534_000,
          lineCount: 1,
          lines: Buffer.concat([bytes, Buffer.from('\n')]),
          idempotencyKey: 'order 7',
          lineNumbers: '3',
        },
      },
    ]);
  });

  test('that no relay wrote come as unreadable, with all they hold and no lines for the ledger', async () => {
    const it = new PartitionLab(redis);
    const a = await sourceOf(it, 'a');
    const id = await redis.xadd(it.keys.stream, '*', 'hello', 'world');
    expect(await a.readNew(1, 10)).toEqual([
      {
        id,
        readable: false,
        entry: { id, batch: '', receivedMs: 0, lineCount: 0, lines: Buffer.from('hello\nworld\n') },
      },
    ]);
  });

  test('end a wait as soon as there is one', async () => {
    const it = new PartitionLab(redis);
    const a = await sourceOf(it, 'a');
    const read = a.readNew(10, 10_000);
    await blocked();
    const id = await it.append([eventOf()]);
    expect(ids(await read)).toEqual([id]);
  });

  test('are not lost when the wait for them is ended', async () => {
    const it = new PartitionLab(redis);
    const a = await sourceOf(it, 'a');
    await a.unblock();
    const read = a.readNew(10, 10_000);
    await blocked();
    await a.unblock();
    expect(await read).toEqual([]);
    const id = await it.append([eventOf()]);
    expect(ids(await a.readNew(10, 10))).toEqual([id]);
  });

  async function blocked(): Promise<void> {
    await eventually(async () => /blocked_clients:1/.test(await redis.info('clients')), {
      what: 'a waiting read',
      everyMs: 5,
    });
  }
});

describe('own pending entries', () => {
  test('come again page by page, and not those of others', async () => {
    const it = new PartitionLab(redis);
    const [a, b] = [await sourceOf(it, 'a'), await sourceOf(it, 'b')];
    const all = [];
    for (let i = 0; i < 5; i++) all.push(await it.append([eventOf({ nanos: i })]));
    await a.readNew(3, 10);
    await b.readNew(9, 10);
    const first = await a.readOwnPending('0', 2);
    expect(ids(first)).toEqual(all.slice(0, 2));
    expect(ids(await a.readOwnPending(all[1]!, 2))).toEqual(all.slice(2, 3));
    expect(ids(await b.readOwnPending('0', 9))).toEqual(all.slice(3));
    expect(await a.pendingByConsumer()).toEqual(
      new Map([
        ['a', 3],
        ['b', 2],
      ]),
    );
    expect(await a.deliveries(ids(first))).toEqual(new Map(all.slice(0, 2).map((id) => [id, 2])));
  });

  test('that were deleted from the stream come without an entry, and can be acked', async () => {
    const it = new PartitionLab(redis);
    const a = await sourceOf(it, 'a');
    const id = await it.append([eventOf()]);
    await a.readNew(1, 10);
    await redis.xdel(it.keys.stream, id);
    expect(await a.readOwnPending('0', 9)).toEqual([{ id, entry: undefined, readable: false }]);
    await a.ack([]);
    await a.ack([id]);
    expect(await a.pendingByConsumer()).toEqual(new Map());
  });
});

describe('taking over', () => {
  test('from a consumer that is gone needs no waiting, and takes only its entries', async () => {
    const it = new PartitionLab(redis);
    const [a, b, c] = [await sourceOf(it, 'a'), await sourceOf(it, 'b'), await sourceOf(it, 'c')];
    const all = [];
    for (let i = 0; i < 6; i++) all.push(await it.append([eventOf({ nanos: i })]));
    await a.readNew(2, 10);
    await b.readNew(1, 10);
    await a.readNew(3, 10);
    expect(ids(await c.claimFrom('a', 3))).toEqual([all[0], all[1], all[3]]);
    expect(ids(await c.claimFrom('a', 3))).toEqual([all[4], all[5]]);
    expect(await c.claimFrom('a', 3)).toEqual([]);
    expect(await c.pendingByConsumer()).toEqual(
      new Map([
        ['b', 1],
        ['c', 5],
      ]),
    );
    expect(await c.deliveries([all[0]!])).toEqual(new Map([[all[0], 2]]));
  });

  test('from a consumer that is gone names those that were deleted from the stream, and no others', async () => {
    const it = new PartitionLab(redis);
    const [a, b] = [await sourceOf(it, 'a'), await sourceOf(it, 'b')];
    const all = [];
    for (let i = 0; i < 4; i++) all.push(await it.append([eventOf({ nanos: i })]));
    await a.readNew(4, 10);
    await redis.xdel(it.keys.stream, all[0]!, all[2]!);
    // Acked by the dead one's last fold: not pending, so not lost.
    await redis.xack(it.keys.stream, CONSUMER_GROUP, all[3]!);
    const entries = await b.claimFrom('a', 9);
    expect(entries.map(({ id, entry }) => [id, entry !== undefined])).toEqual([
      [all[0], false],
      [all[1], true],
      [all[2], false],
    ]);
    expect(await b.pendingByConsumer()).toEqual(new Map([['b', 1]]));
    expect(await b.deliveries([all[1]!])).toEqual(new Map([[all[1], 2]]));
  });

  test('finds how often each was delivered, whatever else the consumer has in hand between them', async () => {
    const it = new PartitionLab(redis);
    const [a, b] = [await sourceOf(it, 'a'), await sourceOf(it, 'b')];
    const all = [];
    for (let i = 0; i < 5; i++) all.push(await it.append([eventOf({ nanos: i })]));
    await a.readNew(1, 10);
    await b.readNew(3, 10);
    await a.readNew(1, 10);
    await a.readOwnPending('0', 9);
    const taken = ids(await b.claimFrom('a', 9));
    expect(taken).toEqual([all[0], all[4]]);
    const deliveries = await b.deliveries(taken);
    expect(taken.map((id) => deliveries.get(id))).toEqual([3, 3]);
  });

  test('of idle entries goes on from the cursor until it comes to its end', async () => {
    const it = new PartitionLab(redis);
    const [a, b] = [await sourceOf(it, 'a'), await sourceOf(it, 'b')];
    const all = [];
    for (let i = 0; i < 7; i++) all.push(await it.append([eventOf({ nanos: i })]));
    await a.readNew(9, 10);
    const taken = [];
    let cursor = '0-0';
    do {
      const page = await b.claimIdle(cursor, 0, 3);
      taken.push(...ids(page.entries));
      cursor = page.cursor;
    } while (cursor !== '0-0');
    expect(taken).toEqual(all);
    expect(await b.claimIdle('0-0', 60_000, 3)).toEqual({ cursor: '0-0', entries: [], deletedIds: [] });
  });

  test('of idle entries names those that were deleted under it', async () => {
    const it = new PartitionLab(redis);
    const [a, b] = [await sourceOf(it, 'a'), await sourceOf(it, 'b')];
    const [gone, there] = [await it.append([eventOf()]), await it.append([eventOf()])];
    await a.readNew(9, 10);
    await redis.xdel(it.keys.stream, gone);
    const page = await b.claimIdle('0-0', 0, 9);
    expect({ ids: ids(page.entries), deleted: page.deletedIds }).toEqual({ ids: [there], deleted: [gone] });
  });
});

describe('an entry that is processed alone', () => {
  test('waits while a live process has it in hand', async () => {
    const it = new PartitionLab(redis);
    const [a, b] = [await sourceOf(it, 'a'), await sourceOf(it, 'b')];
    expect(await a.markSuspect('5-0', ['of-a', 'of-b'])).toBe('process');
    expect(await b.markSuspect('5-0', ['of-a', 'of-b'])).toBe('wait');
    expect(await a.markSuspect('5-0', ['of-a', 'of-b'])).toBe('process');
  });

  test('is waited for no longer than it takes to fold it: a process that lives may have let go of it', async () => {
    const it = new PartitionLab(redis);
    const [a, b] = [await sourceOf(it, 'a'), await sourceOf(it, 'b')];
    await a.markSuspect('5-0', ['of-a', 'of-b']);
    const [holder, crashes, markedMs] = (await redis.hget(it.keys.suspects, '5-0'))!.split(' ');
    await redis.hset(it.keys.suspects, '5-0', `${holder} ${crashes} ${Number(markedMs) - 60_000}`);
    expect(await b.markSuspect('5-0', ['of-a', 'of-b'])).toBe('process');
    expect(await redis.hget(it.keys.suspects, '5-0')).toMatch(/^of-b 0 /);
  });

  test('is unreadable once two processes ended with it in hand', async () => {
    const it = new PartitionLab(redis);
    const process = async (n: number) => (await sourceOf(it, 'a', `start-${n}`)).markSuspect('5-0', [`start-${n}`]);
    expect([await process(1), await process(2), await process(3), await process(4)]).toEqual([
      'process',
      'process',
      'unreadable',
      'unreadable',
    ]);
  });

  test('says nothing of other entries', async () => {
    const it = new PartitionLab(redis);
    const [a, b] = [await sourceOf(it, 'a'), await sourceOf(it, 'b')];
    await a.markSuspect('5-0', ['of-a', 'of-b']);
    expect(await b.markSuspect('6-0', ['of-a', 'of-b'])).toBe('process');
  });
});

describe('trimming', () => {
  const streamIds = async (it: PartitionLab) => (await redis.xrange(it.keys.stream, '-', '+')).map(([id]) => id);

  test('keeps what is pending or not delivered yet, and everything after it', async () => {
    const it = new PartitionLab(redis);
    const a = await sourceOf(it, 'a');
    const all = [];
    for (let i = 0; i < 6; i++) all.push(await it.append([eventOf({ nanos: i })]));
    expect(await it.store.trim()).toBe(0);
    await a.readNew(4, 10);
    expect(await it.store.trim()).toBe(0);
    await redis.xack(it.keys.stream, CONSUMER_GROUP, all[0]!, all[1]!, all[3]!);
    expect(await it.store.trim()).toBe(2);
    expect(await streamIds(it)).toEqual(all.slice(2));
    await redis.xack(it.keys.stream, CONSUMER_GROUP, all[2]!);
    expect(await it.store.trim()).toBe(2);
    expect(await streamIds(it)).toEqual(all.slice(4));
    expect(ids(await a.readNew(9, 10))).toEqual(all.slice(4));
  });

  test('goes by the group that is furthest behind', async () => {
    const it = new PartitionLab(redis);
    const a = await sourceOf(it, 'a');
    const all = [await it.append([eventOf()]), await it.append([eventOf()])];
    await redis.xgroup('CREATE', it.keys.stream, 'somebody else', '0');
    await a.readNew(9, 10);
    await redis.xack(it.keys.stream, CONSUMER_GROUP, ...all);
    expect(await it.store.trim()).toBe(0);
    await redis.xgroup('DESTROY', it.keys.stream, 'somebody else');
    expect(await it.store.trim()).toBe(2);
  });

  test('leaves a stream without groups, or none, alone', async () => {
    const it = new PartitionLab(redis);
    expect(await it.store.trim()).toBe(0);
    await it.append([eventOf()]);
    expect(await it.store.trim()).toBe(0);
    expect(await streamIds(it)).toHaveLength(1);
  });

  test('takes the marks of suspects along whose entries are gone', async () => {
    const it = new PartitionLab(redis);
    const a = await sourceOf(it, 'a');
    const all = [await it.append([eventOf()]), await it.append([eventOf()])];
    await a.readNew(9, 10);
    for (const id of all) await a.markSuspect(id, ['of-a']);
    await redis.xack(it.keys.stream, CONSUMER_GROUP, all[0]!);
    await it.store.trim();
    expect(await redis.hkeys(it.keys.suspects)).toEqual([all[1]]);
  });

  test('keeps the group’s lag known', async () => {
    const it = new PartitionLab(redis);
    const a = await sourceOf(it, 'a');
    const all = [await it.append([eventOf()]), await it.append([eventOf()]), await it.append([eventOf()])];
    await a.readNew(2, 10);
    await redis.xack(it.keys.stream, CONSUMER_GROUP, all[0]!, all[1]!);
    await it.store.trim();
    const [group] = (await redis.xinfo('GROUPS', it.keys.stream)) as [unknown[]];
    expect(group[group.indexOf('lag') + 1]).toBe(1);
  });
});
