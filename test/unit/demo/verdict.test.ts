import { differences, eventsIn, sameLines, timestampOf } from '../../../scripts/demo/verdict.ts';
import { articlePoints } from '../../support/article.ts';

test('the same lines are the same, one fewer, one more or one other is not', () => {
  expect(sameLines(['a', 'b'], ['a', 'b'])).toBe(true);
  expect(sameLines(['a'], ['a', 'b'])).toBe(false);
  expect(sameLines(['a', 'b'], ['a'])).toBe(false);
  expect(sameLines(['a', 'c'], ['a', 'b'])).toBe(false);
});

test('differences show both sides of a wrong point', () => {
  expect(differences('az1', ['p value=1 5'], ['p value=2 5'])).toBe(
    'az1: 1 points missing or wrong, 1 not expected\n  expected p value=2 5\n  holds    p value=1 5',
  );
});

test('the events of the example are five, in the minute that began at 08:32', () => {
  expect(eventsIn(articlePoints())).toBe(5);
  expect(timestampOf(articlePoints()[0]!)).toBe('1478507520000000000');
});
