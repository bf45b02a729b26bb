import { HeldCache } from '@weir/aggregator/held-cache';
import type { GroupCount } from '@weir/aggregator/totals-codec';
import { type WindowTotalsRead, WindowWriter, type WritePurpose } from '@weir/aggregator/window-writer';
import { silentLogger } from '@weir/common/logger';
import { RedisFault } from '@weir/common/redis-fault';
import { SinkError } from '@weir/sinks/sink';
import { FakeClock } from '../../support/fake-clock.ts';
import { FakeBooks, FakeRefused, FakeSink } from '../../support/fake-sinks.ts';

const WINDOW = 1_478_507_520;
const VERSIONS = new Map([[3, { length: 40, nonce: '00112233445566778899aabbccddeeff' }]]);
const group = (events: number, users = 1, product = 'p'): GroupCount => ({ eventType: 'e', product, events, users });

function writerOn(sink = new FakeSink(), books = new FakeBooks()) {
  const counts = { wrote: 0, shrunk: 0, rejected: 0 };
  const held = new HeldCache(1_000);
  const refused = new FakeRefused();
  const redis = { losses: 0 };
  const writer = new WindowWriter({
    sink,
    books,
    held,
    refused,
    windowSec: 60,
    clock: new FakeClock(),
    alive: () => [],
    epoch: () => redis.losses,
    events: {
      wrote: (points) => {
        counts.wrote += points;
      },
      shrunk: (points) => {
        counts.shrunk += points;
      },
      rejected: (points) => {
        counts.rejected += points;
      },
    },
    logger: silentLogger,
  });
  const bring = (groups: readonly GroupCount[], purpose: WritePurpose = 'flush') =>
    writer.bring(WINDOW, purpose, async () => ({ groups, versions: VERSIONS }), new AbortController().signal);
  return { sink, books, held, refused, redis, counts, writer, bring };
}

const sinkError = (outcome: 'not-applied' | 'unknown') => new SinkError('sink-timeout', 'no answer', { outcome });
const fails = (error: Error) => () => {
  throw error;
};

