import { LineCutter, type Piece } from '@weir/cli/sending/line-cutter';
import { MAX_LINE_BYTES } from '@weir/common/event';
import fc from 'fast-check';

/** Everything in chunks of so many bytes. */
function cut(text: string, chunkBytes: number, options: Partial<ConstructorParameters<typeof LineCutter>[0]> = {}) {
  const cutter = new LineCutter({ maxLines: 1_000, maxBytes: 1_000_000, fromLine: 1, ...options });
  const bytes = Buffer.from(text);
  const pieces: Piece[] = [];
  for (let at = 0; at < bytes.length; at += chunkBytes) pieces.push(...cutter.cut(bytes.subarray(at, at + chunkBytes)));
  pieces.push(...cutter.end());
  return pieces;
}

test('however it comes, every line is in one piece, whole, once and in order', () => {
  const inputs = fc.record({
    text: fc.string({ unit: fc.constantFrom('a', 'b', '\n', '\n', '\r', 'ü') }),
    chunkBytes: fc.integer({ min: 1, max: 7 }),
    maxLines: fc.integer({ min: 1, max: 4 }),
    maxBytes: fc.integer({ min: 1, max: 9 }),
    fromLine: fc.integer({ min: 1, max: 5 }),
  });
  fc.assert(
    fc.property(inputs, ({ text, chunkBytes, ...options }) => {
      const pieces = cut(text, chunkBytes, options);
      const lines = text.split('\n');
      if (lines.at(-1) === '') lines.pop();
      const wanted = lines.slice(options.fromLine - 1).map((line) => `${line}\n`);
      expect(Buffer.concat(pieces.map(({ bytes }) => bytes)).toString()).toBe(wanted.join(''));
      let next = options.fromLine;
      for (const { firstLine, lineCount, bytes } of pieces) {
        expect(firstLine).toBe(next);
        expect(bytes.toString().split('\n')).toHaveLength(lineCount + 1);
        expect(lineCount).toBeLessThanOrEqual(options.maxLines);
        next += lineCount;
      }
      if (pieces.length > 0) expect(pieces.at(-1)!.inputBytes).toBe(Buffer.byteLength(text));
    }),
  );
});

test('of a line without an end it holds no more than shows that it is too long, and goes on behind it', () => {
  const [long, next] = cut(`${'x'.repeat(5 * MAX_LINE_BYTES)}y\ngood\n`, 10_000, { maxLines: 1 });
  expect(long).toMatchObject({ firstLine: 1, lineCount: 1 });
  expect(long!.bytes.length).toBe(MAX_LINE_BYTES + 3);
  expect(next).toMatchObject({ firstLine: 2, lineCount: 1, inputBytes: 5 * MAX_LINE_BYTES + 7 });
  expect(next!.bytes.toString()).toBe('good\n');
});
