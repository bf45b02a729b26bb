import { formatAge, formatTime } from '@weir/cli/time-text';

test.each([
  [0, '0s'],
  [1, '0.1s'],
  [1_234, '1.2s'],
  [59_949, '59.9s'],
  [59_950, '1m00s'],
  [187_000, '3m07s'],
  [3_600_000, '1h00m'],
  [18_180_000, '5h03m'],
  [172_799_000, '47h59m'],
  [1_051_200_000, '12d04h'],
])('%d ms read as %s', (ms, text) => expect(formatAge(ms)).toBe(text));

test.each([
  ['UTC', '2016-11-07T08:32:00Z'],
  ['Europe/Berlin', '2016-11-07T09:32:00+01:00'],
  ['America/St_Johns', '2016-11-07T05:02:00-03:30'],
])('a moment is told in the time of %s, and which time that is', (timeZone, text) => {
  expect(formatTime(1_478_507_520_000, timeZone)).toBe(text);
  expect(Date.parse(text)).toBe(1_478_507_520_000);
});

test('what is no moment is a question mark', () => {
  expect(formatTime(Number.NaN, 'UTC')).toBe('?');
  expect(formatTime(1e300, 'UTC')).toBe('?');
});
