import { randomBytes } from 'node:crypto';
import { NO_VERSION, NONCE_BYTES, type Version } from '@weir/aggregator/log-codec';
import fc from 'fast-check';
import type { Redis } from 'ioredis';
import { eventOf, lineOf, type TestEvent } from '../support/event-lines.ts';
import { PartitionLab, type PartitionLabOptions } from '../support/partition-lab.ts';
import { startRedis } from '../support/redis-server.ts';
import { TotalsOracle } from '../support/totals-oracle.ts';

/** What a fold leaves in Redis, and what can be read of it: logs in chunks, dead letters, counters, marks. */
let redis: Redis;
beforeAll(async () => {
  redis = (await startRedis()).client();
});
beforeEach(() => redis.flushall());

const WINDOW = 1_478_507_520;
const at = (nanos: number, fields: Partial<TestEvent> = {}) => eventOf({ sec: WINDOW, nanos, ...fields });
const many = (count: number, from = 0) =>
  Array.from({ length: count }, (_, i) => at(from + i, { username: `u${from + i}` }));

async function lab(options: PartitionLabOptions = {}): Promise<PartitionLab> {
  const made = new PartitionLab(redis, options);
  await made.createGroup();
  return made;
}

async function logChunks(it: PartitionLab): Promise<Buffer[]> {
  const names = (await redis.keys(`${it.keys.base}log:${WINDOW}:*`)).sort((a, b) => chunkOf(a) - chunkOf(b));
  expect(names.map(chunkOf)).toEqual(names.map((_, i) => i));
  return Promise.all(names.map(async (name) => (await redis.getBuffer(name))!));
}

const chunkOf = (name: string) => Number(name.split(':').at(-1));

async function version(it: PartitionLab): Promise<Version> {
  return (await it.store.meta(WINDOW))!.version;
}

describe('a window’s log', () => {
  test.each([16, 61, 64, 1_000])('in chunks of %d bytes fills each before the next begins', async (chunkBytes) => {
    const it = await lab({ chunkBytes });
    const process = await it.process();
    const plans = [];
    for (const events of [many(3), many(1, 3), many(20, 4), many(1, 24)]) {
      plans.push(await process.plan(await it.entry(events)));
      await process.send(plans.at(-1)!);
    }
    const records = plans.map(({ windows }) => (windows[0] as { delta: { record: Buffer } }).delta.record);
    const chunks = await logChunks(it);
    expect(Buffer.concat(chunks)).toEqual(Buffer.concat(records));
    for (const chunk of chunks.slice(0, -1)) expect(chunk.length).toBe(chunkBytes);
    const { length, nonce } = await version(it);
    expect(length).toBe(Buffer.concat(records).length);
    expect(nonce).toBe(records.at(-1)!.subarray(-NONCE_BYTES).toString('hex'));
    expect(await it.totals()).toEqual(totalsOf(many(25)));
  });

  test('that fills its last chunk exactly goes on in the next', async () => {
    const plain = await lab();
    const process = await plain.process();
    await process.fold(await plain.entry([at(0)]));
    const { length } = await version(plain);
    const it = await lab({ chunkBytes: length });
    const again = await it.process();
    await again.fold(await it.entry([at(0)]));
    expect((await logChunks(it)).map((chunk) => chunk.length)).toEqual([length]);
    await again.fold(await it.entry([at(1)]));
    expect((await logChunks(it)).map((chunk) => chunk.length)).toEqual([length, expect.any(Number)]);
    expect(await it.totals()).toEqual(totalsOf([at(0), at(1)]));
  });

  test('keeps when its first event was folded, by Redis’s clock', async () => {
    const it = await lab();
    const process = await it.process();
    const before = await time();
    await process.fold(await it.entry([at(0)]));
    const { openedMs } = (await it.store.meta(WINDOW))!;
    expect(openedMs).toBeGreaterThanOrEqual(before);
    expect(openedMs).toBeLessThanOrEqual(await time());
    await process.fold(await it.entry([at(1)]));
    expect((await it.store.meta(WINDOW))!.openedMs).toBe(openedMs);
  });
});

