import type { Heartbeat } from '@weir/cli/heartbeats';
import type { PendingEntry } from '@weir/cli/partition-state';
import { byConsumer, consumerPending, keepPending, pendingReport, pendingTable } from '@weir/cli/pending-report';
import { PLAIN_VIEW } from '../../support/weir.ts';

const entries: PendingEntry[] = [
  { id: '1000-0', consumer: 'b', idleMs: 60_000, deliveries: 1 },
  { id: '2000-0', consumer: 'a', idleMs: 500, deliveries: 4 },
  { id: '3000-0', consumer: 'b', idleMs: 90_000, deliveries: 2 },
];
const none = { minIdleMs: null, minDeliveries: null, consumer: null };
const heartbeats: Heartbeat[] = [
  { id: 'a', sinceMs: 100 },
  { id: 'b', sinceMs: 5_001 },
];

test('filters keep what is idle, delivered and held as asked', () => {
  const ids = (filters: Partial<typeof none | Record<string, unknown>>) =>
    keepPending(entries, { ...none, ...filters }).map(({ id }) => id);
  expect(ids({})).toEqual(['1000-0', '2000-0', '3000-0']);
  expect(ids({ minIdleMs: 60_000 })).toEqual(['1000-0', '3000-0']);
  expect(ids({ minDeliveries: 2 })).toEqual(['2000-0', '3000-0']);
  expect(ids({ consumer: 'b', minDeliveries: 2 })).toEqual(['3000-0']);
});

test('entries are grouped by consumer, also one called __proto__', () => {
  const odd = { id: '4000-0', consumer: '__proto__', idleMs: 0, deliveries: 1 };
  expect(byConsumer([...entries, odd]).map(([name, own]) => [name, own.length])).toEqual([
    ['__proto__', 1],
    ['a', 1],
    ['b', 2],
  ]);
});

test('a consumer shows its worst entry, and is alive only with a fresh heartbeat', () => {
  const [, [, own]] = byConsumer(entries) as [unknown, [string, PendingEntry[]]];
  expect(consumerPending(3, 'b', own, { lines: 70, missing: 1 }, heartbeats, 11_000)).toEqual({
    partition: 3,
    consumer: 'b',
    alive: false,
    heartbeatAgeMs: 5_001,
    owner: 'a',
    entries: 2,
    events: 70,
    missingEntries: 1,
    oldestIdleMs: 90_000,
    maxDeliveries: 2,
    oldestEntryId: '1000-0',
    oldestEntryAgeMs: 10_000,
  });
  expect(consumerPending(3, 'gone', own, undefined, [], 11_000)).toMatchObject({
    alive: false,
    heartbeatAgeMs: null,
    owner: null,
    events: null,
    missingEntries: null,
  });
});

describe('the table', () => {
  const row = consumerPending(0, 'a', entries.slice(1, 2), { lines: 7, missing: 0 }, heartbeats, 4_000);

  test('has a line per partition and consumer, and a total', () => {
    const text = pendingTable(pendingReport('weir', 4_000, none, [row], true), PLAIN_VIEW);
    expect(text.split('\n').map((line) => line.trim().split(/ {2,}/))).toEqual([
      [
        'partition',
        'consumer',
        'alive',
        'owner',
        'entries',
        'events',
        'oldest idle',
        'max deliveries',
        'oldest entry',
        'age',
      ],
      ['0', 'a', 'yes', 'a', '1', '7', '0.5s', '4', '2000-0', '2.0s'],
      ['total', '1', '7'],
      [''],
    ]);
  });

  test('warns of entries nobody can fold any more', () => {
    const lost = { ...row, missingEntries: 2 };
    expect(pendingTable(pendingReport('weir', 4_000, none, [lost], true), PLAIN_VIEW)).toContain(
      '2 pending entries are gone',
    );
  });

  test('says plainly when there is nothing, and does not when it could not look everywhere', () => {
    expect(pendingTable(pendingReport('weir', 0, none, [], true), PLAIN_VIEW)).toBe('no pending entries\n');
    expect(pendingTable(pendingReport('weir', 0, { ...none, consumer: 'x' }, [], true), PLAIN_VIEW)).toBe(
      'no pending entries match\n',
    );
    expect(pendingTable(pendingReport('weir', 0, none, [], false), PLAIN_VIEW)).toMatch(/total +\? +\?/);
  });
});
