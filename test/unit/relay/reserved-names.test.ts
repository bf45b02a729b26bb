import { ReservedNames } from '@weir/relay/reserved-names';

const has = (reserved: ReservedNames, line: string) => reserved.has(Buffer.from(`  ${line}`), 2);

test.each<[string, boolean]>([
  ['cumulative_user_event,event_type=a value=1', true],
  ['unique_user_event value=1', true],
  ['unique_user_events value=1', false],
  ['unique_user_even value=1', false],
  ['unique_user_event\\,x value=1', false],
  ['unique_user_event\\ x value=1', false],
  ['unique_user_event', false],
  ['Unique_user_event value=1', false],
])('until it knows better the names are those by default: %s', (line, expected) => {
  expect(has(new ReservedNames(), line)).toBe(expected);
});

test('names that a deployment chose are reserved, however they are written, and the others are free', () => {
  const reserved = new ReservedNames();
  reserved.names = ['users per, minute', 'größe', 'a\\b'];
  expect(has(reserved, 'users\\ per\\,\\ minute,x=y value=1')).toBe(true);
  expect(has(reserved, 'größe value=1')).toBe(true);
  expect(has(reserved, 'a\\b value=1')).toBe(true);
  expect(has(reserved, 'users\\ per value=1')).toBe(false);
  expect(has(reserved, 'users per\\, minute value=1')).toBe(false);
  expect(has(reserved, 'unique_user_event value=1')).toBe(false);
});
