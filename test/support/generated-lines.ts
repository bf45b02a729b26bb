import { PRECISIONS, type Precision } from '@weir/common/line-protocol';
import fc from 'fast-check';

const NEWLINE = 0x0a;

/**
 * Lines as clients send them and as they never should: line protocol and the bare form in all their variety, numbers and
 * times at the limits of their types, then often broken in a few places. No line holds a newline.
 */
export const precision = fc.constantFrom<Precision>(...PRECISIONS);

const letters = fc.string({
  unit: fc.constantFrom('a', 'b', 'c', 'é', '🦦', '1', '-', '.'),
  minLength: 1,
  maxLength: 3,
});
/** Everything that gives lines their structure, or that a name should not hold, as it comes. */
const messy = fc.string({
  unit: fc.constantFrom('a', 'b', '"', '\\', '\\\\', '\\,', '\\ ', '\\=', '\\"', '=', '#', 'é', '\u2028', '\ufffd'),
  minLength: 1,
  maxLength: 5,
});
const escaped = fc
  .string({ unit: fc.constantFrom('a', 'b', ' ', ',', '=', '"', '\\'), minLength: 1, maxLength: 5 })
  .map((text) => text.replace(/[,= ]/g, '\\$&'));
const text = fc.oneof(
  { weight: 8, arbitrary: letters },
  { weight: 4, arbitrary: escaped },
  { weight: 1, arbitrary: messy },
);
const named = (...names: string[]) =>
  fc.oneof({ weight: 4, arbitrary: fc.constantFrom(...names) }, { weight: 1, arbitrary: text });

const measurement = named('cpu', 'm', 'event_type=a', 'product=b', 'a\\ b', '#m');
const tag = fc
  .tuple(named('event_type', 'product', 'host', 'a\\,b', 'time', 'value', '__proto__'), text)
  .map((pair) => pair.join('='));
const quoted = fc
  .string({ unit: fc.constantFrom('a', ' ', ',', '=', '\\"', '\\\\', '\\a', 'é', '#', '1i'), maxLength: 5 })
  .map((content) => `"${content}"`);
const number = fc.constantFrom(
  ...['0', '1', '-1', '1.5', '.5', '5.', '-.5', '00.10', '1e5', '1E-5', '1.e5', '-1.5e+5', '1e308', '1e-400'],
  ...['9007199254740993', '123456789012345678901234567890', '0.1234567890123456789012345678901'],
  ...['17976931348623157e292', `1${'0'.repeat(308)}`, `0.${'0'.repeat(450)}1`, `${'0'.repeat(450)}1`],
  ...['0i', '1i', '-1i', '-0i', '007i', '9223372036854775807i', '-9223372036854775808i', `${'0'.repeat(450)}1i`],
);
const noNumber = fc.constantFrom(
  ...['1e', '1e+', '.e5', '.', '-', '+1', '1e309', '-1e309', '1.7976931348623159e308', `1${'0'.repeat(309)}`, '1 '],
  ...[
    '1.5i',
    '1e5i',
    '-i',
    'i',
    '1ii',
    '1i2',
    '1i ',
    '--1',
    '1-1',
    '1e5e5',
    '1.5.5',
    '1_0',
    '0x10',
    'NaN',
    'Inf',
    '-Inf',
  ],
  ...['9223372036854775808i', '-9223372036854775809i', `-${'0'.repeat(30)}9223372036854775809i`, 'nan', 'n', 'N'],
  ...[
    '1u',
    '0u',
    '-1u',
    '18446744073709551615u',
    '18446744073709551616u',
    'tRUE',
    'tr',
    'falsey',
    'T1',
    'i',
    'u',
    '1iu',
  ],
);
const word = fc.constantFrom('t', 'T', 'true', 'True', 'TRUE', 'f', 'F', 'false', 'False', 'FALSE');
const value = fc.oneof(
  { weight: 10, arbitrary: number },
  { weight: 10, arbitrary: quoted },
  { weight: 3, arbitrary: word },
  { weight: 2, arbitrary: noNumber },
  { weight: 1, arbitrary: text },
);
const field = fc
  .tuple(named('value', 'value', 'id', 'f', 'g', 'f\\ g', 'time', '__proto__'), value)
  .map((pair) => pair.join('='));

