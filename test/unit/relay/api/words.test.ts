import { V1_WORDS, V2_WORDS } from '@weir/relay/api/words';

const read = {
  accepted: 2,
  others: 1,
  rejected: 2,
  rejections: [
    { line: 2, reason: 'syntax' as const, detail: 'a tag has no value' },
    { line: 4, reason: 'past' as const, detail: 'the timestamp is before 1970' },
  ],
  byReason: new Map(),
};
const partial =
  'partial write: 2 of 5 lines rejected: line 2: syntax: a tag has no value; line 4: past: the timestamp is before 1970 dropped=2';

test('rejected lines are told in the words of 1.x', () => {
  expect(V1_WORDS.partial(read, 'line')).toEqual({
    status: 400,
    headers: { 'x-influxdb-error': partial },
    body: { error: partial, rejected: read.rejections },
  });
});

test('rejected lines are told in the words of 2.x', () => {
  expect(V2_WORDS.partial(read, 'line')).toEqual({
    status: 400,
    headers: { 'x-platform-error-code': 'invalid' },
    body: { code: 'invalid', message: partial, line: 2, rejected: read.rejections },
  });
});

test('items that are no lines are called so', () => {
  const { body } = V1_WORDS.partial(read, 'item');
  expect(body).toEqual({
    error: partial.replaceAll('lines', 'items').replaceAll('line ', 'item '),
    rejected: [
      { item: 2, reason: 'syntax', detail: 'a tag has no value' },
      { item: 4, reason: 'past', detail: 'the timestamp is before 1970' },
    ],
  });
});

test('of many rejections the message names the first twenty, and the body all that are known', () => {
  const rejections = Array.from({ length: 50 }, (_, i) => ({ line: i + 1, reason: 'past' as const, detail: 'early' }));
  const { error, rejected } = V1_WORDS.partial({ ...read, rejected: 60, rejections }, 'line').body as {
    error: string;
    rejected: object[];
  };
  expect(rejected).toHaveLength(50);
  expect(error).toMatch(/line 20: past: early; and 40 more dropped=60$/);
});

test('a header holds nothing that a header must not', () => {
  const { headers } = V1_WORDS.refused({ status: 400, message: 'found é\r\nset-cookie: x' });
  expect(headers['x-influxdb-error']).toBe('found ???set-cookie: x');
});

test('lines beyond the first are counted', () => {
  const { body } = V1_WORDS.partial({ ...read, accepted: 0, others: 0, rejected: 100 }, 'line');
  expect(body).toMatchObject({
    error: expect.stringMatching(/^partial write: 100 of 100 .*; and 98 more dropped=100$/),
  });
});

test('the header stays short enough to be read', () => {
  const rejections = Array.from({ length: 20 }, (_, i) => ({
    line: i,
    reason: 'syntax' as const,
    detail: 'x'.repeat(100),
  }));
  const { headers } = V1_WORDS.partial({ ...read, rejected: 20, rejections }, 'line');
  expect(headers['x-influxdb-error']).toHaveLength(1000);
});

test('only what may be sent again says when', () => {
  const refused = (status: 400 | 413 | 415 | 501 | 503) => ({ status, message: 'no' });
  expect(V1_WORDS.refused(refused(503))).toEqual({
    status: 503,
    headers: { 'retry-after': '1', 'x-influxdb-error': 'no' },
    body: { error: 'no' },
  });
  expect(V2_WORDS.refused(refused(503))).toEqual({
    status: 503,
    headers: { 'retry-after': '1', 'x-platform-error-code': 'unavailable' },
    body: { code: 'unavailable', message: 'no' },
  });
  for (const status of [400, 413, 415, 501] as const) {
    expect(V1_WORDS.refused(refused(status)).headers).not.toHaveProperty('retry-after');
    expect(V2_WORDS.refused(refused(status)).body).toHaveProperty('code');
  }
});

test('what a gate adds to the headers reaches the client', () => {
  const refusal = { status: 400 as const, message: 'no', headers: { 'www-authenticate': 'Basic' } };
  for (const words of [V1_WORDS, V2_WORDS]) {
    expect(words.refused(refusal).headers).toMatchObject({ 'www-authenticate': 'Basic' });
  }
});
