import { bareLine, madeUpEvents, protocolLine } from '../../../scripts/demo/made-up-events.ts';

const options = { seed: 7, count: 500, from: 1_478_507_520_000_000_000n, spanNs: 120_000_000_000n };

test('the same seed makes the same stream, another seed another one', () => {
  expect([...madeUpEvents(options)]).toEqual([...madeUpEvents(options)]);
  expect([...madeUpEvents(options)]).not.toEqual([...madeUpEvents({ ...options, seed: 8 })]);
});

test('as many events as asked for, no two at one moment, all within the span', () => {
  const timestamps = [...madeUpEvents(options)].map(({ timestamp }) => timestamp);
  expect(new Set(timestamps).size).toBe(options.count);
  expect(timestamps.every((at) => at >= options.from && at < options.from + options.spanNs)).toBe(true);
});

test('some users come again', () => {
  const users = new Set([...madeUpEvents(options)].map(({ username }) => username));
  expect(users.size).toBeGreaterThan(100);
  expect(users.size).toBeLessThan(options.count);
});

test('both forms escape what stands in a tag', () => {
  const event = { product: 'a b', eventType: 'x=y,z', username: 'user-1', timestamp: 5n };
  expect(bareLine(event)).toBe('event_type=x\\=y\\,z,product=a\\ b value=user-1 5');
  expect(protocolLine(event)).toBe('user_event,event_type=x\\=y\\,z,product=a\\ b value="user-1" 5');
});
