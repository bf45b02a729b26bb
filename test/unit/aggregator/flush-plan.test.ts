import { heldOf, planFlush, pointName, pointsOf } from '@weir/aggregator/flush-plan';
import type { GroupCount } from '@weir/aggregator/totals-codec';
import fc from 'fast-check';

const group = (product: string, events: number, users: number): GroupCount => ({
  eventType: 'e',
  product,
  events,
  users,
});

const counts = fc.array(
  fc.record({
    eventType: fc.constantFrom('a', 'b'),
    product: fc.constantFrom('x', '__proto__'),
    events: fc.integer({ min: 1, max: 9 }),
    users: fc.integer({ min: 1, max: 9 }),
  }),
  { maxLength: 4 },
);
const unique = counts.map((all) => [
  ...new Map(all.map((count) => [`${count.eventType}/${count.product}`, count])).values(),
]);

describe('a flush', () => {
  test('makes two points of a group', () => {
    expect(pointsOf([group('x', 5, 2)])).toEqual([
      { measurement: 'unique_user_event', eventType: 'e', product: 'x', value: 2 },
      { measurement: 'cumulative_user_event', eventType: 'e', product: 'x', value: 5 },
    ]);
  });

  test('writes everything to a sink that holds nothing', () => {
    const totals = [group('x', 5, 2), group('y', 1, 1)];
    expect(planFlush(totals, new Map())).toEqual({
      points: pointsOf(totals),
      names: pointsOf(totals).map(pointName),
      shrunk: [],
    });
  });

  test('writes only the points that are larger than what the sink holds', () => {
    const held = heldOf(pointsOf([group('x', 4, 2), group('y', 1, 1)]));
    expect(planFlush([group('x', 5, 2), group('y', 1, 1)], held)).toEqual({
      points: [{ measurement: 'cumulative_user_event', eventType: 'e', product: 'x', value: 5 }],
      names: [pointName({ measurement: 'cumulative_user_event', eventType: 'e', product: 'x' })],
      shrunk: [],
    });
  });

  test('never writes a smaller value, and tells that it would have', () => {
    const [users, events] = pointsOf([group('x', 4, 1)]);
    expect(planFlush([group('x', 4, 1)], heldOf(pointsOf([group('x', 5, 2)])))).toEqual({
      points: [],
      names: [],
      shrunk: [
        { point: users, held: 2 },
        { point: events, held: 5 },
      ],
    });
  });

  test('says nothing of points of which the totals know nothing', () => {
    expect(planFlush([], heldOf(pointsOf([group('x', 5, 2)])))).toEqual({ points: [], names: [], shrunk: [] });
  });

  test('leaves the sink with the larger of both values of every point, and nothing to do the second time', () => {
    fc.assert(
      fc.property(unique, unique, (totals, before) => {
        const held = heldOf(pointsOf(before));
        const after = new Map(held);
        for (const point of planFlush(totals, held).points) after.set(pointName(point), point.value);
        for (const point of pointsOf(totals)) {
          expect(after.get(pointName(point))).toBe(Math.max(point.value, held.get(pointName(point)) ?? 0));
        }
        expect(planFlush(totals, after).points).toEqual([]);
      }),
    );
  });

  test('keeps points of any two names apart', () => {
    const names = ['a', 'ab', 'b', '', 'a b', '__proto__'];
    const points = names.flatMap((eventType) =>
      names.flatMap((product) => pointsOf([{ eventType, product, events: 1, users: 1 }])),
    );
    expect(new Set(points.map(pointName)).size).toBe(names.length ** 2 * 2);
  });
});
