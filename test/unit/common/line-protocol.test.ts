import { LINE, LineScanner } from '@weir/common/line-protocol';

const scanner = new LineScanner(64 * 1024);

/** What a test wants to see of one line. The line stands amid other bytes, which the scanner must not look at. */
function scan(line: string | Uint8Array) {
  const before = Buffer.from('x,event_type=wrong,');
  const body = Buffer.concat([before, Buffer.from(line), Buffer.from('999"\\=,product=wrong value=wrong 1')]);
  const kind = scanner.scan(body, before.length, body.length - 34, 'ns');
  if (kind === LINE.rejected) return { rejected: scanner.reason };
  if (kind === LINE.other) return 'other';
  if (kind === LINE.blank) return 'blank';
  const { eventType, product, username } = scanner;
  return [
    eventType.toString(),
    product.toString(),
    username.toString(),
    scanner.hasTimestamp ? `${scanner.timestampSec}.${String(scanner.timestampNanos).padStart(9, '0')}` : undefined,
    ...(scanner.hasId ? [scanner.id.toString()] : []),
  ];
}

const user = (...[eventType, product, username, id]: string[]) => [
  eventType,
  product,
  username,
  undefined,
  ...(id === undefined ? [] : [id]),
];
const rejected = (reason: string) => ({ rejected: reason });

describe('a line in the bare form', () => {
  test.each<[string, unknown]>([
    ['event_type=a,product=b value=u', user('a', 'b', 'u')],
    ['product=b,event_type=a value=u', user('a', 'b', 'u')],
    ['event_type=a,host=x,product=b,zone=y value=u', user('a', 'b', 'u')],
    ['event_type=a,product=b n=3i,value=u,text=anything', user('a', 'b', 'u')],
    ['event_type=a,product=b value=u,id=7', user('a', 'b', 'u', '7')],
    ['event_type=a,product=b value=u,id="x y"', user('a', 'b', 'u', 'x y')],
    ['event_type=a,product=b value=u,id=""', user('a', 'b', 'u', '')],
    ['  event_type=a,product=b   value=u  ', user('a', 'b', 'u')],
    ['event_type=a,product=b value=u\r', user('a', 'b', 'u')],
  ])('is a user event: %s', (line, expected) => expect(scan(line)).toEqual(expected));

  test.each(['17', '1i', '1e5', 't', 'TRUE', '-1.5', 'NaN', 'a=b', 'a"b', 'a\\b', '__proto__', 'Ünï', '🙂', '{}'])(
    'takes an unquoted value for the username, whatever it looks like: %s',
    (name) => expect(scan(`event_type=a,product=b value=${name},x=1 `)).toEqual(user('a', 'b', name)),
  );

  test('takes the content of a quoted value for the username', () => {
    expect(scan('event_type=a,product=b value="user 1, x=\\"y\\" \\\\ \\z"')).toEqual(
      user('a', 'b', 'user 1, x="y" \\ \\z'),
    );
  });

  test('ends an unquoted value at the first space or comma that is not escaped', () => {
    expect(scan('event_type=a,product=b value=u\\ 1\\,\\=2,n=1 5')).toEqual(['a', 'b', 'u 1,=2', '0.000000005']);
    expect(scan('event_type=a,product=b value=u v')).toEqual(rejected('timestamp'));
    expect(scan('event_type=a,product=b value=u,v')).toEqual(rejected('syntax'));
  });

  test.each<[string, unknown]>([
    ['event_type=a,host=x value=1', 'other'],
    ['event_type=a value="u" 5', 'other'],
    ['product=a,product=b value=t', 'other'],
    ['event_type=a,product=b count=1', 'other'],
    ['event_type=a,host=x value=u', rejected('missing-tag')],
    ['product=a value=u', rejected('missing-tag')],
    ['event_type=a,product=b user=u', rejected('missing-value')],
    ['event_type=a,product=b', rejected('missing-value')],
    ['event_type=a,product=b ', rejected('missing-value')],
    ['event_type=a,product=b 1478507534415525888', rejected('missing-value')],
    ['event_type=a,product=b value=', rejected('syntax')],
    ['event_type=,product=b value=u', rejected('missing-tag')],
    ['event_type=a,product= value=u', rejected('syntax')],
    ['event_type=http-5xx,produ', rejected('syntax')],
  ])('that lacks something is judged as line protocol: %s', (line, expected) => expect(scan(line)).toEqual(expected));
});

