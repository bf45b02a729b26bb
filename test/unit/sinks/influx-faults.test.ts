import { HttpError, RequestTimedOutError } from '@influxdata/influxdb-client';
import { requestFault } from '@weir/sinks/influx-faults';
import { SinkError } from '@weir/sinks/sink';

const CONTEXT = {
  sinkName: 'zone-a',
  url: 'http://h:8086',
  what: 'write',
  timeoutMs: 10_000,
  missing: 'CREATE it',
} as const;

function failed(error: unknown): unknown {
  return requestFault(CONTEXT, { kind: 'failed', error });
}

function http(status: number, body = '{"error":"words\\nof the server"}'): HttpError {
  return new HttpError(status, 'status line', body, null, 'application/json');
}

function system(code: string, syscall?: string): Error {
  return Object.assign(new Error(code), { code, ...(syscall ? { syscall } : {}) });
}

describe('a request to InfluxDB that failed', () => {
  test.each([
    [401, 'sink-unauthorized', 'not-applied', true],
    [403, 'sink-unauthorized', 'not-applied', true],
    [404, 'sink-refused', 'not-applied', true],
    [400, 'sink-refused', 'not-applied', false],
    [405, 'sink-refused', 'not-applied', false],
    [429, 'sink-unavailable', 'not-applied', true],
    [500, 'sink-unavailable', 'unknown', true],
    [503, 'sink-unavailable', 'unknown', true],
    [302, 'sink-bad-answer', 'unknown', true],
  ])('with HTTP %i is %s, %s, and says what the server said in one line', (status, code, outcome, retryable) => {
    const fault = failed(http(status));
    expect(fault).toBeInstanceOf(SinkError);
    expect(fault).toMatchObject({ code, outcome, retryable });
    expect((fault as SinkError).message).toMatch(
      /^sink zone-a: write at http:\/\/h:8086: HTTP \d+: words of the server/,
    );
  });

  test.each([
    [system('ECONNREFUSED'), 'sink-unreachable', 'not-applied'],
    [system('ENOTFOUND', 'getaddrinfo'), 'sink-unreachable', 'not-applied'],
    [system('EHOSTUNREACH', 'connect'), 'sink-unreachable', 'not-applied'],
    [system('ETIMEDOUT', 'connect'), 'sink-unreachable', 'not-applied'],
    [system('ETIMEDOUT', 'read'), 'sink-unreachable', 'unknown'],
    [system('ECONNRESET'), 'sink-unreachable', 'unknown'],
    [system('EPIPE', 'write'), 'sink-unreachable', 'unknown'],
    [system('CERT_HAS_EXPIRED'), 'sink-untrusted', 'not-applied'],
    [system('DEPTH_ZERO_SELF_SIGNED_CERT'), 'sink-untrusted', 'not-applied'],
    [system('UNABLE_TO_VERIFY_LEAF_SIGNATURE'), 'sink-untrusted', 'not-applied'],
    [system('ERR_TLS_CERT_ALTNAME_INVALID'), 'sink-untrusted', 'not-applied'],
    [system('CERT_SIGNATURE_FAILURE'), 'sink-untrusted', 'not-applied'],
    [system('INVALID_CA'), 'sink-untrusted', 'not-applied'],
    [system('ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED'), 'sink-unauthorized', 'unknown'],
    [system('ERR_SSL_TLSV1_ALERT_UNKNOWN_CA'), 'sink-unauthorized', 'unknown'],
    [system('ERR_SSL_SSLV3_ALERT_BAD_CERTIFICATE'), 'sink-unauthorized', 'unknown'],
    [system('ERR_SSL_SSLV3_ALERT_CERTIFICATE_EXPIRED'), 'sink-unauthorized', 'unknown'],
    [system('ERR_SSL_WRONG_VERSION_NUMBER'), 'sink-unreachable', 'unknown'],
    [system('ERR_TLS_HANDSHAKE_TIMEOUT'), 'sink-unreachable', 'unknown'],
    [system('EPROTO', 'write'), 'sink-unreachable', 'unknown'],
    [system('HPE_INVALID_CONSTANT'), 'sink-bad-answer', 'unknown'],
    [new RequestTimedOutError(), 'sink-timeout', 'unknown'],
  ])('with %s is %s, %s', (error, code, outcome) => {
    expect(failed(error)).toMatchObject({ code, outcome, retryable: true, cause: error });
  });

  test('by its deadline, or by the caller once it ran, may still take effect', () => {
    expect(requestFault(CONTEXT, { kind: 'timeout' })).toMatchObject({ code: 'sink-timeout', outcome: 'unknown' });
    expect(requestFault(CONTEXT, { kind: 'aborted', started: true })).toMatchObject({
      code: 'sink-aborted',
      outcome: 'unknown',
    });
    expect(requestFault(CONTEXT, { kind: 'aborted', started: false })).toMatchObject({ outcome: 'not-applied' });
  });

  test.each([
    ['SELF_SIGNED_CERT_IN_CHAIN', '&ca=<file>'],
    ['CERT_NOT_YET_VALID', 'set the clocks right'],
    ['ERR_TLS_CERT_ALTNAME_INVALID', 'other names'],
    ['ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED', '&cert=<file>&key=<file>'],
    ['EPROTO', 'is it http:// there?'],
  ])('with %s names the remedy and the code', (code, remedy) => {
    expect(failed(system(code))).toMatchObject({ message: expect.stringContaining(remedy) });
    expect(failed(system(code))).toMatchObject({ message: expect.stringContaining(`(${code})`) });
  });

  test('with 401 says with whose authority it was tried', () => {
    const context = { ...CONTEXT, authority: 'with the token in /run/token' };
    const fault = requestFault(context, { kind: 'failed', error: http(401) });
    expect(fault).toMatchObject({ message: expect.stringContaining('(with the token in /run/token)') });
  });

  test('names the remedy for what does not exist', () => {
    expect(failed(http(404))).toMatchObject({ message: expect.stringContaining('(CREATE it)') });
  });

  test('by a bug of ours stays that bug', () => {
    const bug = new TypeError('undefined is no function');
    expect(failed(bug)).toBe(bug);
    const misuse = system('ERR_INVALID_ARG_TYPE');
    expect(failed(misuse)).toBe(misuse);
  });

  test('with a long answer of another server is still one short line', () => {
    const fault = failed(http(502, `<html>\n${'x'.repeat(5_000)}`)) as SinkError;
    expect(fault.message).not.toContain('\n');
    expect(fault.message.length).toBeLessThan(400);
  });
});