const digits = fc.constantFrom(
  ...['0', '1', '5', '007', '1478507534415525888', '1478507534', '1478507534415', '24641792', '410696', '2562047'],
  ...['9223372036854775805', '9223372036854775806', '9223372036854775', '9223372036854', '9223372036', '153722867'],
  ...['0'.repeat(30), `${'0'.repeat(30)}5`],
);
const tooMany = fc.constantFrom(
  ...['9223372036854775807', '9223372036854775808', '18446744073709551617', '9223372036854776', '9223372036855'],
  ...['9223372037', '153722868', '2562048', '9'.repeat(30), '-', '+1', '1.5', '1i', '1e9', '5 5', '- 5', '--5', '"5"'],
);
const timestamp = fc.oneof(
  { weight: 4, arbitrary: fc.constant('') },
  { weight: 6, arbitrary: digits },
  { weight: 3, arbitrary: digits.map((number) => `-${number}`) },
  { weight: 3, arbitrary: fc.bigInt(-(2n ** 21n), 2n ** 21n).map(String) },
  { weight: 1, arbitrary: fc.bigInt(-(2n ** 63n), 2n ** 63n).map(String) },
  { weight: 1, arbitrary: tooMany },
  { weight: 1, arbitrary: tooMany.map((number) => `-${number}`) },
);
const gap = fc.oneof(
  { weight: 20, arbitrary: fc.constant(' ') },
  { weight: 1, arbitrary: fc.constantFrom('  ', '\t', ' \t ', '', '\0') },
);
const margin = fc.oneof(
  { weight: 20, arbitrary: fc.constant('') },
  { weight: 1, arbitrary: fc.constantFrom(' ', '\t', '\0', '\r', ' \r', '#', '# ', '\r\r') },
);

const sound = fc
  .tuple(
    margin,
    fc.oneof(
      { weight: 4, arbitrary: fc.tuple(measurement, fc.array(tag, { maxLength: 4 })).map(([m, tags]) => [m, ...tags]) },
      { weight: 1, arbitrary: fc.array(tag, { minLength: 1, maxLength: 4 }) },
      { weight: 1, arbitrary: text.map((name) => ['m', `event_type=${name}`, 'product=b']) },
      { weight: 1, arbitrary: text.map((name) => ['event_type=a', `product=${name}`]) },
    ),
    gap,
    fc.array(field, { minLength: 1, maxLength: 3 }),
    gap,
    timestamp,
    margin,
  )
  .map(([before, key, gap1, fields, gap2, time, after]) => `${before}${key}${gap1}${fields}${gap2}${time}${after}`);

const eventTags = fc
  .tuple(
    text,
    text,
    fc.array(
      tag.filter((pair) => !/^(?:event_type|product)=/.test(pair)),
      { maxLength: 2 },
    ),
  )
  .map(([eventType, product, more]) => [`event_type=${eventType}`, `product=${product}`, ...more]);
/** A user event, and mostly a good one. */
export const userEventText = fc
  .tuple(
    fc.constantFrom('', '', 'm,', 'clicks,host=a,'),
    eventTags,
    fc.oneof(quoted, text, number),
    fc.array(
      field.filter((pair) => !pair.startsWith('value=')),
      { maxLength: 1 },
    ),
    timestamp,
  )
  .map(([before, tags, user, more, time]) => `${before}${tags} value=${[user, ...more]} ${time}`);

