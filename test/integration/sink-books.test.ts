import type { Version } from '@weir/aggregator/log-codec';
import { RedisSinkBooks, type SinkBooks, type WriteIntent } from '@weir/aggregator/store/sink-books';
import { sinkWindowKey } from '@weir/common/keys';
import type { Redis } from 'ioredis';
import { startRedis } from '../support/redis-server.ts';

/** Who may write a window to a sink, and whose write counts, on a real Redis: two writers, alive, dead or only slow. */
let redis: Redis;
beforeAll(async () => {
  redis = (await startRedis()).client();
});
beforeEach(() => redis.flushall());

const WINDOW = 1_478_507_520;
const version = (length: number): Version => ({ length, nonce: '00112233445566778899aabbccddeeff' });
const versions = (length = 40) => new Map([[0, version(length)]]);

const books = (incarnation: string, sink = 'az1') => new RedisSinkBooks(redis, 'weir', sink, incarnation);
const a = () => books('aaaaaaaaaaaaaaaa');
const b = () => books('bbbbbbbbbbbbbbbb');
const BOTH = ['aaaaaaaaaaaaaaaa', 'bbbbbbbbbbbbbbbb'];
const ONLY_B = ['bbbbbbbbbbbbbbbb'];

async function begun(writer: SinkBooks, alive = BOTH): Promise<WriteIntent> {
  const intent = await writer.begin(WINDOW, alive);
  if (intent === 'busy') throw new Error('the window is busy');
  return intent;
}

const fields = () => redis.hgetall(sinkWindowKey('weir', 'az1', WINDOW));

describe('a write', () => {
  test('that nothing overlapped counts when it is confirmed', async () => {
    const intent = await begun(a());
    expect(intent.abandoned).toBe(false);
    const both = new Map([
      [0, version(40)],
      [7, version(90)],
    ]);
    expect(await a().confirm(WINDOW, intent, both)).toBe(true);
    expect(await b().read(WINDOW)).toEqual({ confirmed: both, settledMs: undefined, checks: 0, done: false });
    expect(await fields()).not.toHaveProperty('intent');
  });

  test('confirmed later replaces what was confirmed of its partitions, and no others', async () => {
    await a().confirm(
      WINDOW,
      await begun(a()),
      new Map([
        [0, version(40)],
        [1, version(50)],
      ]),
    );
    await b().confirm(WINDOW, await begun(b()), new Map([[1, version(60)]]));
    expect((await a().read(WINDOW)).confirmed).toEqual(
      new Map([
        [0, version(40)],
        [1, version(60)],
      ]),
    );
  });

  test('waits while another live writer’s intent stands', async () => {
    const intent = await begun(a());
    const before = await fields();
    expect(await b().begin(WINDOW, BOTH)).toBe('busy');
    expect(await fields()).toEqual(before);
    await a().confirm(WINDOW, intent, versions());
    expect(await b().begin(WINDOW, BOTH)).not.toBe('busy');
  });

  test('of a live writer that has stood for two minutes is revoked: its end was lost', async () => {
    const intent = await begun(a());
    const long = Number((await fields()).begun) - 120_000;
    await redis.hset(sinkWindowKey('weir', 'az1', WINDOW), 'begun', String(long));
    expect(await b().begin(WINDOW, BOTH)).toMatchObject({ abandoned: true });
    expect(await a().confirm(WINDOW, intent, versions())).toBe(false);
  });

  test('of one window holds up no other window and no other sink', async () => {
    await begun(a());
    expect(await b().begin(WINDOW + 60, BOTH)).not.toBe('busy');
    expect(await books('bbbbbbbbbbbbbbbb', 'az2').begin(WINDOW, BOTH)).not.toBe('busy');
  });

  test('tells whose write ended last: settled, given up or confirmed, but not cancelled', async () => {
    expect((await begun(a())).lastWrite).toBeUndefined();
    const first = await begun(a());
    await a().confirm(WINDOW, first, versions());
    const second = await begun(b());
    expect(second.lastWrite).toBe(first.token);
    await b().cancel(WINDOW, second);
    const third = await begun(b());
    expect(third.lastWrite).toBe(first.token);
    await b().settle(WINDOW, third);
    const fourth = await begun(a());
    expect(fourth.lastWrite).toBe(third.token);
    await a().abandon(WINDOW, fourth);
    expect((await begun(a())).lastWrite).toBe(fourth.token);
  });

  test('that was cancelled, because nothing was sent, leaves no trace', async () => {
    await a().confirm(WINDOW, await begun(a()), versions());
    const before = await fields();
    await a().cancel(WINDOW, await begun(a()));
    expect(await fields()).toEqual(before);
  });
});

