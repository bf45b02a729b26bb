import { encodeTotals, MEASUREMENTS, type TotalsPoint } from '@weir/common/line-encode';
import { parseTotalsLine } from '@weir/common/totals-line';
import fc from 'fast-check';

const name = fc
  .string({ unit: fc.constantFrom('a', ' ', ',', '=', '\\', 'ü', '"', '_'), minLength: 1, maxLength: 8 })
  .filter((text) => !text.endsWith('\\'));

test('whatever is encoded is read back', () => {
  fc.assert(
    fc.property(
      fc.constantFrom(...MEASUREMENTS),
      name,
      name,
      fc.nat().map(Number),
      fc.nat({ max: 4_000_000 }),
      (measurement, eventType, product, value, minute) => {
        const point: TotalsPoint = { measurement, eventType, product, value };
        expect(parseTotalsLine(encodeTotals(point, minute * 60))).toEqual({ point, startSec: minute * 60 });
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
  expect(parseTotalsLine(line)).toBeUndefined();
});
