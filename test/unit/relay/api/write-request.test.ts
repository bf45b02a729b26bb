import { readWriteRequest, V1_PRECISIONS, V2_PRECISIONS } from '@weir/relay/api/write-request';

const ask = (api: 'v1' | 'v2', query: string, key?: string) =>
  readWriteRequest(api === 'v1' ? V1_PRECISIONS : V2_PRECISIONS, new URLSearchParams(query), key);

test('a precision is that of the API, nanoseconds unless told', () => {
  for (const precision of ['n', 'ns', 'u', 'us', 'ms', 's', 'm', 'h']) {
    expect(ask('v1', `db=x&rp=y&precision=${precision}`)).toEqual({ precision });
  }
  for (const precision of ['ns', 'us', 'ms', 's']) {
    expect(ask('v2', `org=o&bucket=b&precision=${precision}`)).toEqual({ precision });
  }
  expect(ask('v1', '')).toEqual({ precision: 'ns' });
  expect(ask('v2', 'precision=')).toEqual({ precision: 'ns' });
});

test.each<['v1' | 'v2', string]>([
  ['v1', 'sec'],
  ['v1', 'S'],
  ['v1', '__proto__'],
  ['v2', 'm'],
  ['v2', 'n'],
  ['v2', '\r\nx: y'],
])('%s refuses the precision %j in one clear line', (api, precision) => {
  expect(ask(api, `precision=${encodeURIComponent(precision)}`)).toEqual({
    message: expect.stringMatching(/^invalid precision "[\x20-\x7e]*", expected one of [a-z, ]+$/),
  });
});

test('an Idempotency-Key is text of a sensible length', () => {
  expect(ask('v1', '', 'order-17/x')).toEqual({ precision: 'ns', idempotencyKey: 'order-17/x' });
  expect(ask('v1', '', 'x'.repeat(256))).toHaveProperty('idempotencyKey');
  for (const key of ['', 'a b', 'ä', 'x'.repeat(257)]) expect(ask('v1', '', key)).toHaveProperty('message');
});
