import { figure, type Result, renderResults, targetMet } from '../../../bench/results.ts';
import type { Measure } from '../../../bench/scenario.ts';

const measure = (runs: number[], target?: Measure['target']): Measure => ({
  what: 'Weir',
  unit: 's',
  runs,
  ...(target ? { target } : {}),
});

const result = (over: Partial<Result>): Result => ({
  scenario: 'http',
  what: 'how fast',
  sizes: { runs: 3, events: 4_000_000 },
  settings: { groups: 20 },
  measures: [measure([3, 1, 2], { atMost: 2 })],
  date: '2016-11-07T08:32:00.000Z',
  minutes: 1,
  commit: 'abc',
  machine: { processors: '2 × slow' },
  versions: { Weir: '0.1.0' },
  othersShare: 0.01,
  ...over,
});

test('a row is the median, its bounds, and whether the target is met', () => {
  expect(renderResults([result({})])).toContain('| Weir | 2 | 1 to 3 | s | ≤ 2 | met |\n');
  const missed = result({ measures: [measure([3, 1, 2, 9], { atLeast: 3 })] });
  expect(renderResults([missed])).toContain('| Weir | 2.5 | 1 to 9 | s | ≥ 3 | **not met** |\n');
  expect(renderResults([result({ measures: [measure([5])] })])).toContain('| Weir | 5 |  | s |  |  |\n');
});

test('sizes, settings, machine and versions stand with the figures', () => {
  const text = renderResults([result({ notes: ['one note'] })]);
  for (const part of ['events 4,000,000, groups 20', '2 × slow', 'Weir 0.1.0', 'commit abc', 'One note.']) {
    expect(text).toContain(part);
  }
});

test('a machine that was not quiet is named', () => {
  expect(renderResults([result({})])).not.toContain('not quiet');
  expect(renderResults([result({ othersShare: 0.2 })])).toContain('not quiet');
});

test('a figure that is none meets no target', () => {
  expect(targetMet(measure([Number.NaN], { atLeast: 1 }))).toBe(false);
  expect(figure(Number.NaN)).toBe('?');
});

test.each([
  [1_234_567.8, '1,234,568'],
  [99.96, '100'],
  [0.012345, '0.0123'],
  [3, '3'],
])('%d reads %s', (value, text) => {
  expect(figure(value)).toBe(text);
});