describe('reading windows', () => {
  test.each([16, 50, 1_000])(
    'gives what comes after the version known, over chunks of %d bytes',
    async (chunkBytes) => {
      const it = await lab({ chunkBytes });
      const process = await it.process();
      const versions: Version[] = [NO_VERSION];
      for (let i = 0; i < 5; i++) {
        await process.fold(await it.entry(many(i + 1, i * 10)));
        versions.push(await version(it));
      }
      const whole = Buffer.concat(await logChunks(it));
      for (const known of versions) {
        const { windows } = await it.store.readWindows([{ startSec: WINDOW, version: known }], 1e6);
        expect(windows).toEqual([
          { kind: 'open', meta: await it.store.meta(WINDOW), offset: known.length, log: whole.subarray(known.length) },
        ]);
      }
    },
  );

  test.each<[string, (known: Version) => Version]>([
    ['its nonce stands elsewhere', ({ length, nonce }) => ({ length: length - 1, nonce })],
    ['another nonce stands there', ({ length }) => ({ length, nonce: randomBytes(16).toString('hex') })],
    ['the log is shorter', ({ length, nonce }) => ({ length: length + 16, nonce })],
    ['it is too short to have a nonce', () => ({ length: 8, nonce: '00'.repeat(8) })],
  ])('gives the log from its start when the version known is not one of it: %s', async (_what, wrong) => {
    const it = await lab({ chunkBytes: 50 });
    const process = await it.process();
    await process.fold(await it.entry(many(5)));
    const known = wrong(await version(it));
    const { windows } = await it.store.readWindows([{ startSec: WINDOW, version: known }], 1e6);
    expect(windows).toMatchObject([{ kind: 'open', offset: 0, log: Buffer.concat(await logChunks(it)) }]);
  });

  test('answers no more bytes of log than asked for, the windows named first being first', async () => {
    const it = await lab({ chunkBytes: 50 });
    const process = await it.process();
    await process.fold(await it.entry([...many(5), at(1, { sec: WINDOW + 60 })]));
    const asked = [WINDOW, WINDOW + 60].map((startSec) => ({ startSec, version: NO_VERSION }));
    const lengths = async (maxBytes: number) => {
      const { windows } = await it.store.readWindows(asked, maxBytes);
      return windows.map((window) => (window.kind === 'open' ? window.log.length : -1));
    };
    const [first, second] = (await lengths(1e6)) as [number, number];
    expect(await lengths(70)).toEqual([70, 0]);
    expect(await lengths(first + 10)).toEqual([first, 10]);
    expect(await lengths(first + second)).toEqual([first, second]);
  });

  test('tells absent, open and sealed windows apart; a sealed one keeps its log until it is dropped', async () => {
    const it = await lab();
    const process = await it.process();
    await process.fold(await it.entry([at(0), at(0, { sec: WINDOW + 60 })]));
    const starts = [0, 60, 120, 180].map((sec) => WINDOW + sec);
    await it.seal(starts[1]!, 0, 0);
    await it.seal(starts[2]!, 0, 0);
    const read = () =>
      it.store.readWindows(
        starts.map((startSec) => ({ startSec, version: NO_VERSION })),
        1e6,
      );
    const { windows } = await read();
    expect(windows.map(({ kind }) => kind)).toEqual(['open', 'sealed', 'sealed', 'absent']);
    expect(windows[1]).toHaveProperty('part.log');
    expect(windows[2]).not.toHaveProperty('part');
    await it.store.drop(starts[1]!);
    expect((await read()).windows[1]).toEqual({ kind: 'sealed' });
  });

  test('says which seed stands, how late it is and how many open windows are old', async () => {
    const it = await lab();
    const process = await it.process();
    expect(await it.store.readWindows([], 0)).toMatchObject({ seed: undefined, openOldWindows: 0, windows: [] });
    const present = Math.floor((await time()) / 60_000) * 60;
    await process.fold(await it.entry([at(0), at(0, { sec: 0 }), at(0, { sec: present })]));
    const { seed, nowMs, openOldWindows } = await it.store.readWindows([], 0);
    expect({ seed, openOldWindows }).toEqual({ seed: process.memory.seed, openOldWindows: 2 });
    expect(Math.abs(nowMs - (await time()))).toBeLessThan(1_000);
  });
});