describe('a line with a measurement', () => {
  test.each<[string, unknown]>([
    ['m,event_type=a,product=b value="u"', user('a', 'b', 'u')],
    ['m,product=b,host=x,event_type=a n=3i,value="u",ok=t,f=-1.5e3', user('a', 'b', 'u')],
    ['m,event_type=a,product=b value=bob', user('a', 'b', 'bob')],
    ['m,event_type=a,product=b value=tr', user('a', 'b', 'tr')],
    ['m,event_type=a,product=b value=1x', user('a', 'b', '1x')],
    ['m,event_type=a,product=b value=bob,n=garbage', user('a', 'b', 'bob')],
    ['m\\ m\\,m=m,event_type=a,product=b value="u"', user('a', 'b', 'u')],
    ['a"b,event_type=a,product=b value="u"', user('a', 'b', 'u')],
    ['m,event_type=a,product=b value="1",id=9i 3', ['a', 'b', '1', '0.000000003', '9i']],
  ])('is a user event: %s', (line, expected) => expect(scan(line)).toEqual(expected));

  test.each([
    '1',
    '1.5',
    '-1',
    '.5',
    '5.',
    '1i',
    '-1i',
    '1u',
    '1e5',
    '1E-5',
    '1.5e+5',
    't',
    'T',
    'true',
    'True',
    'TRUE',
    'f',
    'F',
    'false',
    'False',
    'FALSE',
  ])('is an other line when its bare value reads as a number or boolean: %s', (value) =>
    expect(scan(`m,event_type=a,product=b value=${value} 5`)).toEqual('other'),
  );

  test.each(['-', '.', 'e5', '1e', '1.5i', '-1u', 'NaN', '1i2', 'truE', '1-', '--1'])(
    'is a user event when its bare value reads as neither: %s',
    (value) => expect(scan(`m,event_type=a,product=b value=${value}`)).toEqual(user('a', 'b', value)),
  );

  test.each(['9223372036854775808i', '18446744073709551616u', '1e999', `1${'0'.repeat(500)}i`])(
    'is rejected when its value is a number out of range: %s',
    (value) => expect(scan(`m,event_type=a,product=b value=${value}`)).toEqual(rejected('syntax')),
  );
});

describe('an other line', () => {
  test.each([
    'cpu,host=a usage=0.5 1478507534415525888',
    'cpu usage=0.5',
    'cpu usage=1i,name="x y, z=\\"",ok=t',
    'cpu\\ 1,ho\\=st=a\\,b us\\ age=1',
    'cpu,host=a  usage=0.5  5  ',
    'cpu,host==a usage=1',
    'cpu n=9223372036854775807i,m=-9223372036854775808i,u=18446744073709551615u',
    'cpu text=""',
  ])('is valid line protocol: %s', (line) => expect(scan(line)).toBe('other'));

  test.each([
    'cpu',
    'cpu ',
    'cpu,',
    'cpu, usage=1',
    ',host=a usage=1',
    'cpu,host usage=1',
    'cpu,=a usage=1',
    'cpu,host= usage=1',
    'cpu,host=a=b usage=1',
    'cpu,host=a,host=b usage=1',
    'cpu,z=1,h\\,o=a,y=2,h\\,o=b usage=1',
    'cpu usage',
    'cpu usage=',
    'cpu usage=,x=1',
    'cpu usage=1,',
    'cpu usage=1,x',
    'cpu =1',
    'cpu usage=1,=2',
    'cpu usage=abc',
    'cpu usage=1,x=1.5i',
    'cpu usage="abc',
    'cpu usage="abc\\"',
    'cpu usage="abc"d',
    'cpu usage=1 abc',
    'cpu usage=1 1.5',
    'cpu usage=1 5 6',
    'cpu id=abc',
  ])('is rejected when it is not: %s', (line) => expect(scan(line)).toHaveProperty('rejected'));
});

