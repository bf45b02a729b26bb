import { GroupTable, groupName, type KnownGroup } from '@weir/aggregator/group-table';
import { DOMAIN, hash64, hashHi, hashLo } from '@weir/common/hash';
import fc from 'fast-check';

const KEY = { k0: 1, k1: 2 };

function find(table: GroupTable, eventType: string, product: string): KnownGroup {
  const e = Buffer.from(eventType);
  const p = Buffer.from(product);
  return table.find(e, 0, e.length, p, 0, p.length);
}

describe('the group table', () => {
  test('knows a group again by its bytes, wherever they stand', () => {
    const table = new GroupTable(KEY);
    const group = find(table, 'click', 'shop');
    const line = Buffer.from('event_type=click,product=shop value=x');
    expect(table.find(line, 11, 16, line, 25, 29)).toBe(group);
    expect(group).toMatchObject({ eventType: 'click', product: 'shop' });
    expect(table.size).toBe(1);
  });

  test('keeps the name when the line’s bytes are used again', () => {
    const table = new GroupTable(KEY);
    const bytes = Buffer.from('clickshop');
    const group = table.find(bytes, 0, 5, bytes, 5, 9);
    bytes.fill(0);
    expect(group.eventTypeBytes.toString()).toBe('click');
    expect(find(table, 'click', 'shop')).toBe(group);
  });

  test('keeps event type and product apart, however they run together', () => {
    const table = new GroupTable(KEY);
    const groups = [find(table, 'ab', 'c'), find(table, 'a', 'bc'), find(table, 'c', 'ab'), find(table, 'abc', 'x')];
    expect(new Set(groups).size).toBe(4);
    expect(new Set(groups.map(groupName)).size).toBe(4);
    expect(new Set(groups.map(({ hashHi, hashLo }) => `${hashHi}:${hashLo}`)).size).toBe(4);
  });

  test('keeps groups apart whose cheap hashes are the same', () => {
    // 31 × 'b' + 'C' = 31 × 'a' + 'b', and so on: the sum that picks the bucket cannot tell these.
    const table = new GroupTable(KEY);
    const twins = ['aa', 'bB', 'c#'].flatMap((first) => ['aa', 'bB', 'c#'].map((second) => first + second));
    const groups = twins.map((twin) => find(table, 'click', twin));
    expect(groups.map(({ product }) => product)).toEqual(twins);
    expect(twins.map((twin) => find(table, 'click', twin))).toEqual(groups);
    expect(table.size).toBe(9);
  });

  test.each(['__proto__', 'constructor', 'toString', 'hasOwnProperty', '🦦', 'a,b c=d', ''])(
    'takes %j as a name like any other',
    (name) => {
      const table = new GroupTable(KEY);
      expect(find(table, name, name)).toMatchObject({ eventType: name, product: name });
      expect(find(table, name, name)).toBe(find(table, name, name));
    },
  );

  test('hashes a group by chaining product onto event type', () => {
    const { hashHi: hi, hashLo: lo } = find(new GroupTable(KEY), 'click', 'shop');
    hash64(KEY, DOMAIN.eventType, 0, 0, 0, 0, Buffer.from('click'), 0, 5);
    hash64(KEY, DOMAIN.group, hashHi, hashLo, 0, 0, Buffer.from('shop'), 0, 4);
    expect([hi, lo]).toEqual([hashHi, hashLo]);
  });

  test('forgets everything when it is full, and then knows the same groups by the same hashes', () => {
    const table = new GroupTable(KEY, 3);
    const first = find(table, 'a', 'x');
    find(table, 'b', 'x');
    find(table, 'c', 'x');
    expect(table.size).toBe(3);
    find(table, 'd', 'x');
    expect(table.size).toBe(1);
    const again = find(table, 'a', 'x');
    expect(again).not.toBe(first);
    expect(again).toEqual(first);
  });

  test('never holds more than it may, and never mixes up names', () => {
    const name = fc.string({ unit: 'grapheme', maxLength: 4 });
    fc.assert(
      fc.property(fc.array(fc.tuple(name, name), { maxLength: 60 }), fc.integer({ min: 1, max: 8 }), (pairs, most) => {
        const table = new GroupTable(KEY, most);
        for (const [eventType, product] of pairs) {
          expect(find(table, eventType, product)).toMatchObject({ eventType, product });
          expect(table.size).toBeLessThanOrEqual(most);
        }
      }),
    );
  });
});
