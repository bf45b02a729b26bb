import { verdictOf } from '@weir/cli/sending/relay-answer';

describe("what a relay's answer means", () => {
  test('204 alone is a confirmation', () => {
    expect(verdictOf(204, '', null)).toEqual({ kind: 'taken' });
    expect(verdictOf(200, 'welcome', null)).toEqual({ kind: 'refused', why: 'HTTP 200: welcome' });
  });

  test('a partial write names lines that are rejected, and how many there are in all', () => {
    const rejected = [{ line: 2, reason: 'syntax', detail: 'a tag has no value' }];
    const error = 'partial write: 1200 of 1300 lines rejected: line 2: syntax: a tag has no value dropped=1200';
    expect(verdictOf(400, JSON.stringify({ error, rejected }), null)).toEqual({
      kind: 'partly',
      rejected: 1200,
      rejections: rejected,
    });
  });

  test.each([
    [400, '{"error":"invalid precision"}', 'HTTP 400: invalid precision'],
    [401, '{"error":"authorization failed"}', 'HTTP 401: authorization failed'],
    [413, '<html>\n<h1>too large</h1>', 'HTTP 413: <html> <h1>too large</h1>'],
    [404, '', 'HTTP 404: '],
  ])('%d would come again: it is refused', (status, text, why) => {
    expect(verdictOf(status, text, null)).toEqual({ kind: 'refused', why });
  });

  test.each([408, 429, 500, 502, 503, 504])('%d may pass: the same again', (status) => {
    expect(verdictOf(status, '{"error":"no room"}', '1')).toEqual({
      kind: 'again',
      why: `HTTP ${status}: no room`,
      afterMs: 1_000,
    });
  });

  test('a pause that is no number is none', () => {
    expect(verdictOf(503, '', 'Wed, 21 Oct 2026 07:28:00 GMT')).toMatchObject({ kind: 'again', afterMs: undefined });
  });
});