describe('dead letters', () => {
  test('hold reason, entry, batch, time, number of lines and the lines', async () => {
    const it = await lab();
    const process = await it.process();
    await it.seal(WINDOW, 0, 0);
    const entry = await it.entry([at(0), at(1), 'unreadable', at(0, { sec: 60 })]);
    await process.fold(entry);
    const head = { e: entry.id, b: entry.batch, t: String(entry.receivedMs) };
    expect(await it.deadLetters()).toEqual([
      { reason: 'late', ...head, n: '2', d: `${lineOf(at(0))}\n${lineOf(at(1))}\n` },
      { reason: 'unreadable', ...head, n: '1', d: 'unreadable\n' },
    ]);
    expect(await it.counters()).toMatchObject({ 'dead:late': 2, 'dead:unreadable': 1, counted: 1 });
  });

  test('beyond their limit drop the oldest, and count the lines they drop', async () => {
    const maxDeadBytes = 200;
    const it = await lab({ maxDeadBytes });
    const process = await it.process();
    for (let i = 0; i < 12; i++) await process.fold(await it.entry(Array(1 + (i % 3)).fill(`unreadable ${i}`)));
    const letters = await it.deadLetters();
    const kept = letters.reduce((sum, { n }) => sum + Number(n), 0);
    const bytes = letters.reduce((sum, { d }) => sum + d!.length, 0);
    expect(letters.at(-1)).toMatchObject({ d: 'unreadable 11\n'.repeat(3) });
    expect(bytes).toBeLessThanOrEqual(maxDeadBytes);
    expect(letters.length).toBeGreaterThan(3);
    const counters = await it.counters();
    expect(counters).toMatchObject({ 'dead:unreadable': 24, 'dead-bytes': bytes, 'dead-dropped': 24 - kept });
    expect(await it.ledger()).toEqual({ received: 24, told: 24 });
  });

  test('keep the last one even when it alone is beyond the limit', async () => {
    const it = await lab({ maxDeadBytes: 20 });
    const process = await it.process();
    await process.fold(await it.entry(['short']));
    await process.fold(await it.entry(['a line that is longer than all that may be kept']));
    expect(await it.deadLetters()).toMatchObject([{ d: 'a line that is longer than all that may be kept\n' }]);
    expect(await it.counters()).toMatchObject({ 'dead:unreadable': 2, 'dead-dropped': 1 });
  });

  test('of somebody else give way like others, and stop no fold half way', async () => {
    const it = await lab({ maxDeadBytes: 20 });
    const process = await it.process();
    await redis.xadd(it.keys.dead, '*', 'hello', 'world');
    await redis.xadd(it.keys.dead, '*', 'a', '1', 'b', '2', 'c', '3', 'd', '4', 'e', 'no number', 'f', '6');
    await process.fold(await it.entry([at(0), 'a line that is longer than all that may be kept']));
    expect(await it.deadLetters()).toHaveLength(1);
    expect(await it.ledger()).toEqual({ received: 2, told: 2 });
  });

  test('without a byte give way like others', async () => {
    const it = await lab({ maxDeadBytes: 20 });
    const process = await it.process();
    await it.append([], { n: '1' });
    await process.fold(...(await it.deliver()));
    expect(await it.deadLetters()).toMatchObject([{ reason: 'unreadable', n: '1', d: '' }]);
    await process.fold(await it.entry([at(0), 'a line that is longer than all that may be kept']));
    expect(await it.counters()).toMatchObject({ counted: 1, 'dead:unreadable': 2, 'dead-dropped': 1 });
    expect(await it.pendingIds()).toEqual([]);
  });

  test('hold the lines’ own bytes, whatever they are', async () => {
    const it = await lab();
    const process = await it.process();
    const bytes = Buffer.from([0xff, 0x00, 0xc3, 0x28]);
    await process.fold(await it.entry([bytes]));
    const [[, fields]] = (await redis.callBuffer('XRANGE', it.keys.dead, '-', '+')) as [[Buffer, Buffer[]]];
    expect(fields.at(-1)).toEqual(Buffer.concat([bytes, Buffer.from('\n')]));
  });
});