test.each([
  ['cpu usage=1', 'cpu'],
  ['  cpu\\ 1,ho\\,st=a\\ b,c==d   usage=1 5', 'cpu\\ 1,ho\\,st=a\\ b,c==d'],
  ['event_type=a,product=b   value=u 5', 'event_type=a,product=b'],
  ['m,event_type=a,product=b value="u v"', 'm,event_type=a,product=b'],
])('measurement and tags end where the scanner says: %s', (text, key) => {
  const line = Buffer.from(text);
  scanner.scan(line, 0, line.length, 'ns');
  expect(line.toString('latin1', scanner.contentStart, scanner.keyEnd)).toBe(key);
});

describe('escapes', () => {
  test.each<[string, string]>([
    ['a\\,b', 'a,b'],
    ['a\\ b', 'a b'],
    ['a\\=b', 'a=b'],
    ['\\,\\ \\=', ', ='],
    ['a\\b', 'a\\b'],
    ['a\\\\b', 'a\\\\b'],
    ['a\\\\\\,b', 'a\\\\,b'],
    ['a\\\\,b', 'a\\,b'],
    ['a"b"', 'a"b"'],
    ['\\n', '\\n'],
    ['=a', '=a'],
  ])('in a tag stand before comma, space and equals sign only: %s', (written, read) => {
    expect(scan(`event_type=${written},product=b value=u`)).toEqual(user(read, 'b', 'u'));
    expect(scan(`m,product=${written},event_type=b value="u"`)).toEqual(user('b', read, 'u'));
  });

  test('do not make a name: an escaped name is another name', () => {
    expect(scan('m,event\\_type=a,product=b value="u"')).toBe('other');
    expect(scan('m,event_type=a,product=b valu\\e="u"')).toBe('other');
  });

  test('may stand in all names at once', () => {
    expect(scan('event_type=a\\ a,product=b\\,b,x\\ y=z value=c\\=c,id=d\\ d 5')).toEqual([
      'a a',
      'b,b',
      'c=c',
      '0.000000005',
      'd d',
    ]);
  });

  test.each(['event_type=a,product=b value=u\\', 'event_type=a,product=b\\', 'event_type=a,product=b value=u,n=1\\\r'])(
    'that would escape what follows the line are rejected: %s',
    (line) => expect(scan(line)).toEqual(rejected('trailing-backslash')),
  );

  test('of the space behind a tag take the field for the tag', () => {
    expect(scan('event_type=a,product=b\\ value=u 5')).toEqual(rejected('syntax'));
  });
});

describe('what stands twice', () => {
  test.each([
    'event_type=a,product=b,product=c value=u',
    'event_type=a,product=b,event_type=a value=u',
    'm,event_type=a,event_type=b,product=c value="u"',
    'event_type=a,product=b value=u,value=v',
    'm,event_type=a,product=b value="u",value=1i',
    'event_type=a,product=b value=u,id=1,id=1',
  ])('is rejected where it makes two readings: %s', (line) => expect(scan(line)).toEqual(rejected('syntax')));

  test('is ignored in what is ignored', () => {
    expect(scan('event_type=a,product=b,x=1,x=2 value=u,n=1,n=2')).toEqual(user('a', 'b', 'u'));
  });
});

