import { readWriteRequest, uncompressSnappy } from '../../../bench/peers/remote-write.ts';

describe('a Snappy block', () => {
  test('of literals and copies of every kind comes out as it went in', () => {
    const block = Buffer.from([
      27,
      ...[(5 - 1) << 2, ...Buffer.from('abcde')],
      // Copies with one, two and four bytes of offset; the first overlaps what it writes.
      ...[((6 - 4) << 2) | 1, 2],
      ...[((3 - 1) << 2) | 2, 11, 0],
      ...[((3 - 1) << 2) | 3, 14, 0, 0, 0],
      // A literal whose length stands in a byte of its own.
      ...[60 << 2, 10 - 1, ...Buffer.from('0123456789')],
    ]);
    expect(uncompressSnappy(block).toString()).toBe('abcdedededeabcabc0123456789');
  });

  test('that lies is refused', () => {
    expect(() => uncompressSnappy(Buffer.from([3, 1 << 2, 97, 98]))).toThrow(RangeError);
    expect(() => uncompressSnappy(Buffer.from([4, 1, 9]))).toThrow(RangeError);
  });
});

describe('a write request', () => {
  /** Tag and bytes of one field; small messages only. */
  const field = (number: number, bytes: Buffer) =>
    Buffer.concat([Buffer.from([(number << 3) | 2, bytes.length]), bytes]);
  const label = (name: string, value: string) =>
    field(1, Buffer.concat([field(1, Buffer.from(name)), field(2, Buffer.from(value))]));
  const sample = (value: number) => {
    const double = Buffer.alloc(8);
    double.writeDoubleLE(value);
    return field(2, Buffer.concat([Buffer.from([(1 << 3) | 1]), double, Buffer.from([2 << 3, 0x80, 0x01])]));
  };

  test('brings labels and values, and metadata beside them is passed by', () => {
    const series = field(
      1,
      Buffer.concat([label('__name__', 'events'), label('product', 'a'), sample(7), sample(0.5)]),
    );
    const metadata = field(3, Buffer.from([8, 1]));
    expect(readWriteRequest(Buffer.concat([series, metadata]))).toEqual([
      {
        labels: new Map([
          ['__name__', 'events'],
          ['product', 'a'],
        ]),
        values: [7, 0.5],
      },
    ]);
  });
});