describe('a fold', () => {
  test('of very many entries at once acks them all', async () => {
    const it = await lab();
    const process = await it.process();
    for (let i = 0; i < 2_300; i++) await it.append([at(i)]);
    const entries = await it.deliver('a', 2_300);
    await process.fold(...entries);
    expect(await it.pendingIds()).toEqual([]);
    expect(await it.counters()).toMatchObject({ counted: 2_300, 'folded-entries': 2_300 });
  });

  test('of a suspect takes its mark away; of others leaves marks alone', async () => {
    const it = await lab();
    const process = await it.process();
    const [suspect, other] = [await it.entry([at(0)]), await it.entry([at(1)])];
    for (const { id } of [suspect, other]) await redis.hset(it.keys.suspects, id, 'incarnation 1');
    await process.fold(other);
    expect(await redis.hkeys(it.keys.suspects)).toEqual([suspect.id, other.id]);
    await process.folder.fold([{ ...process.item(suspect), suspect: true }]);
    expect(await redis.hkeys(it.keys.suspects)).toEqual([other.id]);
  });

  test('that adds to a window makes it dirty; one that only finds duplicates does not', async () => {
    const it = await lab();
    const process = await it.process();
    await process.fold(await it.entry([at(0), at(0, { sec: WINDOW + 60 })]));
    expect((await redis.smembers(it.keys.dirty)).sort()).toEqual([String(WINDOW), String(WINDOW + 60)]);
    await redis.del(it.keys.dirty);
    await process.fold(await it.entry([at(0), at(1, { sec: WINDOW + 60 })]));
    expect(await redis.smembers(it.keys.dirty)).toEqual([String(WINDOW + 60)]);
  });

  test('changes the stamp when it opens a window, so that observers look again, and only then', async () => {
    const it = await lab();
    const process = await it.process();
    const stamp = () => redis.get(it.keys.stamp);
    await process.fold(await it.entry([at(0)]));
    const opened = await stamp();
    await process.fold(await it.entry([at(1)]));
    expect(await stamp()).toBe(opened);
    await process.fold(await it.entry([at(0, { sec: WINDOW + 60 })]));
    expect(await stamp()).not.toBe(opened);
    const view = await it.store.observe(opened!);
    expect([...view!.open.keys()]).toEqual([WINDOW, WINDOW + 60]);
    expect(await it.store.observe(view!.stamp)).toBeUndefined();
  });
});

test('the ledger balances after every fold, whatever is folded in whatever order', async () => {
  const line = fc.oneof(
    {
      weight: 8,
      arbitrary: fc
        .record({ sec: fc.constantFrom(0, 60, 120, 180), nanos: fc.nat(3) })
        .map(({ sec, nanos }) => at(nanos, { sec })),
    },
    { weight: 1, arbitrary: fc.constant('unreadable') },
  );
  const batch = fc.record({
    lines: fc.array(line, { minLength: 1, maxLength: 6 }),
    lie: fc.boolean(),
    process: fc.nat(1),
  });
  await fc.assert(
    fc.asyncProperty(
      fc.array(batch, { minLength: 1, maxLength: 8 }),
      fc.integer({ min: 1, max: 3 }),
      async (batches, together) => {
        const it = await lab({ maxOldWindows: 2, maxLogBytes: 200, maxDeadBytes: 300, chunkBytes: 40 });
        await it.seal(180, 0, 0);
        const processes = [await it.process(), await it.process()];
        for (const { lines, lie } of batches) await it.append(lines, lie ? { n: String(lines.length + 1) } : {});
        const entries = await it.deliver();
        for (let i = 0; i < entries.length; i += together) {
          await processes[batches[i]!.process]!.fold(...entries.slice(i, i + together));
          const { received, told } = await it.ledger();
          expect(told).toBe(received);
        }
        expect(await it.pendingIds()).toEqual([]);
        const totals = [...(await it.totals()).values()];
        expect((await it.counters()).counted ?? 0).toBe(totals.reduce((sum, { events }) => sum + events, 0));
      },
    ),
    { numRuns: 100 },
  );
});

function totalsOf(events: readonly TestEvent[]) {
  const oracle = new TotalsOracle(60);
  for (const event of events) oracle.add(event);
  return oracle.totals;
}

async function time(): Promise<number> {
  const [seconds, micros] = await redis.time();
  return Number(seconds) * 1_000 + Math.floor(Number(micros) / 1_000);
}
