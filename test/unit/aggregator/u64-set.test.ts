import { U64Set } from '@weir/aggregator/u64-set';
import fc from 'fast-check';

const word = fc.oneof(fc.integer({ min: 0, max: 0xffffffff }), fc.constantFrom(0, 1, 2, 16, 0x80000000, 0xffffffff));
/** Few low bits differ, so that many values want the same slot. */
const crowded = fc.integer({ min: 0, max: 63 }).map((n) => (n << 4) >>> 0);
const value = fc.tuple(word, fc.oneof(word, crowded)).filter(([hi, lo]) => hi !== 0 || lo !== 0);

function asBigint([hi, lo]: readonly [number, number]): bigint {
  return (BigInt(hi) << 32n) | BigInt(lo);
}

describe('a set of 64-bit hashes', () => {
  test('holds what a Set of bigints holds, whatever is added, reserved and cleared', () => {
    const step = fc.oneof(
      { weight: 20, arbitrary: value.map((v) => ({ add: v })) },
      { weight: 2, arbitrary: fc.nat(300).map((reserve) => ({ reserve })) },
      { weight: 1, arbitrary: fc.constant({ clear: true }) },
    );
    fc.assert(
      fc.property(
        fc.array(step, { maxLength: 400 }),
        fc.array(value, { maxLength: 20 }),
        fc.nat(100),
        (steps, others, size) => {
          const set = new U64Set(size);
          const oracle = new Set<bigint>();
          for (const step of steps) {
            if ('add' in step) {
              expect(set.add(...step.add)).toBe(!oracle.has(asBigint(step.add)));
              oracle.add(asBigint(step.add));
            } else if ('reserve' in step) {
              set.reserve(step.reserve);
            } else {
              set.clear();
              oracle.clear();
            }
            expect(set.size).toBe(oracle.size);
          }
          for (const step of steps) {
            if ('add' in step) expect(set.has(...step.add)).toBe(oracle.has(asBigint(step.add)));
          }
          for (const other of others) expect(set.has(...other)).toBe(oracle.has(asBigint(other)));
        },
      ),
    );
  });

  test('keeps values apart that all begin in one slot', () => {
    const set = new U64Set();
    for (let hi = 1; hi <= 2_000; hi++) expect(set.add(hi, 0xfffffff0)).toBe(true);
    for (let hi = 1; hi <= 2_000; hi++) expect(set.add(hi, 0xfffffff0)).toBe(false);
    expect(set.has(2_001, 0xfffffff0)).toBe(false);
    expect(set.size).toBe(2_000);
  });

  test('cannot hold 0, which marks an empty slot', () => {
    const set = new U64Set();
    expect(() => set.add(0, 0)).toThrow(RangeError);
    expect(set.size).toBe(0);
    expect(set.add(0, 1)).toBe(true);
    expect(set.add(1, 0)).toBe(true);
  });

  test('takes 8 bytes a slot and is at most 60 % full', () => {
    const set = new U64Set();
    for (let i = 1; i <= 10_000; i++) set.add(i, Math.imul(i, 0x9e3779b1) >>> 0);
    expect(set.size / (set.bytes / 8)).toBeLessThanOrEqual(0.6);
    expect(set.size / (set.bytes / 8)).toBeGreaterThan(0.3);
  });

  test('does not grow when room was reserved', () => {
    const set = new U64Set();
    set.reserve(10_000);
    const { bytes } = set;
    for (let i = 1; i <= 10_000; i++) set.add(i, i);
    expect(set.bytes).toBe(bytes);
    expect(new U64Set(10_000).bytes).toBe(bytes);
  });
});
