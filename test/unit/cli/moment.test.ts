import { moment, momentMs, windowMoment } from '@weir/cli/moment';

const NOW = 1_478_507_600_000;
const at = (text: string) => {
  const read = moment.schema.safeParse(text).data;
  return read && momentMs(read, NOW);
};

test.each<[string, number | undefined]>([
  ['2016-11-07T08:32:00Z', 1_478_507_520_000],
  ['2016-11-07 08:32Z', 1_478_507_520_000],
  ['2016-11-07T09:32:00.5+01:00', 1_478_507_520_500],
  ['1478507520', 1_478_507_520_000],
  ['90s', NOW - 90_000],
  ['2h', NOW - 7_200_000],
  ['3d', NOW - 259_200_000],
  ['2016-11-07', undefined],
  ['2016-11-07T08:32:00', undefined],
  ['2016-13-07T08:32:00Z', undefined],
  ['1969-12-31T23:59:59Z', undefined],
  ['yesterday', undefined],
  ['-5m', undefined],
  ['', undefined],
])('%j is a moment, or none', (text, ms) => {
  expect(at(text)).toBe(ms);
});

test('a window is named by a time in it, and not by how long ago that is', () => {
  expect(windowMoment.schema.safeParse('2016-11-07T08:32:59Z').data).toBe(1_478_507_579_000);
  expect(windowMoment.schema.safeParse('5m').success).toBe(false);
});
