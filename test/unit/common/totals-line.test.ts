import { MEASUREMENTS, PointLines, type TotalsPoint } from '@weir/common/line-encode';
import { DEFAULT_SHAPE, type PointShape } from '@weir/common/point-shape';
import { TotalsReader } from '@weir/common/totals-line';
import fc from 'fast-check';

const name = fc
  .string({ unit: fc.constantFrom('a', ' ', ',', '=', '\\', 'ü', '"', '_', '.', '$'), minLength: 1, maxLength: 8 })
  .filter((text) => !text.endsWith('\\'));

const SHAPES: PointShape[] = [
  DEFAULT_SHAPE,
  {
    names: { unique_user_event: 'users (all), x', cumulative_user_event: 'a.b[c]' },
    tags: [
      { key: 'a', value: '$1' },
      { key: 'host', value: 'h 1,\\w' },
      { key: 'z=', value: '=' },
    ],
    time: 'end',
  },
];

test.each(SHAPES)('whatever is encoded is read back, in a shape with time $time', (shape) => {
  const lines = new PointLines(shape);
  const reader = new TotalsReader(shape);
  fc.assert(
    fc.property(
      fc.constantFrom(...MEASUREMENTS),
      name,
      name,
      fc.nat().map(Number),
      fc.nat({ max: 4_000_000 }),
      (measurement, eventType, product, value, minute) => {
        const point: TotalsPoint = { measurement, eventType, product, value };
        const startSec = minute * 60;
        expect(reader.read(lines.line(point, { startSec, windowSec: 60 }), 60)).toEqual({ point, startSec });
      },
    ),
  );
});

test.each([
  'cpu,event_type=a,product=b value=1 1478507520000000000',
  'unique_user_event,event_type=a,product=b,host=c value=1 1478507520000000000',
  'unique_user_event,event_type=a,product=b value="1" 1478507520000000000',
  'unique_user_event,event_type=a,product=b value=1i 1478507520000000000',
  'unique_user_event,event_type=a,product=b value=1 1478507520000000001',
  'unique_user_event,event_type=a,product=b value=1',
])('what Weir would not write is no total: %s', (line) => {
  expect(new TotalsReader(DEFAULT_SHAPE).read(line, 60)).toBeUndefined();
});
