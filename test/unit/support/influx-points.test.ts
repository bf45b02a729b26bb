import { formatPoints, type Series, toNanoseconds } from '../../support/influx-points.ts';

test('times keep every digit', () => {
  expect(toNanoseconds('2016-11-07T08:32:00Z')).toBe('1478507520000000000');
  expect(toNanoseconds('2016-11-07T08:32:00.000000001Z')).toBe('1478507520000000001');
  expect(toNanoseconds('2016-11-07T08:32:00.5Z')).toBe('1478507520500000000');
  expect(() => toNanoseconds('yesterday')).toThrow('no RFC 3339 time');
});

test('a float without decimals and an integer are told apart by the field types', () => {
  const series: Series = { name: 'm', columns: ['time', 'value'], values: [['1970-01-01T00:00:01Z', 2]] };
  const types = (type: string): Series => ({
    name: 'm',
    columns: ['fieldKey', 'fieldType'],
    values: [['value', type]],
  });
  expect(formatPoints([series], [types('float')])).toEqual(['m value=2 1000000000']);
  expect(formatPoints([series], [types('integer')])).toEqual(['m value=2i 1000000000']);
});

test('points are sorted, tags are sorted, empty tags and fields are left out', () => {
  const at = '1970-01-01T00:00:00Z';
  const columns = ['time', 'a', 'b'];
  const series: Series[] = [
    { name: 'z', tags: { y: '2', x: '1', none: '' }, columns, values: [[at, null, 'say "x"']] },
    { name: 'a b', columns, values: [[at, true, null]] },
  ];
  expect(formatPoints(series, [])).toEqual(['a\\ b a=true 0', 'z,x=1,y=2 b="say \\"x\\"" 0']);
});
