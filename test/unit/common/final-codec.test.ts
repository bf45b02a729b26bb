import { decodeFinal, encodeFinal } from '@weir/common/final-codec';
import { encodeTotals } from '@weir/common/totals-codec';

const groups = (count: number) =>
  Array.from({ length: count }, (_, i) => ({
    eventType: `type ${i % 7}`,
    product: `product ${i}`,
    events: (i * 7919) % 5003,
    users: (i * 104_729) % 1009,
  }));

test('a final record keeps every group, names of any kind and numbers of any size among them', () => {
  const all = [
    ...groups(1_000),
    { eventType: '__proto__', product: 'é'.repeat(64), events: Number.MAX_SAFE_INTEGER, users: 1 },
  ];
  expect(decodeFinal(encodeFinal(all))).toEqual(all);
  expect(decodeFinal(encodeFinal([]))).toEqual([]);
});

test('takes less than a third of the bytes of its totals', () => {
  const plain = encodeTotals({ version: { length: 0, nonce: '' }, groups: groups(1_000) });
  expect(encodeFinal(groups(1_000)).length * 3).toBeLessThan(plain.length);
});

test('one that an earlier version wrote is read as well', () => {
  const plain = encodeTotals({ version: { length: 0, nonce: '' }, groups: groups(3) });
  expect(decodeFinal(plain)).toEqual(groups(3));
});

test('one of a form that is not known yet, or cut short, is refused', () => {
  expect(() => decodeFinal(Buffer.of(2, 0, 0))).toThrow(RangeError);
  expect(() => decodeFinal(Buffer.alloc(0))).toThrow(RangeError);
  expect(() => decodeFinal(encodeFinal(groups(100)).subarray(0, 200))).toThrow();
});
