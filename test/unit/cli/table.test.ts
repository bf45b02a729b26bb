import { formatTable, orQuestion } from '@weir/cli/table';

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

test('columns of text begin at one place, and colours take no width', () => {
  const paint = (text: string, tone: string | undefined) => (tone ? `<${text}>` : text);
  const text = formatTable(
    ['n', 'name', 'state'],
    [
      ['1', 'a', { text: 'ok', tone: 'good' }],
      ['10', 'long-name', { text: '', tone: 'bad' }],
    ],
    { paint, left: ['name'] },
  );
  expect(text).toBe(' <n>  <name>       <state>\n 1  a             <ok>\n10  long-name\n');
});

test('what is not known is a question mark, never a zero', () => {
  expect([orQuestion(null), orQuestion(0)]).toEqual(['?', '0']);
});
