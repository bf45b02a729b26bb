import { PublishedSums } from '@weir/aggregator/published-sums';
import { encodeTotals, type GroupCount } from '@weir/aggregator/totals-codec';

const WINDOW = 1_478_507_520;
const nonce = (byte: string) => byte.repeat(16);

function part(partition: number, version: { length: number; nonce: string }, ...groups: GroupCount[]) {
  return { partition, blob: encodeTotals({ version, groups }) };
}

const group = (eventType: string, events: number, users: number): GroupCount => ({
  eventType,
  product: 'p',
  events,
  users,
});

const ZERO = part(0, { length: 40, nonce: nonce('0a') }, group('a', 3, 2), group('b', 1, 1));
const ONE = part(1, { length: 60, nonce: nonce('0b') }, group('a', 5, 4));
const NOTHING = { partition: 2, blob: undefined };

test('a window is the sum over its partitions, as of their versions', () => {
  const { groups, versions } = new PublishedSums().of(WINDOW, [ZERO, ONE, NOTHING]);
  expect(groups).toEqual([group('a', 8, 6), group('b', 1, 1)]);
  expect([...versions]).toEqual([
    [0, { length: 40, nonce: nonce('0a') }],
    [1, { length: 60, nonce: nonce('0b') }],
  ]);
});

test('is taken once for all who read the same', () => {
  const sums = new PublishedSums();
  const first = sums.of(WINDOW, [ZERO, ONE, NOTHING]);
  expect(sums.of(WINDOW, [ZERO, ONE]).groups).toBe(first.groups);
});

test.each([
  ['another version', [ZERO, part(1, { length: 60, nonce: nonce('0c') }, group('a', 6, 4))], 9],
  ['a longer log', [ZERO, part(1, { length: 80, nonce: nonce('0b') }, group('a', 7, 4))], 10],
  ['fewer partitions', [ZERO], 3],
  ['another partition', [ZERO, { ...ONE, partition: 3 }], 8],
])('%s is another sum', (_, parts, events) => {
  const sums = new PublishedSums();
  const first = sums.of(WINDOW, [ZERO, ONE]);
  const second = sums.of(WINDOW, parts);
  expect(second.groups).not.toBe(first.groups);
  expect(second.groups[0]!.events).toBe(events);
});

test('another window is another sum, of nothing too', () => {
  const sums = new PublishedSums();
  const first = sums.of(WINDOW, [ZERO]);
  expect(sums.of(WINDOW + 60, [ZERO]).groups).not.toBe(first.groups);
  expect(sums.of(WINDOW, [NOTHING])).toEqual({ groups: [], versions: new Map() });
});
