import { LINE, LineScanner, PRECISIONS, type Precision, REJECT_REASONS } from '@weir/common/line-protocol';
import fc from 'fast-check';

const scanner = new LineScanner(64 * 1024);

/** Everything that gives line protocol its structure, much more often than chance would have it. */
const structure = fc.constantFrom(
  ...[
    'event_type',
    'product',
    'value',
    'id',
    '=',
    ',',
    ' ',
    '\\',
    '"',
    '\n',
    '\r',
    '\0',
    '#',
    '1',
    '-',
    't',
    '1i',
    '🙂',
    'x',
  ],
  ...['event_type=a,product=b value=u', 'm,event_type=a,product=b value="u"', ' 1478507534415525888'],
);
const messyBytes = fc
  .array(
    fc.oneof(
      { weight: 8, arbitrary: structure.map((text) => Buffer.from(text)) },
      { weight: 1, arbitrary: fc.uint8Array({ maxLength: 4 }).map((bytes) => Buffer.from(bytes)) },
    ),
    { maxLength: 40 },
  )
  .map((parts) => Buffer.concat(parts));
const precision = fc.constantFrom<Precision>(...PRECISIONS);

/** Throws when anything outside of [start, end) is read. */
function guarded(bytes: Buffer, start: number, end: number): Uint8Array {
  return new Proxy(bytes, {
    get(target, key) {
      const index = typeof key === 'string' && /^-?[0-9]+$/.test(key) ? Number(key) : undefined;
      if (index !== undefined && (index < start || index >= end)) throw new Error(`read at ${index}`);
      const value = Reflect.get(target, key, target);
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
}

test('any bytes at all are judged, with nothing read beyond the line', () => {
  fc.assert(
    fc.property(messyBytes, fc.nat(8), precision, (line, before, unit) => {
      const body = Buffer.concat([Buffer.alloc(before, '\\'), line, Buffer.from('"\\')]);
      const end = before + line.length;
      const kind = scanner.scan(guarded(body, before, end), before, end, unit);
      expect(Object.values(LINE)).toContain(kind);
      if (kind === LINE.rejected) expect(REJECT_REASONS).toContain(scanner.reason);
      if (kind === LINE.userEvent) {
        for (const span of [scanner.eventType, scanner.product]) {
          expect(span.end - span.start).toBeGreaterThan(0);
          expect(span.end - span.start).toBeLessThanOrEqual(128);
        }
        expect(scanner.username.end - scanner.username.start).toBeLessThanOrEqual(256);
      }
    }),
    { numRuns: 5_000 },
  );
});

test('a judgement does not depend on the lines before it', () => {
  const seen = (kind: number) =>
    kind === LINE.userEvent
      ? [
          kind,
          ...[scanner.eventType, scanner.product, scanner.username].map(String),
          scanner.hasId,
          scanner.hasTimestamp,
        ]
      : [kind, scanner.reason];
  fc.assert(
    fc.property(messyBytes, messyBytes, (first, second) => {
      const fresh = new LineScanner(64 * 1024);
      const kind = fresh.scan(second, 0, second.length, 'ns');
      scanner.scan(first, 0, first.length, 'ns');
      expect(scanner.scan(second, 0, second.length, 'ns')).toBe(kind);
      if (kind !== LINE.blank)
        expect(seen(kind)[1]).toEqual(kind === LINE.userEvent ? fresh.eventType.toString() : fresh.reason);
    }),
    { numRuns: 2_000 },
  );
});

// biome-ignore lint/suspicious/noControlCharactersInRegex: what no name may hold
const CONTROL = /[\u0000-\u001f\u007f]/;
const nameOf = (maxBytes: number) =>
  fc
    .oneof(
      fc.constantFrom(
        '__proto__',
        'constructor',
        'toString',
        'a b',
        'a,b',
        'a=b',
        '🙂',
        '#',
        '"',
        '"quoted"',
        'true',
        '1i',
        ' x ',
      ),
      fc.string({ unit: 'grapheme', minLength: 1, maxLength: 60 }),
      fc.string({ unit: fc.constantFrom('a', ' ', ',', '=', '"', '🙂'), minLength: 1, maxLength: 40 }),
    )
    .filter((name) => !CONTROL.test(name) && Buffer.byteLength(name) <= maxBytes);
// In a tag, a backslash that stands before an escapable character (or at the end) cannot be written.
const tagText = nameOf(128).filter((name) => !/\\(?:[,= \\]|$)/.test(name));
const username = nameOf(256);

const escapeTag = (name: string) => name.replace(/[,= ]/g, '\\$&');
const quote = (name: string) => `"${name.replace(/["\\]/g, '\\$&')}"`;

test('what a client writes with the usual escapes is read back byte by byte', () => {
  fc.assert(
    fc.property(
      tagText,
      tagText,
      username,
      fc.option(username, { nil: undefined }),
      fc.bigInt(0n, 2n ** 63n - 2n),
      fc.boolean(),
      (eventType, product, user, id, timestamp, measured) => {
        const tags = [`event_type=${escapeTag(eventType)}`, `product=${escapeTag(product)}`];
        const fields = [`value=${quote(user)}`, ...(id === undefined ? [] : [`id=${quote(id)}`])];
        const line = Buffer.from(
          measured ? `m\\ n,x=y,${tags.reverse()} n=1i,${fields} ${timestamp}` : `${tags} ${fields} ${timestamp}`,
        );
        expect(scanner.scan(line, 0, line.length, 'ns')).toBe(LINE.userEvent);
        expect([scanner.eventType, scanner.product, scanner.username].map(String)).toEqual([eventType, product, user]);
        expect(scanner.hasId ? scanner.id.toString() : undefined).toBe(id);
        expect(BigInt(scanner.timestampSec) * 1_000_000_000n + BigInt(scanner.timestampNanos)).toBe(timestamp);
      },
    ),
    { numRuns: 2_000 },
  );
});

test('a bare username is read back with its escapes', () => {
  fc.assert(
    fc.property(
      tagText.filter((name) => !name.startsWith('"')),
      (user) => {
        const line = Buffer.from(`event_type=a,product=b value=${escapeTag(user)} 5`);
        expect(scanner.scan(line, 0, line.length, 'ns')).toBe(LINE.userEvent);
        expect(scanner.username.toString()).toBe(user);
      },
    ),
  );
});
