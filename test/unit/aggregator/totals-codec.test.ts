import { NO_VERSION } from '@weir/aggregator/log-codec';
import { decodeTotals, encodeTotals, type GroupCount, sumTotals } from '@weir/aggregator/totals-codec';
import fc from 'fast-check';

const name = fc
  .oneof(fc.constantFrom('__proto__', 'a b', 'a,b', '🦦'), fc.string({ unit: 'grapheme', maxLength: 30 }))
  .filter((text) => Buffer.byteLength(text) <= 128 && Buffer.from(text).toString() === text);
const count = fc.oneof(fc.nat(), fc.constantFrom(2 ** 32, Number.MAX_SAFE_INTEGER));
const groups: fc.Arbitrary<GroupCount[]> = fc.uniqueArray(
  fc.record({ eventType: name, product: name, events: count, users: count }),
  { maxLength: 20, selector: ({ eventType, product }) => JSON.stringify([eventType, product]) },
);
const version = fc.oneof(
  fc.constant(NO_VERSION),
  fc.record({
    length: fc.integer({ min: 1, max: 2 ** 40 }),
    nonce: fc.uint8Array({ minLength: 16, maxLength: 16 }).map((bytes) => Buffer.from(bytes).toString('hex')),
  }),
);

const group = (eventType: string, product: string, events: number, users: number): GroupCount => ({
  eventType,
  product,
  events,
  users,
});

describe('totals', () => {
  test('are laid out as their file says', () => {
    const bytes = encodeTotals({
      version: { length: 1, nonce: '00112233445566778899aabbccddeeff' },
      groups: [group('ab', 'c', 2, 1)],
    });
    const parts = ['000000000000f03f', '00112233445566778899aabbccddeeff', '01000000', '026162', '0163'];
    parts.push('0000000000000040', '000000000000f03f');
    expect(bytes.toString('hex')).toBe(parts.join(''));
  });

  test('come back as they went in, whatever the names and however large', () => {
    fc.assert(
      fc.property(version, groups, (version, groups) => {
        expect(decodeTotals(encodeTotals({ version, groups }))).toEqual({ version, groups });
      }),
    );
  });

  test('that are cut short anywhere are an error', () => {
    const whole = encodeTotals({ version: NO_VERSION, groups: [group('ab', 'c', 2, 1), group('d', 'e', 1, 1)] });
    for (let length = 0; length < whole.length; length++) {
      expect(() => decodeTotals(whole.subarray(0, length))).toThrow(expect.objectContaining({ name: 'RangeError' }));
    }
  });
});

describe('the sum of the partitions', () => {
  const part = (...groups: GroupCount[]) => ({ version: NO_VERSION, groups });

  test('adds up events and users group by group', () => {
    const parts = [part(group('a', 'x', 5, 2), group('b', 'x', 1, 1)), part(), part(group('a', 'x', 3, 3))];
    expect(sumTotals(parts)).toEqual([group('a', 'x', 8, 5), group('b', 'x', 1, 1)]);
  });

  test('keeps groups apart whose names run together, and those with names of objects', () => {
    const parts = [part(group('ab', 'c', 1, 1), group('__proto__', 'x', 1, 1)), part(group('a', 'bc', 1, 1))];
    expect(sumTotals(parts)).toHaveLength(3);
    expect(sumTotals([...parts, ...parts]).every(({ events }) => events === 2)).toBe(true);
  });

  test('leaves the parts as they were', () => {
    const parts = [part(group('a', 'x', 5, 2)), part(group('a', 'x', 3, 3))];
    sumTotals(parts);
    expect(parts[0]!.groups).toEqual([group('a', 'x', 5, 2)]);
  });

  test('of nothing is nothing', () => {
    expect(sumTotals([])).toEqual([]);
  });
});