describe('a flush', () => {
  test('reads the sink back before its first write of a window, and confirms the versions it wrote', async () => {
    const { sink, books, counts, bring } = writerOn();
    expect(await bring([group(5, 2)])).toBe('confirmed');
    expect(sink.values(WINDOW)).toEqual({ 'unique_user_event/e/p': 2, 'cumulative_user_event/e/p': 5 });
    expect(sink.reads).toBe(1);
    expect(books.log).toEqual(['begin', 'confirm']);
    expect(books.of(WINDOW).confirmed).toEqual(VERSIONS);
    expect(counts).toEqual({ wrote: 2, shrunk: 0, rejected: 0 });
  });

  test('writes only what grew, and reads back no second time', async () => {
    const { sink, bring } = writerOn();
    await bring([group(5, 2), group(1, 1, 'q')]);
    await bring([group(6, 2), group(1, 1, 'q')]);
    expect(sink.reads).toBe(1);
    expect(sink.writes[1]!.points).toEqual([
      { measurement: 'cumulative_user_event', eventType: 'e', product: 'p', value: 6 },
    ]);
  });

  test('reads the sink back again once another process ended a write of the window, or Redis has forgotten who did', async () => {
    const { sink, books, bring } = writerOn();
    await bring([group(5, 2)]);
    sink.put(WINDOW, { measurement: 'cumulative_user_event', eventType: 'e', product: 'p', value: 9 });
    books.of(WINDOW).lastWrite = 'another';
    expect(await bring([group(6, 2)])).toBe('confirmed');
    expect(sink.values(WINDOW)).toEqual({ 'unique_user_event/e/p': 2, 'cumulative_user_event/e/p': 9 });
    expect(sink.reads).toBe(2);
    books.windows.clear();
    await bring([group(6, 2)]);
    expect(sink.reads).toBe(3);
  });

  test('reads the sink back again after the connection to Redis was lost: it may be another Redis now', async () => {
    const { sink, redis, bring } = writerOn();
    await bring([group(5, 2)]);
    redis.losses++;
    await bring([group(6, 2)]);
    await bring([group(7, 2)]);
    expect(sink.reads).toBe(2);
  });

  test('reads the sink back again after its own write was given up half way', async () => {
    const { sink, books, bring } = writerOn();
    await bring([group(5, 2)]);
    books.before = (step) => {
      if (step === 'confirm') throw new RedisFault('redis-unreachable', 'gone', true, 'unknown');
    };
    await expect(bring([group(6, 2)])).rejects.toThrow('gone');
    books.before = () => undefined;
    await bring([group(7, 2)]);
    expect(sink.reads).toBe(3);
  });

  test('is said to have ended in doubt, once Redis can be told, when it could not be before', async () => {
    const { books, writer, bring } = writerOn();
    await writer.endAll();
    expect(books.log).toEqual([]);
    books.before = (step) => {
      if (step !== 'begin') throw new RedisFault('redis-unreachable', 'gone', true, 'unknown');
    };
    await expect(bring([group(5, 2)])).rejects.toThrow('gone');
    await expect(writer.endAll()).rejects.toThrow('gone');
    books.before = () => undefined;
    books.log.length = 0;
    await writer.endAll();
    await writer.endAll();
    expect(books.log).toEqual(['abandon']);
    expect(books.of(WINDOW).abandoned).toBe(true);
  });

  test('is said to be over, once Redis can be told, when nothing was sent: until then it keeps others away', async () => {
    const { sink, books, writer, bring } = writerOn();
    sink.beforeRead = fails(sinkError('not-applied'));
    books.before = (step) => {
      if (step === 'cancel') throw new RedisFault('redis-unreachable', 'gone', true, 'unknown');
    };
    await expect(bring([group(5, 2)])).rejects.toThrow('gone');
    expect(books.of(WINDOW).intent).toBeDefined();
    books.before = () => undefined;
    books.log.length = 0;
    await writer.endAll();
    await writer.endAll();
    expect(books.log).toEqual(['cancel']);
    expect(books.of(WINDOW)).toMatchObject({ intent: undefined, abandoned: false });
  });

  test('never writes a smaller value over a larger one, says so once, and confirms', async () => {
    const { sink, counts, bring } = writerOn();
    sink.put(WINDOW, { measurement: 'cumulative_user_event', eventType: 'e', product: 'p', value: 9 });
    expect(await bring([group(5, 2)])).toBe('confirmed');
    expect(await bring([group(6, 2)])).toBe('confirmed');
    expect(sink.values(WINDOW)).toEqual({ 'unique_user_event/e/p': 2, 'cumulative_user_event/e/p': 9 });
    expect(counts.shrunk).toBe(1);
  });

  test('with nothing larger to write sends nothing, and confirms', async () => {
    const { sink, books, bring } = writerOn();
    await bring([group(5, 2)]);
    expect(await bring([group(5, 2)])).toBe('confirmed');
    expect(sink.writes).toHaveLength(1);
    expect(books.log).toEqual(['begin', 'confirm', 'begin', 'confirm']);
  });

  test('does nothing while another writer is at it', async () => {
    const { sink, books, bring } = writerOn();
    books.busy = true;
    expect(await bring([group(5, 2)])).toBe('busy');
    expect([sink.reads, sink.writes.length, books.log]).toEqual([0, 0, ['begin']]);
  });

  test('reads the totals only once its intent stands', async () => {
    const { books, writer } = writerOn();
    const read = async (): Promise<WindowTotalsRead> => {
      expect(books.log).toEqual(['begin']);
      return { groups: [group(1)], versions: VERSIONS };
    };
    expect(await writer.bring(WINDOW, 'flush', read, new AbortController().signal)).toBe('confirmed');
    expect.assertions(2);
  });

  test('is called off when the totals are superseded', async () => {
    const { sink, books, writer } = writerOn();
    expect(await writer.bring(WINDOW, 'flush', async () => undefined, new AbortController().signal)).toBe('superseded');
    expect(books.log).toEqual(['begin', 'cancel']);
    expect(sink.reads + sink.writes.length).toBe(0);
  });

  test('whose intent was revoked meanwhile does not count', async () => {
    const { sink, books, bring } = writerOn();
    sink.afterWrite = () => books.revoke(WINDOW);
    expect(await bring([group(5, 2)])).toBe('overlapped');
    expect(books.of(WINDOW).confirmed.size).toBe(0);
  });

  test('counts points that the sink refuses for good as written, and does not try them again', async () => {
    const { sink, books, refused, counts, bring } = writerOn();
    sink.refuses = ({ product }) => product === 'bad';
    expect(await bring([group(5, 2), group(1, 1, 'bad')])).toBe('confirmed');
    expect(await bring([group(6, 2), group(1, 1, 'bad')])).toBe('confirmed');
    expect(counts).toMatchObject({ wrote: 3, rejected: 2 });
    expect(sink.writes[1]!.points.map(({ product }) => product)).toEqual(['p']);
    expect(books.of(WINDOW).confirmed).toEqual(VERSIONS);
    const letter = { sink: 'az1', kind: 'totals', reason: 'refused' };
    expect(refused.added).toEqual([
      { ...letter, line: `unique_user_event,event_type=e,product=bad value=1 ${WINDOW}000000000` },
      { ...letter, line: `cumulative_user_event,event_type=e,product=bad value=1 ${WINDOW}000000000` },
    ]);
  });

  test('does not confirm what it may not have kept of refused points, where that is a bug', async () => {
    const { sink, books, refused, bring } = writerOn();
    sink.refuses = () => true;
    refused.before = fails(new TypeError('a bug'));
    await expect(bring([group(5, 2)])).rejects.toThrow('a bug');
    expect(books.log).toEqual(['begin', 'abandon']);
  });
});

