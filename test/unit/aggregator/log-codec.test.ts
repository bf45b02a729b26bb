import {
  decodeRecord,
  encodeRecord,
  type LogRecord,
  NO_VERSION,
  NONCE_BYTES,
  sameVersion,
} from '@weir/aggregator/log-codec';
import fc from 'fast-check';

const NONCE = Buffer.from('00112233445566778899aabbccddeeff', 'hex');

const nameBytes = fc.uint8Array({ maxLength: 255 });
const u32 = fc.integer({ min: 0, max: 0xffffffff });
const words = (pairs: number) =>
  fc.array(u32, { minLength: pairs * 2, maxLength: pairs * 2 }).map((n) => Uint32Array.from(n));
const record: fc.Arbitrary<LogRecord> = fc
  .array(fc.record({ group: u32, events: fc.nat(5), users: fc.nat(5) }), { maxLength: 5 })
  .chain((sections) =>
    fc.record({
      newGroups: fc.array(fc.record({ eventTypeBytes: nameBytes, productBytes: nameBytes }), { maxLength: 4 }),
      sections: fc.constant(sections),
      identities: words(sections.reduce((sum, { events }) => sum + events, 0)),
      users: words(sections.reduce((sum, { users }) => sum + users, 0)),
    }),
  );
const nonce = fc.uint8Array({ minLength: NONCE_BYTES, maxLength: NONCE_BYTES });

function pairs(view: DataView): number[] {
  return Array.from({ length: view.byteLength / 4 }, (_, i) => view.getUint32(i * 4, true));
}

describe('a log record', () => {
  test('is laid out as its file says, byte by byte', () => {
    const bytes = encodeRecord(
      {
        newGroups: [{ eventTypeBytes: Buffer.from('ab'), productBytes: Buffer.from('c') }],
        sections: [{ group: 1, events: 2, users: 1 }],
        identities: Uint32Array.of(0x01020304, 0x05060708, 0xfffefdfc, 0xfbfaf9f8),
        users: Uint32Array.of(0x80000000, 1),
      },
      NONCE,
    );
    const parts = ['45000000', '01000000', '026162', '0163', '01000000', '010000000200000001000000'];
    parts.push('0403020108070605', 'fcfdfefff8f9fafb', '0000008001000000', NONCE.toString('hex'));
    expect(bytes.toString('hex')).toBe(parts.join(''));
    expect(bytes.length).toBe(0x45);
  });

  test('comes back as it went in, wherever in the log it stands', () => {
    fc.assert(
      fc.property(record, nonce, fc.nat(20), fc.nat(20), (given, nonce, before, after) => {
        const bytes = encodeRecord(given, nonce);
        const log = Buffer.concat([Buffer.alloc(before, 0xee), bytes, Buffer.alloc(after, 0xee)]);
        const read = decodeRecord(log, before)!;
        expect(read.end).toBe(before + bytes.length);
        expect(read.nonce).toBe(Buffer.from(nonce).toString('hex'));
        expect(read.newGroups.map(({ eventTypeBytes: e, productBytes: p }) => [[...e], [...p]])).toEqual(
          given.newGroups.map(({ eventTypeBytes: e, productBytes: p }) => [[...e], [...p]]),
        );
        expect(read.sections).toEqual(given.sections);
        expect(pairs(read.identities)).toEqual([...given.identities]);
        expect(pairs(read.users)).toEqual([...given.users]);
      }),
    );
  });

  test('ends with its nonce', () => {
    fc.assert(
      fc.property(record, nonce, (given, nonce) => {
        expect([...encodeRecord(given, nonce).subarray(-NONCE_BYTES)]).toEqual([...nonce]);
      }),
    );
  });

  test('is not there yet while any of its bytes is missing', () => {
    fc.assert(
      fc.property(
        record,
        nonce,
        fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
        (given, nonce, part) => {
          const bytes = encodeRecord(given, nonce);
          expect(decodeRecord(bytes.subarray(0, Math.floor(part * bytes.length)), 0)).toBeUndefined();
        },
      ),
    );
  });

  test('that is torn is an error, not a record: counts that do not fit its length', () => {
    const bytes = encodeRecord(
      {
        newGroups: [{ eventTypeBytes: Buffer.from('ab'), productBytes: Buffer.from('c') }],
        sections: [{ group: 0, events: 1, users: 1 }],
        identities: Uint32Array.of(1, 2),
        users: Uint32Array.of(3, 4),
      },
      NONCE,
    );
    for (const at of [4, 8, 13, 21, 25]) {
      const torn = Buffer.from(bytes);
      torn[at]!++;
      expect(() => decodeRecord(torn, 0)).toThrow(expect.objectContaining({ name: 'RangeError' }));
    }
  });

  test('with any one byte changed is either a record of the same length or an error, and never reads for ever', () => {
    fc.assert(
      fc.property(record, nonce, fc.nat(), fc.integer({ min: 1, max: 255 }), (given, nonce, place, change) => {
        const log = encodeRecord(given, nonce);
        const { length } = log;
        log[4 + (place % (length - 4))]! ^= change;
        let read: ReturnType<typeof decodeRecord>;
        try {
          read = decodeRecord(log, 0);
        } catch (error) {
          expect(error).toMatchObject({ name: 'RangeError' });
          return;
        }
        expect(read?.end).toBe(length);
      }),
      { numRuns: 1_000 },
    );
  });

  test.each([0, 4, 27])('that claims to have %d bytes is an error: no record is that small', (bytes) => {
    const log = Buffer.alloc(100);
    log.writeUInt32LE(bytes, 0);
    expect(() => decodeRecord(log, 0)).toThrow(RangeError);
  });

  test.each([0, 15, 17])('is not made with a nonce of %d bytes', (length) => {
    const empty = { newGroups: [], sections: [], identities: new Uint32Array(), users: new Uint32Array() };
    expect(() => encodeRecord(empty, Buffer.alloc(length))).toThrow(RangeError);
  });
});

test('a version is the same only with the same length and the same nonce', () => {
  const version = { length: 40, nonce: NONCE.toString('hex') };
  expect(sameVersion(version, { ...version })).toBe(true);
  expect(sameVersion(version, { ...version, length: 41 })).toBe(false);
  expect(sameVersion(version, { ...version, nonce: 'ff'.repeat(16) })).toBe(false);
  expect(sameVersion(version, NO_VERSION)).toBe(false);
});
