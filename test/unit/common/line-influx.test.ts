import { LINE, LineScanner } from '@weir/common/line-protocol';

/** What InfluxDB refuses although its form is sound; the differential test shows that it does. */
const scanner = new LineScanner(64 * 1024);

function scan(text: string) {
  const line = Buffer.from(text);
  const kind = scanner.scan(line, 0, line.length, 'ns');
  return kind === LINE.rejected ? scanner.detail : kind === LINE.other ? 'other' : kind;
}

const tags = (count: number) => Array.from({ length: count }, (_, i) => `t${i}=x`).join(',');
const name = (bytes: number) => 'x'.repeat(bytes);

test.each([
  ['cpu,time=1 usage=1', 'no tag can be named time'],
  ['cpu,host=a,time=1 usage=1', 'no tag can be named time'],
  ['cpu time=1', 'the only field is named time'],
  ['cpu time=1,time="x" 5', 'the only field is named time'],
  ['cpu,host=a,zone=b,host=c usage=1', 'a tag stands twice'],
  ['cpu,a\\,b=1,a\\,b=2 usage=1', 'a tag stands twice'],
  ['cpu f=1,f=1i', 'a field stands twice, with two types'],
  ['cpu f=1,g=1,f="x"', 'a field stands twice, with two types'],
  ['cpu a"b=1,a\\"b=t', 'a field stands twice, with two types'],
  ['cpu f=1,g=1x', 'a field is neither number, boolean nor quoted text'],
  ['cpu f=1i,g=9223372036854775808i', 'a number is out of range'],
  ['cpu a\\\\ b=1', "two backslashes in a field's name stand before a comma, space or equals sign"],
  ['cpu f="x",a\\\\,b=1', "two backslashes in a field's name stand before a comma, space or equals sign"],
])('is refused: %s', (line, detail) => expect(scan(line)).toBe(detail));

test.each([
  'cpu,times=1,atime=2 usage=1',
  'cpu,__proto__=1,constructor=2 __proto__=1',
  'cpu time=1,usage=1',
  'cpu f=1,f=2',
  'cpu f=1,g="f=1i"',
  'cpu,a=1,A=1 a=1',
  'cpu,a=b\\,a\\=c usage=1',
  'cpu a\\\\b=1,\\ \\==1',
  'cpu a="\\\\",b="\\\\\\"",c="x\\y"',
  'C:\\\\ x,path=C:\\\\ y\\, f=1',
])('is taken: %s', (line) => expect(scan(line)).toBe('other'));

test.each([100, 200, 400, 800, 6_400])(
  'is refused with exactly %i tags, on which InfluxDB before 1.8 fails',
  (count) => {
    expect(scan(`cpu,${tags(count - 1)} f=1`)).toBe('other');
    expect(scan(`cpu,${tags(count)} f=1`).toString()).toContain(`exactly ${count} tags`);
    expect(scan(`cpu,${tags(count + 1)} f=1`)).toBe('other');
  },
);

test('may have as many bytes of measurement, tags and one field name as InfluxDB stores in one key', () => {
  expect(scan(`cpu,host=${name(65_520)} f=1`)).toBe('other');
  expect(scan(`cpu,host=${name(65_520)} ff=1`)).toBe('other');
  expect(scan(`cpu,host=${name(65_520)} fff=1`)).toContain('longer than 65531 bytes');
  expect(scan(`cpu f=1,${name(65_523)}=1`)).toBe('other');
  expect(scan(`cpu f="${name(65_500)}"`)).toBe('other');
});

test.each([
  `0.${'0'.repeat(1_000)}1`,
  `${'0'.repeat(1_000)}1`,
  `${'0'.repeat(1_000)}1i`,
  `-${'0'.repeat(1_000)}9223372036854775808i`,
  `${'9'.repeat(308)}`,
  '1.7976931348623157e308',
  '1e-9999',
])('has numbers of any length that fit their type', (number) => expect(scan(`cpu f=${number}`)).toBe('other'));

test.each([
  '9'.repeat(400),
  `1${'0'.repeat(309)}`,
  '1.7976931348623159e308',
  `${'9'.repeat(60_000)}i`,
  `${'0'.repeat(1_000)}9223372036854775808i`,
  '-9223372036854775809i',
  '18446744073709551616u',
])('has no numbers that do not', (number) => expect(scan(`cpu f=${number}`)).toBe('a number is out of range'));
