import { OtherFeed } from '@weir/aggregator/other-feed';
import type { StreamEntry } from '@weir/common/batch';
import { RedisFault } from '@weir/common/redis-fault';
import { FakeClock } from '../../support/fake-clock.ts';
import { FakeEntrySource } from '../../support/fake-entry-source.ts';

const CLAIM_IDLE_MS = 30_000;
const HANDOVER_MS = 5_000;
const MANY = 1e9;

function build({ alive = ['me'] } = {}) {
  const source = new FakeEntrySource({ pending: new Set() }, 'me');
  const clock = new FakeClock();
  const feed = new OtherFeed({
    reader: source,
    consumer: 'me',
    alive: () => alive,
    claimIdleMs: CLAIM_IDLE_MS,
    handoverMs: HANDOVER_MS,
    clock,
  });
  const read = async (owned = true, bytes = MANY) => (await feed.read(owned, bytes)).map(({ id }) => id);
  return { source, feed, read, clock };
}

const entryOf = (n: number, lines = 'cpu v=1 1\n'): StreamEntry => ({
  id: `${n}-0`,
  batch: `r:0123456789abcdef:${n}`,
  receivedMs: n,
  lineCount: 1,
  lines: Buffer.from(lines),
});

test('new entries are read in their order, by their owner', async () => {
  const { source, read } = build();
  for (const n of [1, 2]) source.append(entryOf(n));
  expect(await read(false)).toEqual([]);
  expect(await read()).toEqual(['1-0', '2-0']);
  expect(await read()).toEqual([]);
});

test('what was pending before a start is read first, also by who is the owner no more', async () => {
  const { source, feed, read } = build();
  source.deliverTo('me', entryOf(1));
  source.append(entryOf(2));
  expect(await read(false)).toEqual(['1-0']);
  await feed.ack(['1-0']);
  expect(await read(false)).toEqual([]);
  expect(await read()).toEqual(['2-0']);
});

test('what the dead left pending is taken over before anything new is read', async () => {
  const { source, feed, read } = build();
  source.deliverTo('ghost', entryOf(1));
  source.append(entryOf(2));
  expect(await read()).toEqual(['1-0']);
  await feed.ack(['1-0']);
  expect(await read()).toEqual(['2-0']);
});

test('nothing new is read while a living consumer has older entries in hand', async () => {
  const { source, read, clock } = build({ alive: ['me', 'you'] });
  source.deliverTo('you', entryOf(1));
  source.append(entryOf(2));
  expect(await read()).toEqual([]);
  await clock.advance(HANDOVER_MS);
  expect(await read()).toEqual([]);
  expect(source.calls).not.toContain('readNew');
  await source.ack(['1-0']);
  expect(await read()).toEqual(['2-0']);
});

test('who comes to own a partition waits until nobody else can believe that it is his', async () => {
  const { source, read, clock } = build({ alive: ['me', 'you'] });
  source.append(entryOf(1));
  expect(await read()).toEqual([]);
  await clock.advance(HANDOVER_MS - 1);
  expect(await read()).toEqual([]);
  expect(source.calls).not.toContain('readNew');
  await clock.advance(1);
  expect(await read()).toEqual(['1-0']);
});

test('what a living consumer had in hand for too long is taken over', async () => {
  const { source, feed, read, clock } = build({ alive: ['me', 'you'] });
  source.deliverTo('you', entryOf(1), { idleMs: CLAIM_IDLE_MS });
  source.append(entryOf(2));
  expect(await read()).toEqual(['1-0']);
  await feed.ack(['1-0']);
  await clock.advance(HANDOVER_MS);
  expect(await read()).toEqual(['2-0']);
});

test('an owner looks every second for what others left, and not with every read', async () => {
  const { source, read, clock } = build();
  await read();
  source.deliverTo('ghost', entryOf(1));
  expect(await read()).toEqual([]);
  await clock.advance(1_000);
  expect(await read()).toEqual(['1-0']);
});

test('who comes back as an owner looks again', async () => {
  const { source, read, clock } = build({ alive: ['me', 'you'] });
  await clock.advance(HANDOVER_MS);
  await read();
  await clock.advance(HANDOVER_MS);
  await read();
  expect(source.calls).toContain('readNew');
  await read(false);
  source.deliverTo('you', entryOf(1));
  source.append(entryOf(2));
  expect(await read()).toEqual([]);
});

test('an entry that was deleted while a dead consumer had it is named once', async () => {
  const { source, feed, read } = build();
  source.deliverTo('ghost', entryOf(1));
  source.delete('1-0');
  expect(await feed.read(true, MANY)).toEqual([{ id: '1-0', entry: undefined, readable: false }]);
  await feed.ack(['1-0']);
  expect(await read()).toEqual([]);
});

test('a partition without entries is asked less and less often, and at once again when there were some', async () => {
  const { source, feed, read, clock } = build();
  const asked = () => source.calls.filter((call) => call === 'readNew').length;
  for (let ms = 0; ms < 10_000; ms += 100) {
    await read();
    await clock.advance(100);
  }
  expect(asked()).toBeGreaterThan(10);
  expect(asked()).toBeLessThan(14);
  source.append(entryOf(1));
  await clock.advance(1_000);
  expect(await read()).toEqual(['1-0']);
  await feed.ack(['1-0']);
  source.append(entryOf(2));
  expect(await read()).toEqual(['2-0']);
});

test('after a fault it reads its own pending entries again, and makes sure of the group', async () => {
  const { source, feed, read } = build();
  source.append(entryOf(1));
  expect(await read()).toEqual(['1-0']);
  feed.forget();
  expect(await read()).toEqual(['1-0']);
  expect(source.calls.filter((call) => call === 'ensureGroup')).toHaveLength(2);
});

test('about as many bytes are read as there is room for, and at least one entry', async () => {
  const { source, feed, read } = build();
  for (let n = 1; n <= 40; n++) source.append(entryOf(n, 'x'.repeat(1_000)));
  const first = await read(true, 100);
  expect(first).toEqual(['1-0']);
  await feed.ack(first);
  expect(await read(true, 10_000)).toHaveLength(10);
});

test('a full Redis, which refuses to make a group that is there, does not keep it from reading', async () => {
  const { source, read } = build();
  source.append(entryOf(1));
  source.before = (call) => {
    if (call === 'ensureGroup') throw new RedisFault('redis-oom', 'OOM', true, 'not-applied');
  };
  expect(await read()).toEqual(['1-0']);
});
