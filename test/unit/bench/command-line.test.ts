import { commandLine, isSmaller } from '../../../bench/command-line.ts';
import type { Scenario } from '../../../bench/scenario.ts';

const scenario = (name: string, sizes: Scenario['sizes']): Scenario => ({
  name,
  what: name,
  sizes,
  run: () => Promise.reject(new Error('not to be run')),
});
const fast = scenario('fast', { runs: 5, events: 100 });
const long = scenario('long', { runs: 1, minutes: 60 });

const chosen = (args: readonly string[]) => {
  const asked = commandLine(args, [fast, long]);
  if (asked.kind !== 'measure') throw new Error(`${asked.kind}`);
  return asked.chosen.map(({ scenario: { name }, sizes }) => ({ name, ...sizes }));
};

test('without names everything is measured, in order', () => {
  expect(chosen([])).toEqual([
    { name: 'fast', runs: 5, events: 100 },
    { name: 'long', runs: 1, minutes: 60 },
  ]);
  expect(chosen(['long', 'fast']).map(({ name }) => name)).toEqual(['fast', 'long']);
});

test('a size reaches the scenarios it means something to', () => {
  expect(chosen(['--runs', '2', '--minutes', '0.5'])).toEqual([
    { name: 'fast', runs: 2, events: 100 },
    { name: 'long', runs: 2, minutes: 0.5 },
  ]);
});

test.each([
  [['nothing'], 'nothing'],
  [['--runs', '0'], '--runs'],
  [['--events', '1.5'], '--events'],
  [['--minutes', 'x'], '--minutes'],
  [['--unknown'], '--unknown'],
])('%j is wrong usage', (args, named) => {
  const asked = commandLine(args, [fast, long]);
  expect(asked).toEqual({ kind: 'wrong', reason: expect.stringContaining(named) });
});

test('only what is at least as large as the default is worth writing down', () => {
  expect(isSmaller({ runs: 5, events: 100 }, fast.sizes)).toBe(false);
  expect(isSmaller({ runs: 6, events: 99 }, fast.sizes)).toBe(true);
});
