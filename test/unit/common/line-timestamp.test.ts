import { LINE, LineScanner, type Precision } from '@weir/common/line-protocol';

const scanner = new LineScanner(64 * 1024);

/** The timestamp of a user event in seconds, or what else the line is. */
function scan(text: string, precision: Precision = 'ns') {
  const line = Buffer.from(text);
  const kind = scanner.scan(line, 0, line.length, precision);
  if (kind === LINE.rejected) return { rejected: scanner.reason };
  if (kind === LINE.other) return 'other';
  const { hasTimestamp, timestampSec, timestampNanos } = scanner;
  return { event: hasTimestamp ? `${timestampSec}.${String(timestampNanos).padStart(9, '0')}` : undefined };
}

describe('a timestamp', () => {
  test.each<[Precision, string, string]>([
    ['ns', '1478507534415525888', '1478507534.415525888'],
    ['n', '1478507534415525889', '1478507534.415525889'],
    ['us', '1478507534415525', '1478507534.415525000'],
    ['u', '1478507534415525', '1478507534.415525000'],
    ['ms', '1478507534415', '1478507534.415000000'],
    ['s', '1478507534', '1478507534.000000000'],
    ['m', '24641792', '1478507520.000000000'],
    ['h', '410696', '1478505600.000000000'],
    ['ns', '0', '0.000000000'],
    ['ns', '7', '0.000000007'],
    ['ms', '7', '0.007000000'],
    ['ns', '0000000000000000000000000000000000005', '0.000000005'],
    ['ns', '-0', '0.000000000'],
    ['ns', '9223372036854775806', '9223372036.854775806'],
    ['us', '9223372036854775', '9223372036.854775000'],
    ['s', '9223372036', '9223372036.000000000'],
  ])('in %s is exact: %s', (precision, digits, seconds) => {
    expect(scan(`event_type=a,product=b value=u ${digits}`, precision)).toEqual({ event: seconds });
  });

  test.each<[Precision, string, string]>([
    ['ns', '9223372036854775807', 'timestamp'],
    ['us', '9223372036854776', 'timestamp'],
    ['s', '9223372037', 'timestamp'],
    ['h', '2562048', 'timestamp'],
    ['ns', '9'.repeat(1000), 'timestamp'],
    ['ns', '-1', 'past'],
    ['h', '-2562047', 'past'],
    ['h', '-2562048', 'timestamp'],
    ['ns', '-', 'timestamp'],
    ['ns', '+1', 'timestamp'],
    ['ns', '1.5', 'timestamp'],
    ['ns', '1e9', 'timestamp'],
    ['ns', '1i', 'timestamp'],
    ['ns', '0x10', 'timestamp'],
    ['ns', '5 5', 'timestamp'],
  ])('in %s that is none is rejected: %s', (precision, digits, reason) => {
    expect(scan(`event_type=a,product=b value=u ${digits}`, precision)).toEqual({ rejected: reason });
  });

  // The first and last of each precision that influxd takes; one further is more than it stores.
  test.each<[Precision, string, string, string]>([
    ['ns', '9223372036854775806', '9223372036854775807', '9223372036854775806'],
    ['n', '9223372036854775806', '9223372036854775807', '9223372036854775806'],
    ['us', '9223372036854775', '9223372036854776', '9223372036854775000'],
    ['u', '9223372036854775', '9223372036854776', '9223372036854775000'],
    ['ms', '9223372036854', '9223372036855', '9223372036854000000'],
    ['s', '9223372036', '9223372037', '9223372036000000000'],
    ['m', '153722867', '153722868', '9223372020000000000'],
    ['h', '2562047', '2562048', '9223369200000000000'],
    ['ns', '1', '9'.repeat(1000), '1'],
    ['ms', '000001', '1e9', '1000000'],
  ])('of an other line in %s may lie before 1970 as well as after: %s', (precision, digits, beyond, nanoseconds) => {
    for (const sign of ['', '-']) {
      expect(scan(`cpu,host=a usage=1 ${sign}${digits} `, precision)).toBe('other');
      const { timestampNegative, timestampSec, timestampNanos } = scanner;
      const written = `${timestampNegative ? '-' : ''}${timestampSec}${String(timestampNanos).padStart(9, '0')}`;
      expect(BigInt(written)).toBe(BigInt(sign + nanoseconds));
      expect(scan(`cpu,host=a usage=1 ${sign}${beyond}`, precision)).toEqual({ rejected: 'timestamp' });
    }
  });

  test('before 1970 does not cling to the lines after it', () => {
    expect(scan('cpu usage=1 -5')).toBe('other');
    expect(scanner.timestampNegative).toBe(true);
    for (const line of ['cpu usage=1', 'cpu usage=1 5', 'cpu usage=1 -0']) {
      expect(scan(line)).toBe('other');
      expect(scanner.timestampNegative).toBe(false);
    }
    expect(scan('event_type=a,product=b value=u')).toEqual({ event: undefined });
  });

  test('says where its digits stand', () => {
    const line = Buffer.from('  event_type=a,product=b value=u   123  ');
    expect(scanner.scan(line, 0, line.length, 's')).toBe(LINE.userEvent);
    expect(line.toString('latin1', scanner.timestampStart, scanner.timestampEnd)).toBe('123');
    expect(line.toString('latin1', scanner.contentStart, scanner.fieldsEnd)).toBe('event_type=a,product=b value=u');
  });

  test('says where it stands with its sign', () => {
    const line = Buffer.from('cpu usage=1  -123 ');
    expect(scanner.scan(line, 0, line.length, 's')).toBe(LINE.other);
    expect(line.toString('latin1', scanner.timestampStart, scanner.timestampEnd)).toBe('-123');
  });
});
