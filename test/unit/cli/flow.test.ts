import { flowOf, ratesBetween, type Sample } from '@weir/cli/flow';

const sample = (redisMs: number, received: number, counted: number, late = 0): Sample => ({
  redisMs,
  counters: new Map([
    ['received', received],
    ['counted', counted],
    ['dead:late', late],
    ['dead-dropped', 5],
  ]),
});

test('rates are lines a second between two looks, whatever became of the lines', () => {
  expect(ratesBetween(sample(1_000, 100, 50), sample(3_000, 300, 80, 10))).toEqual({ inPerSec: 100, outPerSec: 20 });
});

test('rates are unknown without an earlier look, and where Redis lost data between the two', () => {
  expect(ratesBetween(undefined, sample(1_000, 1, 1))).toBeUndefined();
  expect(ratesBetween(sample(1_000, 100, 100), sample(2_000, 90, 90))).toBeUndefined();
  expect(ratesBetween(sample(1_000, 100, 100), sample(1_000, 100, 100))).toBeUndefined();
});

test.each([
  ['idle', 0, 0, 0, 0],
  ['steady', 100, 100, 0, 0],
  ['steady', 100, 97, 500, null],
  ['growing', 100, 50, 500, null],
  ['shrinking', 100, 150, 500, 10],
  ['stuck', 100, 0, 500, null],
  ['stuck', 0, 0, 500, null],
])('%s: %d in, %d out a second, %d waiting: gone in %p s', (trend, inPerSec, outPerSec, waiting, drainSeconds) => {
  expect(flowOf({ inPerSec, outPerSec }, waiting)).toMatchObject({ trend, drainSeconds });
});

test('what is not known makes no zero', () => {
  expect(flowOf(undefined, 5)).toEqual({ rateInPerSec: null, rateOutPerSec: null, trend: null, drainSeconds: null });
  expect(flowOf({ inPerSec: 1, outPerSec: 9 }, null)).toMatchObject({ trend: null, drainSeconds: null });
});
