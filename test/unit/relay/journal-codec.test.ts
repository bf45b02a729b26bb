import { crc32, crc32ByTable } from '@weir/relay/crc32';
import type { JournalBatch } from '@weir/relay/journal';
import { decodeRecord, encodeHead, encodeRecord, readSegment } from '@weir/relay/journal-codec';
import fc from 'fast-check';

const head = { relayId: 'az1', incarnation: '00112233445566ff' };

const bytesOf = (partition: number, batch: JournalBatch) => Buffer.concat(encodeRecord(partition, batch));

const record = fc.record({
  partition: fc.nat(1023),
  batch: fc
    .record({
      sequence: fc.integer({ min: 1, max: 2 ** 47 }),
      receivedMs: fc.integer({ min: 0, max: 2 ** 47 }),
      lineCount: fc.nat(2 ** 31),
      lines: fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes)),
      key: fc.option(fc.string({ maxLength: 20, unit: 'grapheme' })),
    })
    .map(({ key, ...batch }) => (key === null ? batch : { ...batch, idempotencyKey: key, lineNumbers: '1,20,300' })),
});
const written = fc.array(record, { maxLength: 6 });

function segment(records: readonly { partition: number; batch: JournalBatch }[]): Buffer {
  return Buffer.concat([encodeHead(head), ...records.map(({ partition, batch }) => bytesOf(partition, batch))]);
}

function readBack(bytes: Buffer) {
  return readSegment(bytes).records.map(({ position, bytes: length }) =>
    decodeRecord(bytes.subarray(position, position + length)),
  );
}

test('what was written is read back, byte by byte', () => {
  fc.assert(
    fc.property(written, (records) => {
      const bytes = segment(records);
      const read = readSegment(bytes);
      expect(read).toMatchObject({ head, end: bytes.length, state: 'whole' });
      expect(readBack(bytes)).toEqual(records);
      expect(read.records.map(({ partition, sequence, receivedMs }) => ({ partition, sequence, receivedMs }))).toEqual(
        records.map(({ partition, batch: { sequence, receivedMs } }) => ({ partition, sequence, receivedMs })),
      );
    }),
  );
});

test('cut anywhere, it is a beginning of what was written, and torn unless cut between records', () => {
  fc.assert(
    fc.property(written, fc.nat(), (records, cut) => {
      const whole = segment(records);
      const bytes = whole.subarray(0, cut % whole.length);
      const back = readBack(bytes);
      expect(back).toEqual(records.slice(0, back.length));
      const { state, end, head: found } = readSegment(bytes);
      expect(state).toBe(found !== undefined && end === bytes.length ? 'whole' : 'torn');
    }),
  );
});

test('with any bit turned over it is a beginning of what was written, and never whole', () => {
  fc.assert(
    fc.property(written, fc.nat(), (records, flip) => {
      const bytes = segment(records);
      const bit = flip % (bytes.length * 8);
      bytes[bit >> 3] = bytes[bit >> 3]! ^ (1 << (bit & 7));
      const back = readBack(bytes);
      expect(back.length).toBeLessThan(Math.max(1, records.length));
      expect(back).toEqual(records.slice(0, back.length));
      expect(readSegment(bytes).state).not.toBe('whole');
    }),
  );
});

test('damage in the middle is told from a torn end by the records behind it', () => {
  const batch = (sequence: number) => ({ sequence, receivedMs: 5, lineCount: 1, lines: Buffer.from('a line\n') });
  const records = [1, 2, 3].map((sequence) => ({ partition: 7, batch: batch(sequence) }));
  const middle = segment(records);
  const [, second, third] = readSegment(middle).records;
  middle[second!.position + 40] = 0;
  expect(readSegment(middle)).toMatchObject({ end: second!.position, state: 'damaged' });
  const last = segment(records);
  last[third!.position + 40] = 0;
  expect(readSegment(last)).toMatchObject({ end: third!.position, state: 'torn' });
  const noHead = segment(records);
  noHead[9] = 0;
  expect(readSegment(noHead)).toEqual({ head: undefined, records: [], end: 0, state: 'damaged' });
  const zeroes = Buffer.concat([segment(records), Buffer.alloc(4096)]);
  expect(readSegment(zeroes)).toMatchObject({ end: segment(records).length, state: 'torn' });
});

test('the table and the native sum agree, also over parts', () => {
  // The check value of CRC-32/ISO-HDLC.
  expect(crc32ByTable(Buffer.from('123456789'))).toBe(0xcbf43926);
  fc.assert(
    fc.property(fc.uint8Array(), fc.uint8Array(), (a, b) => {
      expect(crc32ByTable(b, crc32ByTable(a))).toBe(crc32(Buffer.concat([a, b])));
    }),
  );
});
