import {
  address,
  addressOrOff,
  byteSize,
  duration,
  formatAddress,
  formatDuration,
  integer,
  keyPrefix,
  maskUrl,
  name,
  oneOf,
  onOff,
  redisAddress,
  redisUrl,
  secret,
  type ValueType,
} from '@weir/common/setting-values';
import fc from 'fast-check';

const read = <T>(type: ValueType<T>, text: string): T | undefined => type.schema.safeParse(text).data;

describe('addresses', () => {
  test.each([
    ['127.0.0.1:9600', { host: '127.0.0.1', port: 9600 }],
    ['localhost:0', { host: 'localhost', port: 0 }],
    ['[::1]:65535', { host: '::1', port: 65_535 }],
  ])('%s is read and written back', (text, expected) => {
    expect(read(address, text)).toEqual(expected);
    expect(formatAddress(expected)).toBe(text);
  });

  test.each(['', ':9600', '127.0.0.1', '127.0.0.1:65536', '::1:9600', '[::g]:1', 'a b:1', 'host:-1', '[::1]', 'off'])(
    '%j is none',
    (text) => expect(read(address, text)).toBeUndefined(),
  );

  test('off is an answer only where it is allowed', () => {
    expect(read(addressOrOff, 'off')).toBe('off');
    expect(read(addressOrOff, '[::1]:1')).toEqual({ host: '::1', port: 1 });
    expect(read(addressOrOff, 'OFF')).toBeUndefined();
  });
});

describe('durations', () => {
  test.each([
    ['0ms', 0],
    ['500ms', 500],
    ['60s', 60_000],
    ['15m', 900_000],
    ['6h', 21_600_000],
    ['7d', 604_800_000],
  ])('%s becomes %d ms', (text, ms) => expect(read(duration(), text)).toBe(ms));

  test.each(['', '5', '5 s', '-5s', '1.5s', '5S', 's', '99999999999999d'])('%j is none', (text) =>
    expect(read(duration(), text)).toBeUndefined(),
  );

  test('bounds are kept and told', () => {
    const bounded = duration({ minMs: 1_000, maxMs: 60_000 });
    expect(read(bounded, '999ms')).toBeUndefined();
    expect(read(bounded, '1m')).toBe(60_000);
    expect(read(bounded, '61s')).toBeUndefined();
    expect(bounded.expected).toContain('from 1s to 1m');
  });

  test('what is written is read back as the same', () => {
    fc.assert(fc.property(fc.nat(864_000_000), (ms) => read(duration(), formatDuration(ms)) === ms));
  });
});

test.each([
  ['0', 0],
  ['512', 512],
  ['512B', 512],
  ['1KB', 1_000],
  ['64MiB', 67_108_864],
  ['1GB', 1_000_000_000],
  ['2TiB', 2 * 2 ** 40],
  ['64mib', undefined],
  ['1.5GB', undefined],
  ['1 GB', undefined],
  ['99999999TB', undefined],
])('the size %j is %p bytes', (text, bytes) => expect(read(byteSize(), text)).toBe(bytes));

test('whole numbers keep their bounds and take no other notation', () => {
  const between = integer(-1, 10);
  expect(['-1', '0', '10'].map((text) => read(between, text))).toEqual([-1, 0, 10]);
  for (const text of ['', '11', '-2', '1.0', '1e1', '0x1', ' 1', '9999999999999999999']) {
    expect(read(between, text)).toBeUndefined();
  }
});

test('a name is printable, without spaces, of at most 128 bytes', () => {
  for (const text of ['a', 'az1.relay:7', 'größe', '__proto__', 'x'.repeat(128)]) expect(read(name, text)).toBe(text);
  for (const text of ['', 'a b', 'a\tb', 'a\u0000', '\u202e', 'x'.repeat(129), 'é'.repeat(65)]) {
    expect(read(name, text)).toBeUndefined();
  }
});

test('a prefix has no braces, which would move the hash tags of the keys', () => {
  expect(read(keyPrefix, 'weir')).toBe('weir');
  expect(read(keyPrefix, 'a{b')).toBeUndefined();
  expect(read(keyPrefix, '}')).toBeUndefined();
});

test('enumerations name their values', () => {
  const identity = oneOf('content', 'arrival');
  expect(read(identity, 'content')).toBe('content');
  expect(read(identity, 'toString')).toBeUndefined();
  expect(identity.expected).toBe('content or arrival');
  expect(oneOf('a', 'b', 'c').expected).toBe('one of a, b, c');
  expect([read(onOff, 'true'), read(onOff, 'false'), read(onOff, 'yes')]).toEqual([true, false, undefined]);
});

describe('Redis URLs', () => {
  test.each(['redis://127.0.0.1:6379', 'rediss://host', 'redis://u:p%40w@h:1/3', 'redis://:pw@[::1]:7'])(
    '%s is kept as it is',
    (text) => expect(read(redisUrl, text)).toBe(text),
  );

  test.each(['', 'redis', 'http://h', 'redis://', 'redis:///1', 'redis://h/db', 'redis://h:99999'])(
    '%j is none',
    (text) => expect(read(redisUrl, text)).toBeUndefined(),
  );

  test('the address leaves user and password out', () => {
    expect(redisAddress('redis://u:pw@h')).toBe('h:6379');
    expect(redisAddress('rediss://:pw@[::1]:7/2')).toBe('[::1]:7');
  });
});

test.each([
  ['redis://u:pw@h:1', 'redis://u:***@h:1'],
  ['redis://:p:w@h', 'redis://:***@h'],
  ['redis//u:pw@h', 'redis//u:***@h'],
  ['u:pw@h:6379', 'u:***@h:6379'],
  ['redis://u:p/w?@@h', 'redis://u:***@h'],
  ['http://h:8086?db=a&u=me&p=pw', 'http://h:8086?db=a&u=me&p=***'],
  ['http://h?org=o&bucket=b&token=abc==&name=x', 'http://h?org=o&bucket=b&token=***&name=x'],
  ['redis://h:6379', 'redis://h:6379'],
])('%s is shown as %s', (text, shown) => expect(maskUrl(text)).toBe(shown));

test('a secret is never shown', () => expect(secret().show('abc')).toBe('***'));