describe('a flush after a write that nobody knows the end of', () => {
  async function afterAbandoned(sink = new FakeSink()) {
    const made = writerOn(sink);
    await made.bring([group(5, 2)]);
    made.books.of(WINDOW).abandoned = true;
    return made;
  }

  test('reads back before and after it writes', async () => {
    const { sink, books, bring } = await afterAbandoned();
    expect(await bring([group(6, 2)])).toBe('confirmed');
    expect(sink.reads).toBe(3);
    expect(books.of(WINDOW).abandoned).toBe(false);
  });

  test('repairs what that write did when it landed late', async () => {
    const { sink, bring } = await afterAbandoned();
    sink.put(WINDOW, { measurement: 'cumulative_user_event', eventType: 'e', product: 'p', value: 3 });
    expect(await bring([group(5, 2)])).toBe('confirmed');
    expect(sink.values(WINDOW)).toMatchObject({ 'cumulative_user_event/e/p': 5 });
  });

  test('does not count when that write lands between its own and the reading back', async () => {
    const { sink, books, bring } = await afterAbandoned();
    sink.afterWrite = () =>
      sink.put(WINDOW, { measurement: 'cumulative_user_event', eventType: 'e', product: 'p', value: 5 });
    expect(await bring([group(6, 2)])).toBe('short');
    expect(books.log.at(-1)).toBe('abandon');
    sink.afterWrite = () => undefined;
    expect(await bring([group(6, 2)])).toBe('confirmed');
    expect(sink.values(WINDOW)).toMatchObject({ 'cumulative_user_event/e/p': 6 });
  });

  test('is not short of points that the sink refuses', async () => {
    const { sink, bring } = await afterAbandoned();
    sink.refuses = ({ product }) => product === 'bad';
    expect(await bring([group(6, 2), group(1, 1, 'bad')])).toBe('confirmed');
  });

  test('goes by what it wrote itself where the sink cannot be read', async () => {
    const { sink, bring } = await afterAbandoned(new FakeSink({ readable: false }));
    expect(await bring([group(6, 2)])).toBe('confirmed');
    expect(sink.reads).toBe(0);
    expect(sink.writes.at(-1)!.points).toHaveLength(1);
  });
});