describe('limits', () => {
  const name = (bytes: number) => 'x'.repeat(bytes);

  test.each<[number, number, number, boolean]>([
    [1, 1, 1, true],
    [128, 128, 256, true],
    [129, 1, 1, false],
    [1, 129, 1, false],
    [1, 1, 257, false],
    [1, 1, 0, false],
  ])('event type %i, product %i, username %i bytes: %s', (eventType, product, username, ok) => {
    const line = `event_type=${name(eventType)},product=${name(product)} value="${name(username)}"`;
    expect(scan(line)).toEqual(ok ? user(name(eventType), name(product), name(username)) : rejected('name-length'));
  });

  test('count bytes, not characters, and not the backslashes of escapes', () => {
    expect(scan(`event_type=a,product=b value=${'ä'.repeat(129)}`)).toEqual(rejected('name-length'));
    expect(scan(`event_type=${'\\,'.repeat(128)},product=b value=u`)).toEqual(user(','.repeat(128), 'b', 'u'));
  });

  test('a line may have 64 KiB and not one byte more', () => {
    const line = 'event_type=a,product=b value=u,n="';
    const full = `${line}${name(65_536 - line.length - 1)}"`;
    expect(scan(full)).toEqual(user('a', 'b', 'u'));
    expect(scan(`${full} `)).toEqual(rejected('too-long'));
    expect(scan('\\,'.repeat(5_000_000))).toEqual(rejected('too-long'));
  });

  test('a scanner of normalised lines has room for the timestamp that a relay added', () => {
    const line = Buffer.from(`event_type=a,product=b value=u,n="${name(65_536 - 35)}" 1478507534415525888`);
    expect(new LineScanner().scan(line, 0, line.length, 'ns')).toBe(LINE.userEvent);
  });
});

describe('bytes that are no text', () => {
  const places = [
    'event_type=a?,product=b value=u',
    'event_type=a,product=b,x?=y value=u',
    'event_type=a,product=b value=u?',
    'event_type=a,product=b value="u?"',
    'event_type=a,product=b value=u,n?=1',
    'event_type=a,product=b value=u,n="?" 5',
    '?m,event_type=a,product=b value="u"',
    'cpu,host=? usage=1',
  ];
  const fill = (place: string, bytes: number[]) => {
    const [before, after] = place.split('?') as [string, string];
    return Buffer.concat([Buffer.from(before), Buffer.from(bytes), Buffer.from(after)]);
  };

  test.each(places)('are rejected anywhere: %s', (place) => {
    for (const control of [0, 1, 9, 0x0b, 0x1f, 0x7f]) {
      expect(scan(fill(place.replace(/^\?/, 'x?'), [control]))).toEqual(rejected('control-character'));
    }
    for (const bad of [
      [0xff],
      [0xc0, 0xaf],
      [0xed, 0xa0, 0x80],
      [0xf4, 0x90, 0x80, 0x80],
      [0xe2, 0x82],
      [0x80],
      [0xf0, 0x9f],
    ]) {
      expect(scan(fill(place, bad))).toEqual(rejected('invalid-utf8'));
    }
  });

  test('include a carriage return, unless it ends the line', () => {
    expect(scan('event_type=a,product=b value=u\rv')).toEqual(rejected('control-character'));
    expect(scan('event_type=a,product=b value=u\r')).toEqual(user('a', 'b', 'u'));
  });

  test('are rejected behind the fields too', () => {
    expect(scan('event_type=a,product=b value=u 5\0')).toEqual(rejected('control-character'));
    expect(scan('event_type=a,product=b value=u \t5')).toEqual(rejected('control-character'));
    expect(scan('event_type=a,product=b value=u\r\r')).toEqual(rejected('control-character'));
  });
});

test.each(['', ' ', '\t \t', '\r', '#', '# a comment', '  #event_type=a,product=b value=u', '#\0\xff'])(
  'a comment or an empty line is blank: %j',
  (line) => expect(scan(line)).toBe('blank'),
);

test('a rejection comes with a sentence for a human', () => {
  expect(scan('event_type=a,product=b value=\u0007')).toEqual(rejected('control-character'));
  expect(scanner.detail).toBe('control character 0x07 at byte 30');
});
