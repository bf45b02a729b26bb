import {
  formatBatchIdentity,
  MAX_BATCH_BYTES,
  parseBatchIdentity,
  parseStreamEntry,
  type StreamEntry,
} from '@weir/common/batch';
import fc from 'fast-check';

const incarnation = fc.string({ unit: fc.constantFrom(...'0123456789abcdef'), minLength: 16, maxLength: 16 });
const relayId = fc.string({ minLength: 1, maxLength: 20 });
const sequence = fc.integer({ min: 1, max: 9_999_999_999_999_99 });

describe('a batch identity', () => {
  test('reads as relay, incarnation and sequence, joined by colons', () => {
    expect(formatBatchIdentity({ relayId: 'relay-1', incarnation: '00112233445566ff', sequence: 7 })).toBe(
      'relay-1:00112233445566ff:7',
    );
  });

  test('comes back from its text, also when the relay is named with colons, spaces or newlines', () => {
    fc.assert(
      fc.property(
        fc.oneof(relayId, fc.constantFrom('a:b', ':', 'a:0011223344556677:3', 'a\nb', '🦦')),
        incarnation,
        sequence,
        (relayId, incarnation, sequence) => {
          const identity = { relayId, incarnation, sequence };
          expect(parseBatchIdentity(formatBatchIdentity(identity))).toEqual(identity);
        },
      ),
    );
  });

  test.each([
    ['no relay', ':0011223344556677:1'],
    ['an incarnation too short', 'a:001122334455667:1'],
    ['an incarnation in capitals', 'a:00112233445566FF:1'],
    ['sequence 0', 'a:0011223344556677:0'],
    ['a sequence with a zero before it', 'a:0011223344556677:01'],
    ['a sequence past what a number holds', 'a:0011223344556677:12345678901234567'],
    ['a newline at the end', 'a:0011223344556677:1\n'],
    ['nothing', ''],
  ])('is none with %s', (_what, text) => {
    expect(parseBatchIdentity(text)).toBeUndefined();
  });
});

function fields(entries: Readonly<Record<string, string>>): Buffer[] {
  return Object.entries(entries).flatMap(([name, value]) => [Buffer.from(name), Buffer.from(value)]);
}

const WHOLE = { b: 'relay-1:0011223344556677:1', t: '1478507534000', n: '2', d: 'line 1\nline 2\n' };

describe('a stream entry', () => {
  test('is read with its fields in any order, and keeps the bytes of its lines', () => {
    const lines = Buffer.from([0xff, 0x00, 0x0a]);
    const given = [...fields({ n: '1', t: '5', b: 'x' }), Buffer.from('d'), lines];
    expect(parseStreamEntry('5-0', given)).toEqual<StreamEntry>({
      id: '5-0',
      batch: 'x',
      receivedMs: 5,
      lineCount: 1,
      lines,
    });
  });

  test('has a key and line numbers only when it came with an Idempotency-Key', () => {
    expect(parseStreamEntry('5-0', fields(WHOLE))).toEqual({
      id: '5-0',
      batch: WHOLE.b,
      receivedMs: 1_478_507_534_000,
      lineCount: 2,
      lines: Buffer.from(WHOLE.d),
    });
    expect(parseStreamEntry('5-0', fields({ ...WHOLE, k: 'order 7', l: '3,9' }))).toMatchObject({
      idempotencyKey: 'order 7',
      lineNumbers: '3,9',
    });
  });

  test('ignores fields of later versions', () => {
    expect(parseStreamEntry('5-0', fields({ ...WHOLE, z: '1' }))).toEqual(parseStreamEntry('5-0', fields(WHOLE)));
  });

  test.each(['b', 't', 'n', 'd'] as const)('is none without %s', (missing) => {
    const { [missing]: _, ...rest } = WHOLE;
    expect(parseStreamEntry('5-0', fields(rest))).toBeUndefined();
  });

  test.each([
    ['a time that is no number', { t: 'now' }],
    ['a broken number of lines', { n: '1.5' }],
    ['no lines', { n: '0' }],
    ['fewer than no lines', { n: '-1' }],
    ['a number of lines past counting', { n: '9007199254740993' }],
  ])('is none with %s', (_what, wrong) => {
    expect(parseStreamEntry('5-0', fields({ ...WHOLE, ...wrong }))).toBeUndefined();
  });

  test('may hold a mebibyte of lines', () => {
    expect(MAX_BATCH_BYTES).toBe(2 ** 20);
  });
});