describe('a settlement', () => {
  test.each(['settle', 'check'] as const)(
    'to %s reads the sink before and after, whatever is remembered of it',
    async (way) => {
      const { sink, books, bring } = writerOn();
      await bring([group(5, 2)]);
      sink.held.clear();
      expect(await bring([group(5, 2)], way)).toBe('confirmed');
      expect(sink.values(WINDOW)).toEqual({ 'unique_user_event/e/p': 2, 'cumulative_user_event/e/p': 5 });
      expect(sink.reads).toBe(3);
      expect(books.log.at(-1)).toBe(way);
    },
  );

  test('with nothing to write needs to read once only', async () => {
    const { sink, bring } = writerOn();
    await bring([group(5, 2)]);
    expect(await bring([group(5, 2)], 'settle')).toBe('confirmed');
    expect(sink.reads).toBe(2);
    expect(sink.writes).toHaveLength(1);
  });
});

describe('when a sink fails', () => {
  test('before anything was sent, the intent is cancelled', async () => {
    const { sink, books, bring } = writerOn();
    sink.beforeRead = fails(sinkError('not-applied'));
    await expect(bring([group(5, 2)])).rejects.toMatchObject({ code: 'sink-timeout' });
    expect(books.log).toEqual(['begin', 'cancel']);
  });

  test('to take a write, and it is known that nothing arrived, the intent is cancelled', async () => {
    const { sink, books, bring } = writerOn();
    sink.beforeWrite = fails(sinkError('not-applied'));
    await expect(bring([group(5, 2)])).rejects.toMatchObject({ outcome: 'not-applied' });
    expect(books.log).toEqual(['begin', 'cancel']);
  });

  test('to answer, the write is given up: it may have arrived, or may do so later', async () => {
    const { sink, books, bring } = writerOn();
    sink.afterWrite = fails(sinkError('unknown'));
    await expect(bring([group(5, 2)])).rejects.toMatchObject({ outcome: 'unknown' });
    expect(books.log).toEqual(['begin', 'abandon']);
    expect(books.of(WINDOW)).toMatchObject({ abandoned: true, intent: undefined });
  });

  test('to be read back after it was written, the write is given up', async () => {
    const { sink, books, bring } = writerOn();
    books.of(WINDOW).abandoned = true;
    sink.afterWrite = () => {
      sink.beforeRead = fails(sinkError('unknown'));
    };
    await expect(bring([group(5, 2)])).rejects.toBeInstanceOf(SinkError);
    expect(books.log).toEqual(['begin', 'abandon']);
  });

  test('what was believed of it is forgotten, and read again the next time', async () => {
    const { sink, bring } = writerOn();
    await bring([group(5, 2)]);
    sink.beforeWrite = fails(sinkError('not-applied'));
    await expect(bring([group(6, 2)])).rejects.toBeInstanceOf(SinkError);
    sink.beforeWrite = () => undefined;
    await bring([group(6, 2)]);
    expect(sink.reads).toBe(2);
  });
});

describe('when Redis fails', () => {
  const lost = new RedisFault('redis-unreachable', 'lost', true, 'unknown');

  test('to confirm, the write is given up', async () => {
    const { books, bring } = writerOn();
    books.before = (step) => {
      if (step === 'confirm') throw lost;
    };
    await expect(bring([group(5, 2)])).rejects.toBe(lost);
    expect(books.log).toEqual(['begin', 'abandon']);
  });

  test('to give the totals, the intent is cancelled', async () => {
    const { books, writer } = writerOn();
    const read = () => Promise.reject(lost);
    await expect(writer.bring(WINDOW, 'flush', read, new AbortController().signal)).rejects.toBe(lost);
    expect(books.log).toEqual(['begin', 'cancel']);
  });
});
