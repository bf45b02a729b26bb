import { JSON_KIND, JsonScanner, MAX_DEPTH, skipBlank } from '@weir/common/json-scanner';
import fc from 'fast-check';

const scanner = new JsonScanner();

/** Whether the text is one JSON value and nothing else; otherwise what is wrong, and where. */
function judge(text: string): true | string {
  const bytes = Buffer.from(text);
  const start = skipBlank(bytes, 0, bytes.length);
  const after = scanner.value(bytes, start, bytes.length);
  if (after < 0) return `${scanner.fault} at ${scanner.faultAt}`;
  return skipBlank(bytes, after, bytes.length) === bytes.length || `more at ${after}`;
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    return false;
  }
}

test.each<[string, number]>([
  ['"a\\u00e9\\n\\/"', JSON_KIND.string],
  ['-12.50e+7', JSON_KIND.number],
  ['123456789012345678901234567890', JSON_KIND.number],
  ['0', JSON_KIND.number],
  ['{ "a" : [ 1 , { } , [ ] ] , "b":{"c":null} }', JSON_KIND.object],
  ['[]', JSON_KIND.array],
  ['[[[1]],{"a":[]}]', JSON_KIND.array],
  ['true', JSON_KIND.literal],
])('%s is a value', (text, kind) => {
  expect(judge(text)).toBe(true);
  expect(scanner.kind).toBe(kind);
});

test.each([
  ['', 'a value is missing at 0'],
  ['nul', 'a value is missing at 0'],
  ['[1,]', 'a value is missing at 3'],
  ['[1 2]', 'a comma or a closing bracket is missing at 3'],
  ['[1}', 'a comma or a closing bracket is missing at 2'],
  ['{"a":1', 'a comma or a closing bracket is missing at 6'],
  ['{"a" 1}', 'a colon is missing at 5'],
  ['{"a":1,}', 'a key in quotes is missing at 7'],
  ['{a:1}', 'a key in quotes is missing at 1'],
  ['"a', 'a string has no end at 0'],
  ['"a\\', 'a string has no end at 0'],
  ['"\\x"', 'an escape is unknown at 1'],
  ['"\\u12g4"', 'an escape is not complete at 1'],
  ['-', 'a number has no digits at 0'],
  ['1.', 'a number has no digits behind its point at 0'],
  ['1e+', 'a number has no digits in its exponent at 0'],
  ['01', 'more at 1'],
])('%j is none, and it says where', (text, expected) => {
  expect(judge(text)).toBe(expected);
});

test('nesting has a bound, which no input can overflow', () => {
  const nested = (depth: number) => `${'['.repeat(depth)}${']'.repeat(depth)}`;
  expect(judge(nested(MAX_DEPTH))).toBe(true);
  expect(judge(nested(MAX_DEPTH + 1))).toBe(`nested more than ${MAX_DEPTH} deep at ${MAX_DEPTH}`);
  expect(judge('{"a":'.repeat(1_000_000))).toMatch(/^nested more than/);
});

test('whatever JSON.stringify writes is a value, with white space or without', () => {
  fc.assert(
    fc.property(fc.jsonValue({ depthSize: 'medium' }), fc.constantFrom(undefined, 1, '\t\r\n'), (value, space) => {
      expect(judge(JSON.stringify(value, undefined, space))).toBe(true);
    }),
    { numRuns: 1_000 },
  );
});

const pieces = ['{', '}', '[', ']', '"', ':', ',', '\\', ' ', '0', '1', '.', 'e', '-', '"a"', '"a":', 'null', 'true'];
const messy = fc.array(fc.constantFrom(...pieces, '\\u00e9', '\\n', '🙂', '\n'), { maxLength: 12 });

test('what it takes and refuses is what JSON.parse does', () => {
  fc.assert(
    fc.property(messy, (parts) => {
      const text = parts.join('');
      // The one thing it is lenient about, on purpose.
      fc.pre(!/"[^"]*\n/.test(text));
      expect(judge(text) === true).toBe(isJson(text));
    }),
    { numRuns: 20_000 },
  );
});

test('control characters in a string are left to whoever reads it', () => {
  expect(judge('"a\0\n"')).toBe(true);
  expect([scanner.textStart, scanner.textEnd]).toEqual([1, 4]);
});

test('nothing beyond the end is read', () => {
  const bytes = Buffer.from('{"a":"\\u00e9","b":[1.5e3,null]}');
  for (let end = 0; end < bytes.length; end++) expect(scanner.value(bytes, 0, end)).toBe(-1);
});
