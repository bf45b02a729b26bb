import { LastLines } from '@weir/cli/tail/last-lines';
import { PatientRedis } from '@weir/cli/tail/patient-redis';
import { readBack } from '@weir/cli/tail/read-back';
import { bytesOf, ReadSize } from '@weir/cli/tail/read-size';
import { StreamReader } from '@weir/cli/tail/stream-reader';
import { MissedEntries, type TailLine, tailLines } from '@weir/cli/tail/tail-events';
import { systemClock } from '@weir/common/clock';
import type { Redis } from 'ioredis';

const MB = 1024 * 1024;
const ALL = { product: undefined, type: undefined, user: undefined };

function entry(id: string, ...lines: string[]) {
  const d = lines.map((line) => `${line}\n`).join('');
  const fields = { b: 'relay-1:00112233445566aa:7', t: '1700', n: String(lines.length), d };
  return {
    partition: 0,
    id,
    fields: Object.entries(fields)
      .flat()
      .map((text) => Buffer.from(text)),
  };
}

function lineAt(id: string, partition: number, line: string): TailLine {
  return { ...tailLines(entry(id, line), ALL).lines[0]!, partition };
}

test('lines of an entry are chosen by their names; what is no event has none', () => {
  const ada = 'event_type=a,product=p\\ q value=ada 12';
  const place = entry('5-1', ada, 'event_type=b,product=p value=bob 12', 'cpu load=1 12');
  const chosen = (filter: Partial<typeof ALL>) => tailLines(place, { ...ALL, ...filter }).lines.map(({ line }) => line);
  expect(chosen({ product: 'p q' } as never)).toEqual([ada]);
  expect(chosen({ user: 'bob', type: 'a' } as never)).toEqual([]);
  expect(tailLines(place, ALL).lines.map(({ username }) => username)).toEqual(['ada', 'bob', null]);
  expect(tailLines({ ...place, fields: [] }, ALL)).toEqual({ batch: undefined, lines: [] });
});

test('entries that were trimmed unseen are counted by the numbers of their relay', () => {
  const missed = new MissedEntries();
  missed.know(0, 'aa', 5);
  const see = (incarnation: string, sequence: number) => missed.see(0, { relayId: 'r', incarnation, sequence });
  expect([see('aa', 6), see('aa', 9), see('aa', 8), see('bb', 40), see('bb', 41)]).toEqual([0, 2, 0, 0, 0]);
});

test('the last lines of all partitions are those of the greatest ids, in their order', () => {
  const last = new LastLines(4);
  last.add([lineAt('10-0', 0, 'd 1')]);
  last.add(['a 1', 'b 1', 'c 1'].map((line) => lineAt('9-2', 0, line)));
  expect(last.wants('9-1')).toBe(false);
  expect(last.wants('9-10')).toBe(true);
  last.add([lineAt('9-10', 1, 'x 1')]);
  last.add([lineAt('1-0', 1, 'y 1')]);
  expect(last.lines.map(({ line }) => line)).toEqual(['b 1', 'c 1', 'x 1', 'd 1']);
});

test('a read asks for more while entries are small, and for one of one stream when they are large', () => {
  const size = new ReadSize();
  expect([size.streams, size.ofEach]).toEqual([1, 1]);
  for (let i = 0; i < 9; i++) size.took(1_000);
  expect([size.streams, size.ofEach, size.ofOne]).toEqual([8, 4, 32]);
  size.took(32 * MB);
  expect([size.streams, size.ofEach, size.ofOne]).toEqual([1, 1, 1]);
});

/** Streams that each have so many entries of 1 MB. */
function largeStreams(streams: number, each: number) {
  const answers: number[] = [];
  const callBuffer = async (_command: string, ...args: (string | number)[]) => {
    const names = args.slice(args.indexOf('STREAMS') + 1);
    const [asked, ids] = [names.slice(0, names.length / 2), names.slice(names.length / 2)];
    const reply = asked.flatMap((name, i) => {
      const after = Number.parseInt(String(ids[i]), 10);
      const numbers = Array.from({ length: Number(args[1]) }, (_, k) => after + 1 + k).filter((id) => id <= each);
      const fields = [Buffer.from('d'), Buffer.alloc(MB)];
      return numbers.length === 0
        ? []
        : [[Buffer.from(String(name)), numbers.map((id) => [Buffer.from(`${id}-0`), fields])]];
    });
    answers.push(reply.flatMap(([, some]) => some as [Buffer, Buffer[]][]).reduce((sum, [, f]) => sum + bytesOf(f), 0));
    return reply.length === 0 ? null : reply;
  };
  const redis = { callBuffer } as unknown as Redis;
  const names = Array.from({ length: streams }, (_, i) => `s${i}`);
  return { redis, names, answers };
}

const patient = (redis: Redis, onAway: () => void = () => undefined) =>
  new PatientRedis({
    redis,
    clock: { ...systemClock, sleep: async () => undefined },
    stopping: new AbortController().signal,
    onAway,
  });

test('with 64 partitions of large entries no answer is large, and every entry is read once', async () => {
  const { redis, names, answers } = largeStreams(64, 3);
  const reader = new StreamReader(
    patient(redis),
    names,
    names.map(() => '0-0'),
  );
  const seen: string[] = [];
  const ends = names.map(() => '3-0');
  while (!reader.hasRead(ends)) {
    for await (const entries of reader.pass()) seen.push(...entries.map(({ partition, id }) => `${partition}:${id}`));
  }
  expect(new Set(seen).size).toBe(3 * 64);
  expect(seen).toHaveLength(3 * 64);
  expect(Math.max(...answers)).toBeLessThan(4 * MB);
});

describe('while Redis is away', () => {
  const failing = (...errors: Error[]) => {
    const callBuffer = async () => {
      const error = errors.shift();
      if (error) throw error;
      return 'answer';
    };
    return { callBuffer } as unknown as Redis;
  };

  test('it is asked again, and that is said once', async () => {
    let said = 0;
    const redis = patient(failing(new Error('Connection is closed.'), new Error('Command timed out')), () => {
      said++;
    });
    expect([await redis.call('XREAD'), said]).toEqual(['answer', 1]);
  });

  test('what does not pass by itself ends it', async () => {
    const refused = Object.assign(new Error('WRONGTYPE Operation against a key'), { name: 'ReplyError' });
    await expect(patient(failing(refused)).call('XREAD')).rejects.toMatchObject({ code: 'redis-wrongtype' });
  });
});

test('reading back ends when it is told to, though no line was wanted yet', async () => {
  const stopping = new AbortController();
  let asked = 0;
  const callBuffer = async () => {
    if (++asked === 3) stopping.abort();
    return [[Buffer.from('5-1'), [Buffer.from('d'), Buffer.alloc(2 * MB)]]];
  };
  const redis = patient({ callBuffer } as unknown as Redis);
  const wish = { redis, streams: ['s'], ends: ['9-0'], sinceId: '-', last: new LastLines(1), linesOf: () => [] };
  await readBack({ ...wish, stopping: stopping.signal });
  expect(asked).toBe(3);
});
