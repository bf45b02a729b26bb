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
  test('holds what a Set of bigints holds, whatever is added and reserved', () => {
    const step = fc.oneof(
      { weight: 20, arbitrary: value.map((v) => ({ add: v })) },
      { weight: 2, arbitrary: fc.nat(300).map((reserve) => ({ reserve })) },
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
            } else {
              set.reserve(step.reserve);
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

  test('holds what is proposed until it is taken back, and then what it held before, whatever grew meanwhile', () => {
    const round = fc.record({
      proposed: fc.array(value, { maxLength: 120 }),
      reserve: fc.option(fc.nat(300)),
      kept: fc.boolean(),
      added: fc.array(value, { maxLength: 10 }),
    });
    fc.assert(
      fc.property(fc.array(round, { maxLength: 12 }), (rounds) => {
        const set = new U64Set();
        const oracle = new Set<bigint>();
        const all = rounds.flatMap(({ proposed, added }) => [...proposed, ...added]);
        for (const { proposed, reserve, kept, added } of rounds) {
          const fresh = new Map<bigint, readonly [number, number]>();
          for (const one of proposed) {
            const isNew = !oracle.has(asBigint(one)) && !fresh.has(asBigint(one));
            expect(set.propose(...one)).toBe(isNew);
            if (isNew) fresh.set(asBigint(one), one);
          }
          if (reserve !== null) set.reserve(reserve);
          expect([...set.proposedWords]).toEqual([...fresh.values()].flat());
          expect([set.size, set.proposals]).toEqual([oracle.size + fresh.size, fresh.size]);
          for (const one of all) expect(set.has(...one)).toBe(oracle.has(asBigint(one)) || fresh.has(asBigint(one)));
          if (kept) {
            set.keep();
            for (const one of fresh.keys()) oracle.add(one);
          } else {
            set.takeBack();
          }
          for (const one of added) {
            expect(set.add(...one)).toBe(!oracle.has(asBigint(one)));
            oracle.add(asBigint(one));
          }
          expect([set.size, set.proposals]).toEqual([oracle.size, 0]);
          for (const one of all) expect(set.has(...one)).toBe(oracle.has(asBigint(one)));
        }
      }),
    );
  });

  test('takes nothing for certain behind what may be taken back', () => {
    const set = new U64Set();
    set.propose(1, 1);
    expect(() => set.add(2, 2)).toThrow('taken back');
    set.takeBack();
    expect(set.add(2, 2)).toBe(true);
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
