import { type PlainLine, readPlainLine } from '@weir/common/line-plain';
import { LINE, LineScanner, type Span } from '@weir/common/line-protocol';
import fc from 'fast-check';

/** Most are plain, and some are what stands in a plain line's place and is none. */
const name = fc.oneof(
  { weight: 8, arbitrary: fc.stringMatching(/^[!-+\--<>-[\]-~]{1,8}$/) },
  fc.constantFrom(
    '',
    'a=b',
    'a,b',
    'a\\ b',
    'a b',
    '"a"',
    'é',
    'x\u0001',
    'n'.repeat(128),
    'n'.repeat(129),
    'u'.repeat(257),
  ),
);
const time = fc.oneof(
  { weight: 8, arbitrary: fc.stringMatching(/^[0-8][0-9]{18}$/) },
  fc.constantFrom(
    '',
    '1',
    '-1478507534415525888',
    '9223372036854775806',
    '9223372036854775807',
    '14785075344155258888',
    'now',
  ),
);
const line = fc
  .tuple(
    fc.constantFrom('event_type=', 'event_type=', 'event_type=', 'event-type=', 'clicks,event_type='),
    name,
    fc.constantFrom(',product=', ',product=', ',product=', ',host=a,product=', ',Product='),
    name,
    fc.constantFrom(' value=', ' value=', ' value=', '  value=', ' n=1,value='),
    name,
    fc.constantFrom(' ', ' ', ' ', '  ', ',n=1 ', ''),
    time,
    fc.constantFrom('', '', '', ' ', '\r'),
  )
  .map((parts) => parts.join(''));

const text = (span: Span) => span.toString();

/** A space before the line makes the scanner judge it by itself, and changes nothing else. */
function judged(source: string, shift: number) {
  const scanner = new LineScanner();
  const bytes = Buffer.from(`${' '.repeat(shift)}${source}`);
  const kind = scanner.scan(bytes, 0, bytes.length, 'ns');
  const { reason } = scanner;
  if (kind !== LINE.userEvent) return { kind, reason };
  const { eventType, product, username, hasId, hasTimestamp, timestampNegative, timestampSec, timestampNanos } =
    scanner;
  const { contentStart, keyEnd, fieldsEnd, timestampStart, timestampEnd } = scanner;
  const places = [contentStart, keyEnd, fieldsEnd, ...(hasTimestamp ? [timestampStart, timestampEnd] : [])];
  return {
    kind,
    reason,
    names: [eventType, product, username].map(text),
    hasId,
    time: hasTimestamp && { timestampNegative, timestampSec, timestampNanos },
    places: places.map((place) => place - shift),
  };
}

test('a plain line is judged as the scanner judges it without the short way, and so is one that is not', () => {
  fc.assert(
    fc.property(line, (source) => {
      expect(judged(source, 0)).toEqual(judged(source, 1));
    }),
    { numRuns: 3_000 },
  );
});

test('the short way is taken by plain lines, and by no others', () => {
  const found = {} as PlainLine;
  const isPlain = (source: string) => readPlainLine(Buffer.from(source), 0, Buffer.byteLength(source), found);
  const plain = 'event_type=click,product=shop value=ann 1478507534415525888';
  expect(isPlain(plain)).toBe(true);
  expect(plain.slice(found.usernameStart, found.usernameEnd)).toBe('ann');
  expect([found.sec, found.nanos]).toEqual([1_478_507_534, 415_525_888]);
  for (const other of [
    plain.replace('click', 'cl\\ ick'),
    plain.replace('ann', '"ann"'),
    plain.replace('ann', 'ann,id="1"'),
    plain.replace('shop', 'shop,host=a'),
    plain.replace(' 1478507534415525888', ''),
    plain.replace('1478507534', '9223372036'),
    `clicks,${plain}`,
    '',
  ]) {
    expect(isPlain(other)).toBe(false);
  }
});
