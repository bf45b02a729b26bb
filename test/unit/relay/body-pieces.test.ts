import { BodyPieces } from '@weir/relay/body-pieces';
import fc from 'fast-check';

test('whatever the sizes of the pieces, the body is their bytes in order', () => {
  const size = fc.oneof(fc.integer({ min: 0, max: 40 }), fc.integer({ min: 30_000, max: 70_000 }));
  fc.assert(
    fc.property(fc.array(size, { maxLength: 60 }), (sizes) => {
      const pieces = new BodyPieces();
      const sent = sizes.map((bytes, i) => Buffer.alloc(bytes, i + 1));
      for (const piece of sent) pieces.add(piece);
      const body = Buffer.concat(sent);
      expect(pieces.bytes).toBe(body.length);
      expect(pieces.whole().equals(body)).toBe(true);
    }),
  );
});

test('a body that comes in one piece is not copied', () => {
  const pieces = new BodyPieces();
  const piece = Buffer.alloc(40_000);
  pieces.add(piece);
  expect(pieces.whole()).toBe(piece);
});

test('small pieces are copied, and need not be kept', () => {
  const pieces = new BodyPieces();
  const byte = Buffer.alloc(1);
  for (let i = 0; i < 200_000; i++) {
    byte[0] = i;
    pieces.add(byte);
  }
  expect(pieces.whole().equals(Buffer.from(Array.from({ length: 200_000 }, (_, i) => i & 0xff)))).toBe(true);
});
