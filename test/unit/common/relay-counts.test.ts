import { parseRelayCounts, relayCountsField } from '@weir/common/relay-counts';
import { RelayCounts } from '@weir/relay/relay-metrics';

const { totals } = new RelayCounts({ observe: () => undefined });
const text = JSON.stringify({ startedMs: 1, lastMs: 2, counts: totals });
const incarnation = '00112233445566aa';

test('a report is read with the id and the start its field names, whatever the id holds', () => {
  for (const id of ['az1', 'a:b:c', '00112233445566bb', 'ö']) {
    expect(parseRelayCounts(relayCountsField(id, incarnation), text)).toEqual({
      id,
      incarnation,
      startedMs: 1,
      lastMs: 2,
      counts: totals,
    });
  }
});

test('counts that a later version adds do no harm', () => {
  const more = JSON.stringify({ startedMs: 1, lastMs: 2, counts: { ...totals, more: 5 } });
  expect(parseRelayCounts(`${incarnation} az1`, more)?.counts).toEqual(totals);
});

test.each([
  ['a field without a start', 'az1', text],
  ['no JSON', `${incarnation} az1`, '{'],
  ['no counts', `${incarnation} az1`, '{"startedMs":1,"lastMs":2}'],
  ['a count that is none', `${incarnation} az1`, text.replace('"accepted":0', '"accepted":"0"')],
])('what is no report is undefined: %s', (_, field, value) => {
  expect(parseRelayCounts(field, value)).toBeUndefined();
});
