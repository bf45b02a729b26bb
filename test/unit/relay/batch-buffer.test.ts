import { BatchBuffer, writeNanoseconds } from '@weir/relay/batch-buffer';
import fc from 'fast-check';

const source = Buffer.from('before|a line|after');

test('lines are kept one after the other, each ended by a newline', () => {
  const buffer = new BatchBuffer(1000);
  buffer.add(source, 7, 13);
  buffer.addStamped(source, 7, 13, 1_478_507_534, 15);
  expect(buffer.lineCount).toBe(2);
  expect(buffer.take().toString()).toBe('a line\na line 1478507534000000015\n');
  expect([buffer.length, buffer.lineCount]).toEqual([0, 0]);
});

test('what was taken does not change when the buffer is used again', () => {
  const buffer = new BatchBuffer(1000);
  buffer.add(source, 0, 6);
  const taken = buffer.take();
  buffer.add(source, 7, 13);
  expect(taken.toString()).toBe('before\n');
});

test('a buffer grows to its bound and says what fits', () => {
  const line = Buffer.alloc(999, 'x');
  const buffer = new BatchBuffer(100_000);
  let lines = 0;
  for (; buffer.fits(line.length + 1); lines++) buffer.add(line, 0, line.length);
  expect(lines).toBe(100);
  expect(buffer.take().toString()).toBe(`${'x'.repeat(999)}\n`.repeat(100));
});

test('a timestamp is written in nanoseconds, without leading zeros', () => {
  fc.assert(
    fc.property(fc.bigInt(-(2n ** 63n) + 1n, 2n ** 63n - 1n), (nanoseconds) => {
      const bytes = Buffer.alloc(24);
      const sec = Number(nanoseconds / 1_000_000_000n);
      const end = writeNanoseconds(bytes, 2, sec, Number(nanoseconds % 1_000_000_000n));
      expect(bytes.toString('latin1', 2, end)).toBe(nanoseconds.toString());
    }),
    { examples: [[0n], [7n], [-7n], [-1_000_000_000n], [999_999_999n], [1_000_000_000n], [2n ** 63n - 1n]] },
  );
});
