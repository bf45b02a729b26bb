import { decodeText } from '@weir/common/json-text';
import fc from 'fast-check';

/** The text of a JSON string, written with its quotes. */
function decode(json: string): string | undefined {
  const bytes = Buffer.from(json);
  const target = new Uint8Array(bytes.length);
  const length = decodeText(bytes, 1, bytes.length - 1, target);
  return length < 0 ? undefined : Buffer.from(target.subarray(0, length)).toString();
}

const escapedAll = (text: string) =>
  `"${text.replace(/[\s\S]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`)}"`;

test('every text is read back, however much of it is escaped', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme' }), (text) => {
      expect(decode(JSON.stringify(text))).toBe(text);
      expect(decode(escapedAll(text))).toBe(text);
      expect(decode(escapedAll(text).toUpperCase().replaceAll('\\U', '\\u'))).toBe(text);
    }),
  );
});

test('the short escapes are what JSON says', () => {
  expect(decode('"\\"\\\\\\/\\b\\f\\n\\r\\t"')).toBe('"\\/\b\f\n\r\t');
});

test.each(['"\\ud83d"', '"\\ude00\\ud83d"', '"\\ud83dx\\ude00"', '"\\ud83d\\n"', '"a\\udfff"'])(
  'half of a surrogate pair is no character: %s',
  (json) => {
    expect(decode(json)).toBeUndefined();
  },
);

test('the first and last character of each length are written right', () => {
  for (const code of [0x00, 0x7f, 0x80, 0x7ff, 0x800, 0xffff, 0x10000, 0x10ffff]) {
    const text = String.fromCodePoint(code);
    expect(decode(escapedAll(text))).toBe(text);
  }
});
