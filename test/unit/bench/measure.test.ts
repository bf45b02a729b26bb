import { machineTicks, processTicks } from '../../../bench/measure/proc-stat.ts';
import { median, quantile, weightedQuantile } from '../../../bench/measure/statistics.ts';

test('the median is the middle one, or lies between the two', () => {
  expect(median([3, 1, 2])).toBe(2);
  expect(median([4, 1, 2, 3])).toBe(2.5);
  expect(median([])).toBeNaN();
});

test('a quantile is a value that was there', () => {
  const values = Array.from({ length: 100 }, (_, i) => 100 - i);
  expect(quantile(values, 0.5)).toBe(50);
  expect(quantile(values, 0.99)).toBe(99);
  expect(quantile(values, 1)).toBe(100);
  expect(quantile(values, 0)).toBe(1);
  expect(quantile([], 0.5)).toBeNaN();
});

test('a value may stand for many', () => {
  const values = [
    { value: 30, weight: 1 },
    { value: 10, weight: 98 },
    { value: 20, weight: 1 },
  ];
  expect(weightedQuantile(values, 0.5)).toBe(10);
  expect(weightedQuantile(values, 0.99)).toBe(20);
  expect(weightedQuantile(values, 1)).toBe(30);
  expect(weightedQuantile([], 0.5)).toBeNaN();
});

test('the CPU time of a process is read behind its name, whatever that holds', () => {
  const stat = `71 (a) b (c) S 1 71 71 0 -1 4194560 1031 0 0 0 ${[50, 7, 3, 2].join(' ')} 20 0 11 0 46\n`;
  expect(processTicks(stat)).toBe(62);
});

test('of the machine, waiting for disks is idle and what others got is busy', () => {
  const stat = 'cpu  100 1 20 400 50 3 4 9 7 7\ncpu0 1 1 1 1 1 1 1 1 1 1\n';
  expect(machineTicks(stat)).toEqual({ busy: 137, all: 587 });
});
