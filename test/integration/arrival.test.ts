import { partitionKeys } from '@weir/common/keys';
import { send } from '../support/client.ts';
import type { Daemon } from '../support/daemon.ts';
import { eventuallyHolds } from '../support/eventually.ts';
import { PARTITIONS, type Region, startRegion } from '../support/region.ts';

/** Identity `arrival`: every accepted line is an event of its own, but a batch or a keyed request counts once. */
const MINUTE_NS = 1_478_507_520_000_000_000n;
/** In one partition, being of one user, these are more bytes than the second relay puts into a batch. */
const KEYED_LINES = Array.from(
  { length: 4_000 },
  (_, i) => `event_type=click,product=shop value=ann ${MINUTE_NS + BigInt(i % 100)}`,
);

let region: Region;
let one: Daemon;
let two: Daemon;

beforeAll(async () => {
  region = await startRegion({ relays: 0, aggregators: 2, aggregatorSettings: ['--identity', 'arrival'] });
  one = await region.startRelay('relay-1');
  two = await region.startRelay('relay-2', ['--batch-bytes', '128KiB']);
});

test('the same line counts each time it is sent, in one request or in two, at one relay or two', async () => {
  const line = `event_type=login,product=shop value=ben ${MINUTE_NS}`;
  await send(one, [line, line]);
  await send(one, [line]);
  await send(two, [line]);
  expect(await region.untilFolded(4)).toMatchObject({ counted: 4, duplicate: 0, dead: {} });
  await untilTotals('login', { events: 4, users: 1 });
});

test('a keyed request counts once, though sent again to a relay that cuts it into other batches', async () => {
  const before = await region.totals();
  const headers = { 'Idempotency-Key': 'd9b7a9e0-3f6c-4d0e-8f43-b8a1f7a0c1de' };
  const entries = [await appendedEntries()];
  for (const relay of [one, two, one]) {
    await send(relay, KEYED_LINES, { headers });
    entries.push(await appendedEntries());
  }
  // The same request was one entry at the first relay and several at the second.
  expect(entries[1]! - entries[0]!).toBe(1);
  expect(entries[2]! - entries[1]!).toBeGreaterThan(1);
  const books = await region.untilFolded(before.received + 3 * KEYED_LINES.length);
  expect(books.counted - before.counted).toBe(KEYED_LINES.length);
  expect(books.duplicate - before.duplicate).toBe(2 * KEYED_LINES.length);
  await untilTotals('click', { events: KEYED_LINES.length, users: 1 });
});

test('the same lines under another key are other events', async () => {
  const before = await region.totals();
  const lines = KEYED_LINES.slice(0, 10);
  for (const key of ['first', 'second', 'first']) await send(two, lines, { headers: { 'Idempotency-Key': key } });
  const books = await region.untilFolded(before.received + 30);
  expect(books.counted - before.counted).toBe(20);
});

async function appendedEntries(): Promise<number> {
  const keys = Array.from({ length: PARTITIONS }, (_, partition) => partitionKeys(region.name, partition).counters);
  const counts = await Promise.all(keys.map((key) => region.client.hget(key, 'appended-entries')));
  return counts.reduce((sum, count) => sum + Number(count ?? 0), 0);
}

async function untilTotals(eventType: string, { events, users }: { events: number; users: number }): Promise<void> {
  const tags = `event_type=${eventType},product=shop`;
  const expected = [
    `cumulative_user_event,${tags} value=${events} ${MINUTE_NS}`,
    `unique_user_event,${tags} value=${users} ${MINUTE_NS}`,
  ];
  await eventuallyHolds(
    async () => {
      for (const points of await region.points()) {
        expect(points.filter((point) => point.includes(`,${tags} `))).toEqual(expected);
      }
    },
    { what: `the totals of ${eventType} in both InfluxDBs` },
  );
}
