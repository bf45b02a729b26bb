import {
  LINE,
  type LineKind,
  LineScanner,
  type Precision,
  REJECT_REASONS,
  type Span,
} from '@weir/common/line-protocol';
import fc from 'fast-check';
import { generatedLine, messyBytes, precision } from '../../support/generated-lines.ts';

/** WEIR_SEED=<n> and WEIR_RUNS=<n> try other lines and more of them; a failure names its seed. */
const SEED = process.env.WEIR_SEED === undefined ? {} : { seed: Number(process.env.WEIR_SEED) };
const RUNS = Number(process.env.WEIR_RUNS ?? 5_000);
const TIME_LIMIT_MS = 60_000 + RUNS * 5;

const scanner = new LineScanner(64 * 1024);

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
    { numRuns: RUNS, ...SEED },
  );
});

/** All that a scan says, its places counted from where the line begins. */
function sayings(by: LineScanner, bytes: Buffer, start: number, end: number, unit: Precision): unknown[] {
  const kind: LineKind = by.scan(bytes, start, end, unit);
  if (kind === LINE.blank) return [kind];
  if (kind === LINE.rejected) return [kind, by.reason, by.detail];
  const { hasId, hasTimestamp, timestampNegative, timestampSec, timestampNanos } = by;
  const time = [by.timestampStart - start, by.timestampEnd - start, timestampNegative, timestampSec, timestampNanos];
  const spans: Span[] = [by.eventType, by.product, by.username, ...(hasId ? [by.id] : [])];
  return [
    kind,
    ...[by.contentStart, by.keyEnd, by.fieldsEnd].map((at) => at - start),
    hasTimestamp ? time : [],
    kind === LINE.userEvent ? spans.map(String) : [],
  ];
}

const line = fc.oneof(messyBytes, generatedLine);
const surroundings = fc.tuple(messyBytes, messyBytes);

test(
  'a judgement depends on nothing around the line',
  () => {
    fc.assert(
      fc.property(line, surroundings, surroundings, precision, (bytes, ...[around, otherwise, unit]) => {
        const judged = [[Buffer.alloc(0), Buffer.alloc(0)], around, otherwise].map(([before, after]) => {
          const body = Buffer.concat([before!, bytes, after!]);
          return sayings(scanner, body, before!.length, before!.length + bytes.length, unit);
        });
        expect(judged[1]).toEqual(judged[0]);
        expect(judged[2]).toEqual(judged[0]);
      }),
      { numRuns: RUNS, ...SEED },
    );
  },
  TIME_LIMIT_MS,
);

test(
  'a judgement does not depend on the lines before it',
  () => {
    fc.assert(
      fc.property(line, line, precision, precision, (first, second, unit, other) => {
        const fresh = sayings(new LineScanner(64 * 1024), second, 0, second.length, unit);
        scanner.scan(first, 0, first.length, other);
        expect(sayings(scanner, second, 0, second.length, unit)).toEqual(fresh);
      }),
      { numRuns: RUNS / 2, ...SEED },
    );
  },
  TIME_LIMIT_MS,
);

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
