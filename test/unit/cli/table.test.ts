import { formatAge, formatTable, orQuestion } from '@weir/cli/table';

test('a table is right-aligned plain text without trailing spaces', () => {
  const text = formatTable(
    ['partition', 'lag'],
    [
      ['0', '12345'],
      ['total', ''],
    ],
  );
  expect(text).toBe('partition    lag\n        0  12345\n    total\n');
});

test('a name from outside cannot break a line or move the cursor', () => {
  expect(formatTable(['a'], [['x\ny\u001b[2J\u2028']])).toBe(
    '         a\nx?y?[2J?\n'.replace('         a', '       a'),
  );
});

test.each([
  [0, '0s'],
  [1, '0.1s'],
  [1_234, '1.2s'],
  [59_949, '59.9s'],
  [59_950, '1m00s'],
  [187_000, '3m07s'],
  [3_600_000, '1h00m'],
  [18_180_000, '5h03m'],
  [172_799_000, '47h59m'],
  [1_051_200_000, '12d04h'],
])('%d ms read as %s', (ms, text) => expect(formatAge(ms)).toBe(text));

test('what is not known is a question mark, never a zero', () => {
  expect([orQuestion(null), orQuestion(0)]).toEqual(['?', '0']);
});
