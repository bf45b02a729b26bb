import { OtherForwarder } from '@weir/aggregator/other-forwarder';
import type { StreamEntry } from '@weir/common/batch';
import { silentLogger } from '@weir/common/logger';
import { RedisFault } from '@weir/common/redis-fault';
import { type RejectedLine, SinkError } from '@weir/sinks/sink';
import { FakeClock } from '../../support/fake-clock.ts';
import { FakeEntrySource } from '../../support/fake-entry-source.ts';

const PARTITIONS = 3;
const never = new AbortController().signal;

function build() {
  const clock = new FakeClock();
  const sources = Array.from({ length: PARTITIONS }, () => new FakeEntrySource({ pending: new Set() }, 'me'));
  /** One list per call of the sink. */
  const written: string[][] = [];
  const refused: RejectedLine[] = [];
  const failures: string[] = [];
  const bugs: unknown[] = [];
  const counts = { wrote: 0, lost: 0 };
  const owned = new Set([0, 1, 2]);
  const sink = {
    name: 'az1',
    refuses: (_: string) => false,
    before: (): void => undefined,
    async writeLines(lines: readonly string[]) {
      sink.before();
      written.push([...lines]);
      const rejected = lines.filter((line) => sink.refuses(line)).map((line) => ({ line, reason: 'no' }));
      return { rejected };
    },
  };
  const keeping = { refused: async (lines: readonly RejectedLine[]) => void refused.push(...lines) };
  const inUse = { now: true };
  const forwarder = new OtherForwarder({
    sink,
    readers: sources,
    consumer: 'me',
    owns: (partition) => owned.has(partition),
    alive: () => ['me'],
    claimIdleMs: 30_000,
    inUse: () => inUse.now,
    handoverMs: 5_000,
    refused: (lines) => keeping.refused(lines),
    clock,
    random: () => 1,
    events: {
      wrote: (lines) => {
        counts.wrote += lines;
      },
      failed: (code) => failures.push(code),
      lost: (entries) => {
        counts.lost += entries;
      },
    },
    logger: silentLogger,
    fail: (error) => bugs.push(error),
  });
  const acked = () => sources.map((source) => source.acked.length);
  return { clock, sources, sink, forwarder, written, refused, keeping, failures, bugs, counts, owned, inUse, acked };
}

const entryOf = (n: number, ...lines: string[]): StreamEntry => ({
  id: `${n}-0`,
  batch: `r:0123456789abcdef:${n}`,
  receivedMs: n,
  lineCount: lines.length,
  lines: Buffer.from(lines.map((line) => `${line}\n`).join('')),
});
const away = () => new SinkError('sink-unreachable', 'away', { outcome: 'not-applied' });

test('lines go to the sink in their order and are acked once it has confirmed them', async () => {
  const { sources, forwarder, written, acked, counts } = build();
  sources[0]!.append(entryOf(1, 'a v=1 1', 'b v=1 1'));
  sources[0]!.append(entryOf(2, 'a v=2 2'));
  sources[2]!.append(entryOf(1, 'c v="x y" 1'));
  await forwarder.runOnce(never);
  expect(written).toEqual([['a v=1 1', 'b v=1 1', 'a v=2 2', 'c v="x y" 1']]);
  expect(acked()).toEqual([2, 0, 1]);
  expect(counts.wrote).toBe(4);
});

test('only partitions of this process are read', async () => {
  const { sources, forwarder, written, owned } = build();
  owned.delete(1);
  for (const [i, source] of sources.entries()) source.append(entryOf(1, `m v=${i} 1`));
  await forwarder.runOnce(never);
  expect(written).toEqual([['m v=0 1', 'm v=2 1']]);
});

test('what the sink does not confirm is not acked and is written again, the same, before anything else', async () => {
  const { sources, sink, forwarder, written, acked, clock, failures } = build();
  sink.before = () => {
    throw away();
  };
  sources[0]!.append(entryOf(1, 'a v=1 1'));
  await forwarder.start();
  await clock.advance(0);
  sources[0]!.append(entryOf(2, 'a v=2 2'));
  await clock.advance(200);
  expect(failures).toEqual(['sink-unreachable']);
  expect(acked()).toEqual([0, 0, 0]);
  sink.before = () => undefined;
  await clock.advance(200);
  expect(written).toEqual([['a v=1 1'], ['a v=2 2']]);
  expect(acked()).toEqual([2, 0, 0]);
  await forwarder.stop();
});

