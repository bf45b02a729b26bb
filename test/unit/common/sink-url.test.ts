import { SettingsError } from '@weir/common/errors';
import { type InfluxV1Spec, parseSinkUrl, parseSinkUrls } from '@weir/common/sink-url';

function faultOf(text: string, setting = '--sink'): string {
  try {
    parseSinkUrl(text, { setting });
  } catch (error) {
    expect(error).toBeInstanceOf(SettingsError);
    return (error as Error).message;
  }
  throw new Error(`${text} was taken`);
}

describe('a sink URL', () => {
  test('with db= is an InfluxDB 1.x', () => {
    expect(parseSinkUrl('http://10.0.0.1:8086?db=events')).toEqual({
      kind: 'influx-v1',
      name: '10.0.0.1:8086/events',
      url: 'http://10.0.0.1:8086',
      db: 'events',
      readback: true,
      timeoutMs: 10_000,
      gzip: false,
    });
  });

  test('takes a retention policy, a login, a name, a timeout, no read-back and gzip', () => {
    const where = 'https://[::1]:443/influx/?db=my%20db&rp=week&u=me&p=a%26b+c&name=zone-a';
    const url = `${where}&timeout=1500ms&readback=off&gzip=on`;
    expect(parseSinkUrl(url)).toEqual({
      kind: 'influx-v1',
      name: 'zone-a',
      url: 'https://[::1]:443/influx',
      db: 'my db',
      rp: 'week',
      login: { username: 'me', password: 'a&b+c' },
      readback: false,
      timeoutMs: 1_500,
      gzip: true,
      tls: { insecure: false },
    });
  });

  test('that is https takes whom to trust, what to show of itself, and that nobody needs to be trusted', () => {
    const tlsOf = (parameters: string) => {
      const spec = parseSinkUrl(`https://h:8086?db=x${parameters}`) as InfluxV1Spec;
      return spec.tls;
    };
    expect(tlsOf('&ca=/etc/ca.pem')).toEqual({ insecure: false, ca: '/etc/ca.pem' });
    expect(tlsOf('&ca=a%20b.pem&cert=c.pem&key=k.pem')).toEqual({
      insecure: false,
      ca: 'a b.pem',
      client: { cert: 'c.pem', key: 'k.pem' },
    });
    expect(tlsOf('&insecure=on')).toEqual({ insecure: true });
    expect(tlsOf('&insecure=off')).toEqual({ insecure: false });
  });

  test('with org= and bucket= is an InfluxDB 2.x, with the token of the environment unless it has its own', () => {
    const own = parseSinkUrl('http://h:8086/?org=o&bucket=b&token=a+b/c==', { token: 'shared' });
    expect(own).toMatchObject({
      kind: 'influx-v2',
      name: 'h:8086/b',
      org: 'o',
      bucket: 'b',
      token: { text: 'a+b/c==' },
    });
    const shared = { token: 'shared' };
    expect(parseSinkUrl('http://h:8086?org=o&bucket=b', shared)).toMatchObject({ token: { text: 'shared' } });
    expect(parseSinkUrl('http://h:8086?org=o&bucket=b&token-file=/run/t', shared)).toMatchObject({
      token: { file: '/run/t' },
    });
    expect(parseSinkUrl('http://h:8086?org=o&bucket=b')).not.toHaveProperty('token');
  });

  test('may be a file or stdout', () => {
    expect(parseSinkUrl('file:out/totals.lp')).toEqual({ kind: 'file', name: 'file:totals.lp', path: 'out/totals.lp' });
    expect(parseSinkUrl('file:///var/totals.lp?name=f')).toEqual({ kind: 'file', name: 'f', path: '/var/totals.lp' });
    expect(parseSinkUrl('stdout:')).toEqual({ kind: 'stdout', name: 'stdout' });
    expect(parseSinkUrl('stdout:?name=screen')).toEqual({ kind: 'stdout', name: 'screen' });
  });

  test('has a default name that tells servers, databases and retention policies apart and is always one word', () => {
    const names = [
      'http://a:1?db=x',
      'http://a:2?db=x',
      'http://a:1?db=y',
      'http://a:1?db=x&rp=z',
      'http://a:1?db=x%20y',
      'http://a:1?db={x,y}',
    ];
    expect(names.map((url) => parseSinkUrl(url).name)).toEqual([
      'a:1/x',
      'a:2/x',
      'a:1/y',
      'a:1/x/z',
      'a:1/x%20y',
      'a:1/%7Bx%2Cy%7D',
    ]);
  });

  test.each([
    ['', 'http(s)://host:8086?db=events'],
    ['influx', 'http(s)://host:8086?db=events'],
    ['udp://h:8089', 'http(s)://host:8086?db=events'],
    ['http://h?db=x', '<host>:<port>'],
    ['http://:8086?db=x', '<host>:<port>'],
    ['http://h:99999?db=x', '<host>:<port>'],
    ['http:h:8086?db=x', '<host>:<port>'],
    ['http://h:8086', 'db=<database>'],
    ['http://h:8086?db=', 'a value for db='],
    ['http://h:8086?org=o', 'a value for bucket='],
    ['http://h:8086?bucket=b', 'a value for org='],
    ['http://h:8086?db=x&org=o&bucket=b', 'not both'],
    ['http://h:8086?db=x&bukcet=b', 'unknown is bukcet'],
    ['http://h:8086?db=x&token=b', 'unknown is token'],
    ['http://h:8086?db=x&db=y', 'the parameter db= once'],
    ['http://h:8086?db=x&u=me', 'u= and p= together'],
    ['http://h:8086?db=x&readback=no', 'readback=on or readback=off'],
    ['http://h:8086?db=x&gzip=yes', 'gzip=on or gzip=off'],
    ['http://h:8086?db=x&ca=f', 'https:// where ca= is given'],
    ['http://h:8086?db=x&insecure=on', 'https:// where insecure= is given'],
    ['https://h:8086?db=x&ca=', 'a value for ca='],
    ['https://h:8086?db=x&ca=f&insecure=on', 'either ca= or insecure=on'],
    ['https://h:8086?db=x&cert=f', 'cert= and key= together'],
    ['https://h:8086?db=x&insecure=yes', 'insecure=on or insecure=off'],
    ['http://h:8086?org=o&bucket=b&token=t&token-file=f', 'either token= or token-file='],
    ['http://h:8086?db=x&token-file=f', 'unknown is token-file'],
    ['http://h:8086?org=o&bucket=b&token=a%20b', 'a token of visible ASCII'],
    ['http://h:8086?org=o&bucket=b&token=%C3%BC', 'a token of visible ASCII'],
    ['http://h:8086?db=x&timeout=10', 'a duration such as'],
    ['http://h:8086?db=x&timeout=0s', 'from 100ms'],
    ['http://h:8086?db=x&name=', 'as name= a name'],
    ['http://h:8086?db=x&name=two%20words', 'as name= a name'],
    ['http://h:8086?db=x&name=a,b', 'commas and braces'],
    ['http://h:8086?db=x&name=a%2Cb', 'commas and braces'],
    ['http://h:8086?db=x&name={a', 'commas and braces'],
    ['stdout:?name=a}', 'commas and braces'],
    ['file:a,b', 'from this URL none can be made'],
    ['file:out/{a}', 'from this URL none can be made'],
    ['http://h:8086/a,b?db=x', 'from this URL none can be made'],
    ['http://h:8086?db=x%', '%25'],
    ['http://h:8086?db=x y', 'without spaces'],
    ['http://h:8086?db=x\ny', 'without spaces'],
    ['file:', 'file:<path of a file>'],
    ['file:out/', 'file:<path of a file>'],
    ['file:x?mode=a', 'unknown is mode'],
    ['stdout:x', 'nothing after it'],
  ])('that is %j is refused in one line that says what was expected', (text, expected) => {
    const fault = faultOf(text, 'WEIR_SINKS');
    expect(fault).toMatch(/^WEIR_SINKS: got "[^\n]*", expected [^\n]+$/);
    expect(fault).toContain(expected);
  });

  test('never shows its secrets in a fault', () => {
    for (const text of [
      'http://h:8086?db=x&u=me&p=hush&nope=1',
      'http://h:8086?org=o&token=hush',
      'http://me:hush@h:8086?db=x',
      'ftp://h?token=hush',
    ]) {
      expect(faultOf(text)).not.toContain('hush');
    }
  });

  test('of a name that another sink has is refused', () => {
    expect(parseSinkUrls(['http://a:1?db=x', 'http://a:1?db=y', 'stdout:']).map(({ name }) => name)).toEqual([
      'a:1/x',
      'a:1/y',
      'stdout',
    ]);
    const twice = () => parseSinkUrls(['http://a:1?db=x', 'http://b:1?db=x&name=a:1/x'], { setting: '--sink' });
    expect(twice).toThrow('two sinks are named a:1/x');
    expect(twice).toThrow(SettingsError);
  });
});
