import { ownerOf } from '@weir/common/assignment';
import fc from 'fast-check';

const keys = Array.from({ length: 64 }, (_, partition) => partition);
const ids = fc.uniqueArray(fc.string({ minLength: 1, maxLength: 12 }), { minLength: 1, maxLength: 8 });

describe('the owner of a key', () => {
  test('is nobody where nobody is alive', () => {
    expect(ownerOf(1, [])).toBeUndefined();
  });

  test('is one of those alive, the same for all who know them, in whatever order they know them', () => {
    fc.assert(
      fc.property(ids, fc.string(), (alive, key) => {
        const owner = ownerOf(key, alive);
        expect(alive).toContain(owner);
        expect(ownerOf(key, [...alive].reverse())).toBe(owner);
        expect(ownerOf(key, [...alive].sort())).toBe(owner);
      }),
    );
  });

  test('stays who it is when somebody else leaves: only the keys of the departed move', () => {
    fc.assert(
      fc.property(ids, fc.nat(), (alive, pick) => {
        const departed = alive[pick % alive.length]!;
        const rest = alive.filter((id) => id !== departed);
        for (const key of keys) {
          const before = ownerOf(key, alive);
          if (before !== departed) expect(ownerOf(key, rest)).toBe(before);
        }
      }),
    );
  });

  test('changes only to the newcomer when one joins', () => {
    fc.assert(
      fc.property(ids, fc.string({ minLength: 13, maxLength: 14 }), (alive, newcomer) => {
        for (const key of keys) {
          const after = ownerOf(key, [...alive, newcomer]);
          if (after !== newcomer) expect(after).toBe(ownerOf(key, alive));
        }
      }),
    );
  });

  test('is one and the same when an id is named twice', () => {
    expect(ownerOf(3, ['b', 'a', 'b', 'a'])).toBe(ownerOf(3, ['a', 'b']));
  });

  test('is the smaller id where two weigh the same', () => {
    const [first, second] = twoOfOneWeight();
    for (const key of keys) {
      expect(ownerOf(key, [first, second])).toBe(first);
      expect(ownerOf(key, [second, first])).toBe(first);
    }
  });

  test('is each of three about as often', () => {
    const loads = new Map<string, number>();
    for (let key = 0; key < 30_000; key++) {
      const owner = ownerOf(key, ['weir-a', 'weir-b', 'weir-c'])!;
      loads.set(owner, (loads.get(owner) ?? 0) + 1);
    }
    for (const load of loads.values()) expect(Math.abs(load - 10_000)).toBeLessThan(700);
    expect(loads.size).toBe(3);
  });
});

/**
 * Two ids whose weights are equal for every key, smaller first. FNV-1a takes a character by `(h ^ c) * p`, so two texts
 * that differ only in the low 16 bits of `h` meet after one more character each.
 */
function twoOfOneWeight(): [string, string] {
  const byHigh = new Map<number, { text: string; h: number }>();
  for (let i = 0; ; i++) {
    const text = String(i);
    let h = 0x811c9dc5;
    for (let at = 0; at < text.length; at++) h = Math.imul(h ^ text.charCodeAt(at), 0x01000193) >>> 0;
    const met = byHigh.get(h >>> 16);
    if (met) return [`${met.text}a`, text + String.fromCharCode(97 ^ met.h ^ h)].sort() as [string, string];
    byHigh.set(h >>> 16, { text, h });
  }
}