test('a sink that stays away is asked less and less often, and at once often again when it was there', async () => {
  const { sources, sink, forwarder, clock } = build();
  let asked = 0;
  sink.before = () => {
    asked++;
    throw away();
  };
  sources[0]!.append(entryOf(1, 'a v=1 1'));
  await forwarder.start();
  for (let ms = 0; ms < 60_000; ms += 100) await clock.advance(100);
  expect(asked).toBeGreaterThan(6);
  expect(asked).toBeLessThan(14);
  sink.before = () => undefined;
  for (let ms = 0; ms < 10_100; ms += 100) await clock.advance(100);
  asked = 0;
  sink.before = () => {
    asked++;
    throw away();
  };
  sources[0]!.append(entryOf(2, 'a v=2 1'));
  for (let ms = 0; ms < 1_000; ms += 100) await clock.advance(100);
  expect(asked).toBeGreaterThanOrEqual(2);
  await forwarder.stop();
});

test('a line that the sink refuses for good is kept elsewhere before its batch is acked, and holds up none', async () => {
  const { sources, sink, forwarder, refused, keeping, acked, counts } = build();
  sink.refuses = (line) => line.startsWith('bad');
  sources[0]!.append(entryOf(1, 'good v=1 1', 'bad v=1 1'));
  const keep = keeping.refused;
  keeping.refused = async (lines) => {
    expect(acked()).toEqual([0, 0, 0]);
    await keep(lines);
  };
  await forwarder.runOnce(never);
  expect(refused).toEqual([{ line: 'bad v=1 1', reason: 'no' }]);
  expect(acked()).toEqual([1, 0, 0]);
  expect(counts.wrote).toBe(1);
});

test('where Redis does not keep what was refused, the batch stays pending', async () => {
  const { sources, sink, forwarder, keeping, acked, clock, failures } = build();
  sink.refuses = () => true;
  keeping.refused = async () => {
    throw new RedisFault('redis-unreachable', 'gone', true, 'unknown');
  };
  sources[0]!.append(entryOf(1, 'bad v=1 1'));
  await forwarder.start();
  await clock.advance(0);
  expect(failures).toEqual(['redis-unreachable']);
  expect(acked()).toEqual([0, 0, 0]);
  await forwarder.stop();
});

test('after a fault of Redis everything is read again: nobody knows what was acked', async () => {
  const { sources, forwarder, written, clock } = build();
  sources[0]!.append(entryOf(1, 'a v=1 1'));
  const ack = sources[0]!.ack.bind(sources[0]);
  sources[0]!.ack = async () => {
    throw new RedisFault('redis-unreachable', 'gone', true, 'unknown');
  };
  await forwarder.start();
  await clock.advance(0);
  sources[0]!.ack = ack;
  await clock.advance(250);
  expect(written).toEqual([['a v=1 1'], ['a v=1 1']]);
  expect(sources[0]!.acked).toEqual(['1-0']);
  await forwarder.stop();
});

test('an entry that no relay wrote, or that was deleted, is said to be lost and holds up none', async () => {
  const { sources, forwarder, written, acked, counts } = build();
  sources[0]!.append(entryOf(1, 'rubbish'), { readable: false });
  sources[0]!.append(entryOf(2, 'a v=1 1'));
  await forwarder.runOnce(never);
  expect(written).toEqual([['a v=1 1']]);
  expect(acked()).toEqual([2, 0, 0]);
  expect(counts.lost).toBe(1);
});

test('a partition with much to bring does not keep the others waiting', async () => {
  const { sources, forwarder, written } = build();
  for (let n = 1; n <= 8; n++) sources[0]!.append(entryOf(n, 'x'.repeat(1_000_000)));
  sources[1]!.append(entryOf(1, 'small v=1 1'));
  await forwarder.runOnce(never);
  expect(written.findIndex((lines) => lines.includes('small v=1 1'))).toBeLessThan(2);
  expect(written.flat()).toHaveLength(9);
});

test('a sink that is no longer of the deployment gets nothing, and nothing is read for it', async () => {
  const { sources, forwarder, written, acked, inUse } = build();
  sources[0]!.append(entryOf(1, 'm v=1 1'));
  inUse.now = false;
  await forwarder.runOnce(never);
  expect([written, acked()]).toEqual([[], [0, 0, 0]]);
  inUse.now = true;
  await forwarder.runOnce(never);
  expect([written, acked()]).toEqual([[['m v=1 1']], [1, 0, 0]]);
});

test('a bug is no fault of the world', async () => {
  const { sources, sink, forwarder, bugs, clock } = build();
  const bug = new TypeError('oops');
  sink.before = () => {
    throw bug;
  };
  sources[0]!.append(entryOf(1, 'a v=1 1'));
  await forwarder.start();
  await clock.advance(0);
  expect(bugs).toEqual([bug]);
  await forwarder.stop();
});