/** A mebibyte is not needed to find out: the limits of a line are near 64 KiB. */
const long = fc
  .tuple(fc.constantFrom('tag', 'name', 'text', 'line', 'measurement'), fc.integer({ min: 65_500, max: 65_545 }))
  .map(([what, bytes]) => {
    const fill = (before: string, after: string) => before + 'x'.repeat(bytes - before.length - after.length) + after;
    if (what === 'tag') return fill('m,host=', ' f=1');
    if (what === 'name') return fill('m ', '=1');
    if (what === 'text') return fill('m f="', '" 5');
    if (what === 'line') return fill('m f=1 ', '');
    return fill('', ' f=1');
  });
const manyTags = fc
  .constantFrom(99, 100, 101, 150, 199, 200, 201, 300, 400, 800)
  .map((count) => `m,${Array.from({ length: count }, (_, i) => `t${i}=x`)} f=1`);
const longName = fc
  .tuple(fc.constantFrom('event_type', 'product', 'value'), fc.constantFrom(127, 128, 129, 256, 257))
  .map(([which, bytes]) => {
    const [eventType, product, user] = ['event_type', 'product', 'value'].map((name) => (name === which ? bytes : 1));
    return `m,event_type=${'e'.repeat(eventType!)},product=${'p'.repeat(product!)} value="${'u'.repeat(user!)}"`;
  });

const pieces = fc.constantFrom(
  ...[
    '\\',
    '\\\\',
    '"',
    '=',
    ',',
    ' ',
    '\t',
    '\r',
    '\0',
    '\x7f',
    '\x1b',
    '#',
    '1',
    'i',
    't',
    '-',
    'é',
    '🦦',
    ',,',
    '==',
  ],
  ...['event_type=a', ',product=b', ' value=u', ',value="u"', ',id=1', 'time=1', ' 5', ',f=1', '\\ ', '\\,', '\\='],
);
const piece = fc.oneof(
  { weight: 12, arbitrary: pieces.map((part) => Buffer.from(part)) },
  {
    weight: 1,
    arbitrary: fc.constantFrom([0xff], [0xc3], [0xed, 0xa0, 0x80], [0xf0, 0x9f]).map((bytes) => Buffer.from(bytes)),
  },
);
/** Leaves out `remove` bytes at a share `at` of the line and puts something in their place. */
const edit = fc.record({
  at: fc.noBias(fc.double({ min: 0, max: 1, noNaN: true })),
  remove: fc.constantFrom(0, 0, 0, 1, 1, 2, 8),
  insert: fc.option(piece, { nil: Buffer.alloc(0), freq: 3 }),
});

function edited(line: Buffer, { at, remove, insert }: { at: number; remove: number; insert: Buffer }): Buffer {
  const from = Math.round(at * line.length);
  return Buffer.concat([line.subarray(0, from), insert, line.subarray(from + remove)]);
}

export const generatedLine = fc
  .tuple(
    fc.oneof(
      { weight: 100, arbitrary: sound },
      { weight: 30, arbitrary: userEventText },
      { weight: 3, arbitrary: longName },
      { weight: 1, arbitrary: long },
      { weight: 1, arbitrary: manyTags },
    ),
    fc.oneof(
      { weight: 3, arbitrary: fc.constant([]) },
      { weight: 2, arbitrary: fc.array(edit, { minLength: 1, maxLength: 3 }) },
    ),
  )
  .map(([line, edits]) => edits.reduce(edited, Buffer.from(line)))
  .filter((line) => !line.includes(NEWLINE));

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
/** May hold newlines. */
export const messyBytes = fc
  .array(
    fc.oneof(
      { weight: 8, arbitrary: structure.map((text) => Buffer.from(text)) },
      { weight: 1, arbitrary: fc.uint8Array({ maxLength: 4 }).map((bytes) => Buffer.from(bytes)) },
    ),
    { maxLength: 40 },
  )
  .map((parts) => Buffer.concat(parts));

/** Hardly ever a sound line, and of any bytes. */
export const brokenLine = messyBytes.filter((line) => !line.includes(NEWLINE));
