import { writeAnswer } from '@weir/relay/write-answer';

const read = {
  accepted: 3,
  rejected: 2,
  rejections: [
    { line: 2, reason: 'syntax' as const, detail: 'a tag has no value' },
    { line: 4, reason: 'past' as const, detail: 'the timestamp is before 1970' },
  ],
  byReason: new Map(),
};
const partial =
  'partial write: 2 of 5 lines rejected: line 2: syntax: a tag has no value; line 4: past: the timestamp is before 1970 dropped=2';

test.each(['v1', 'v2'] as const)('what is written is answered 204 without a body: %s', (api) => {
  expect(writeAnswer(api, { kind: 'written' })).toEqual({ status: 204, headers: {}, body: undefined });
});

test('rejected lines are told in the words of 1.x', () => {
  expect(writeAnswer('v1', { kind: 'partial', read })).toEqual({
    status: 400,
    headers: { 'x-influxdb-error': partial },
    body: { error: partial, rejected: read.rejections },
  });
});

test('rejected lines are told in the words of 2.x', () => {
  expect(writeAnswer('v2', { kind: 'partial', read })).toEqual({
    status: 400,
    headers: {},
    body: { code: 'invalid', message: partial, line: 2, rejected: read.rejections },
  });
});

test('lines beyond the first are counted', () => {
  const { body } = writeAnswer('v1', { kind: 'partial', read: { ...read, accepted: 0, rejected: 100 } });
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
  const { headers } = writeAnswer('v1', { kind: 'partial', read: { ...read, rejected: 20, rejections } });
  expect(headers['x-influxdb-error']).toHaveLength(1000);
});

test('only what may be sent again says when', () => {
  const refused = (status: 400 | 413 | 415 | 503) => ({ kind: 'refused' as const, status, message: 'no' });
  expect(writeAnswer('v1', refused(503))).toEqual({
    status: 503,
    headers: { 'retry-after': '1', 'x-influxdb-error': 'no' },
    body: { error: 'no' },
  });
  expect(writeAnswer('v2', refused(503))).toEqual({
    status: 503,
    headers: { 'retry-after': '1' },
    body: { code: 'unavailable', message: 'no' },
  });
  for (const status of [400, 413, 415] as const) {
    expect(writeAnswer('v1', refused(status)).headers).not.toHaveProperty('retry-after');
    expect(writeAnswer('v2', refused(status)).body).toHaveProperty('code');
  }
});