describe('a write that nobody knows the end of', () => {
  test('marks the window: whoever confirms next must have read the sink back', async () => {
    await a().abandon(WINDOW, await begun(a()));
    const intent = await begun(b());
    expect(intent.abandoned).toBe(true);
    await b().cancel(WINDOW, intent);
    const again = await begun(b());
    expect(again.abandoned).toBe(true);
    expect(await b().confirm(WINDOW, again, versions())).toBe(true);
    expect((await begun(a())).abandoned).toBe(false);
  });

  test('of a process that started over under the same incarnation marks it, too', async () => {
    await begun(a());
    expect((await begun(a())).abandoned).toBe(true);
  });

  test.each(['settle', 'check'] as const)('is over once a %s read the sink back', async (way) => {
    await a().abandon(WINDOW, await begun(a()));
    expect(await b()[way](WINDOW, await begun(b()))).toBe(true);
    expect((await begun(a())).abandoned).toBe(false);
  });
});

describe('a dead writer', () => {
  test('has its intent revoked, and the window is marked', async () => {
    await begun(a());
    const intent = await begun(b(), ONLY_B);
    expect(intent.abandoned).toBe(true);
    expect(await b().confirm(WINDOW, intent, versions())).toBe(true);
  });

  test('that was only slow cannot confirm, and takes the other’s confirmations back: its write may have come last', async () => {
    const slow = await begun(a());
    await b().confirm(WINDOW, await begun(b(), ONLY_B), versions());
    expect(await a().confirm(WINDOW, slow, versions(20))).toBe(false);
    expect((await b().read(WINDOW)).confirmed).toEqual(new Map());
    expect((await begun(b())).abandoned).toBe(true);
  });

  test('that was only slow takes a settlement back as well, and that the window is done', async () => {
    const slow = await begun(a());
    await b().settle(WINDOW, await begun(b(), ONLY_B));
    await b().check(WINDOW, await begun(b(), ONLY_B));
    await b().finish(WINDOW, 'settled');
    await a().abandon(WINDOW, slow);
    expect(await b().read(WINDOW)).toEqual({ confirmed: new Map(), settledMs: undefined, checks: 0, done: false });
  });

  test('that was only slow ends while the other still writes: neither write counts, for nobody knows which came last', async () => {
    const slow = await begun(a());
    const quick = await begun(b(), ONLY_B);
    expect(await a().confirm(WINDOW, slow, versions(20))).toBe(false);
    expect(await b().confirm(WINDOW, quick, versions())).toBe(false);
    expect((await b().read(WINDOW)).confirmed).toEqual(new Map());
    const again = await begun(b());
    expect(again.abandoned).toBe(true);
    expect(await b().confirm(WINDOW, again, versions())).toBe(true);
  });

  test('that sent nothing changes nothing when it comes back', async () => {
    const slow = await begun(a());
    await b().confirm(WINDOW, await begun(b(), ONLY_B), versions());
    const before = await fields();
    await a().cancel(WINDOW, slow);
    expect(await fields()).toEqual(before);
  });

  test('cannot end another’s write with an old intent of its own', async () => {
    const first = await begun(a());
    const second = await begun(a());
    expect(await a().confirm(WINDOW, first, versions(20))).toBe(false);
    expect(await a().confirm(WINDOW, second, versions(20))).toBe(false);
    expect((await a().read(WINDOW)).confirmed).toEqual(new Map());
  });
});

describe('a confirmation whose reply was lost', () => {
  test('is taken back when the writer gives the write up: the window is written again', async () => {
    const intent = await begun(a());
    await a().confirm(WINDOW, intent, versions());
    await a().abandon(WINDOW, intent);
    expect((await a().read(WINDOW)).confirmed).toEqual(new Map());
    expect((await begun(b())).abandoned).toBe(true);
  });
});

describe('settling', () => {
  test('says when, by Redis’s clock, and counts the looks since', async () => {
    const [seconds] = await redis.time();
    await a().settle(WINDOW, await begun(a()));
    const { settledMs, checks } = await a().read(WINDOW);
    expect(Math.abs(settledMs! - Number(seconds) * 1_000)).toBeLessThan(2_000);
    expect(checks).toBe(0);
    await a().check(WINDOW, await begun(a()));
    await b().check(WINDOW, await begun(b()));
    expect(await a().read(WINDOW)).toMatchObject({ settledMs, checks: 2, done: false });
  });

  test('anew begins to count the looks anew', async () => {
    await a().settle(WINDOW, await begun(a()));
    await a().check(WINDOW, await begun(a()));
    await a().settle(WINDOW, await begun(a()));
    expect(await a().read(WINDOW)).toMatchObject({ checks: 0 });
  });

  test.each(['settled', 'given-up'] as const)(
    'ends with %s, and is remembered until the books are closed',
    async (reason) => {
      await a().finish(WINDOW, reason);
      expect(await b().read(WINDOW)).toMatchObject({ done: true });
      expect(await fields()).toEqual({ done: reason });
      await a().remove(WINDOW);
      expect(await b().read(WINDOW)).toMatchObject({ done: false });
    },
  );
});

test('the books can be kept when Redis has no memory left', async () => {
  await redis.config('SET', 'maxmemory', '1');
  try {
    expect(await a().confirm(WINDOW, await begun(a()), versions())).toBe(true);
    expect(await a().settle(WINDOW, await begun(a()))).toBe(true);
  } finally {
    await redis.config('SET', 'maxmemory', '0');
  }
});
