import { Stamps } from '@weir/common/stamps';
import fc from 'fast-check';

const nanosOf = (stamps: Stamps) => BigInt(stamps.sec) * 1_000_000_000n + BigInt(stamps.nanos);

test('a stamp is the time, to the microsecond, with the digits of this relay behind it', () => {
  const stamps = new Stamps(42);
  stamps.next(1_478_507_534_415.525);
  expect(nanosOf(stamps)).toBe(1_478_507_534_415_525_042n);
});

test('no two stamps are the same, whatever the clock does', () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 0, max: 5 }), { maxLength: 200 }), (times) => {
      const stamps = new Stamps(7);
      const seen = times.map((ms) => {
        stamps.next(1_478_507_534_000 + ms);
        return nanosOf(stamps);
      });
      expect(new Set(seen).size).toBe(seen.length);
      expect(seen).toEqual([...seen].sort((a, b) => Number(a - b)));
    }),
  );
});

test('stamps of one moment stay close to it', () => {
  const stamps = new Stamps(0);
  for (let i = 0; i < 1000; i++) stamps.next(1_478_507_534_000);
  expect(nanosOf(stamps)).toBe(1_478_507_534_000_999_000n);
});
