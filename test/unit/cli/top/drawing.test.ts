import { cellsOf, clip, wrap } from '@weir/cli/top/cells';
import { HELP } from '@weir/cli/top/help';
import { LEAVE, Screen } from '@weir/cli/top/screen';
import { shares } from '@weir/cli/top/sections';
import { sparkline } from '@weir/cli/top/sparkline';
import { asciiOnly, isDumb, shorten } from '@weir/cli/top/top-style';

describe('cells', () => {
  test.each([
    ['abc', 3],
    ['機械', 4],
    ['e\u0301', 1],
    ['\u001b[31mred\u001b[0m', 3],
    ['ｱ', 1],
    ['▁█…', 3],
    ['😀', 2],
  ])('%j takes %i', (text, cells) => {
    expect(cellsOf(text)).toBe(cells);
  });

  test('what has no room is cut, colours are not', () => {
    expect(clip('abcdef', 3)).toBe('abc');
    expect(clip('a機械', 2)).toBe('a');
    expect(clip('\u001b[31mred\u001b[0m and more', 2)).toBe('\u001b[31mre\u001b[0m');
  });

  test('lines break between words, and within one that is longer than the line', () => {
    expect(wrap('one two three', 7, 2)).toEqual(['one two', '  three']);
    expect(wrap('abcdefghij kl', 4, 2)).toEqual(['abcd', '  ef', '  gh', '  ij', '  kl']);
    expect(wrap('機', 1)).toEqual(['']);
  });
});

test('zero is the lowest bar and only zero is; what is not known is a gap', () => {
  expect(sparkline([0, 1, 1_000, null, 500], { cells: 7, ascii: false })).toBe('  ▁▂█ ▅');
  expect(sparkline([0, 1, 1_000, null, 500], { cells: 3, ascii: true })).toBe('# =');
  expect(sparkline([0, 0], { cells: 2, ascii: false })).toBe('▁▁');
  expect(sparkline([5], { cells: 1, top: 10, ascii: false })).toBe('▅');
  expect(sparkline([5], { cells: -3, ascii: false })).toBe('');
});

test('rows are shared so that small parts are whole before a large one takes the rest', () => {
  expect(shares([65, 3, 3, 3], 14)).toEqual([5, 3, 3, 3]);
  expect(shares([9, 3], 3)).toEqual([2, 1]);
  expect(shares([2, 2], 10)).toEqual([2, 2]);
  expect(shares([2, 2], 0)).toEqual([0, 0]);
});

test('the help has room on the smallest terminal that is promised', () => {
  expect(HELP.length).toBeLessThanOrEqual(24);
  for (const line of HELP) expect(line.length).toBeLessThanOrEqual(80);
});

test.each([
  [{ LANG: 'de_DE.UTF-8', TERM: 'xterm' }, false],
  [{ LC_ALL: 'C', LANG: 'de_DE.UTF-8', TERM: 'xterm' }, true],
  [{ LC_CTYPE: 'en_US.utf8', TERM: 'screen' }, false],
  [{ LANG: 'C.UTF-8', TERM: 'linux' }, true],
  [{ LANG: 'C.UTF-8', TERM: 'dumb' }, true],
  [{ TERM: 'xterm' }, true],
])('%j: letters instead of blocks: %s', (env, ascii) => {
  expect(asciiOnly(env)).toBe(ascii);
});

test('a dumb terminal cannot move its cursor', () => {
  expect([isDumb({ TERM: 'dumb' }), isDumb({}), isDumb({ TERM: 'vt100' })]).toEqual([true, true, false]);
});

test('long names are shortened', () => {
  const style = { paint: (text: string) => text, ascii: false, timeZone: 'UTC' };
  expect(shorten('aggregator-1', 12, style)).toBe('aggregator-1');
  expect(shorten('aggregator-12', 12, style)).toBe('aggregator-…');
  expect(shorten('aggregator-12', 12, { ...style, ascii: true })).toBe('aggregato...');
});

describe('the screen', () => {
  test('only what changed is written again, each line erased to its end unless it is full', () => {
    const writes: string[] = [];
    const screen = new Screen((text) => writes.push(text));
    screen.show(['one', 'two', 'full!'], 5);
    screen.show(['one', '2', 'full!'], 5);
    screen.show(['one', '2', 'full!'], 5);
    screen.show(['one'], 5);
    screen.forget();
    screen.show(['one'], 5);
    const start = '\u001b[?1049h\u001b[?25l\u001b[?7l\u001b[2J';
    expect(writes).toEqual([
      `${start}\u001b[1;1Hone\u001b[K\u001b[2;1Htwo\u001b[K\u001b[3;1Hfull!`,
      '\u001b[2;1H2\u001b[K',
      '\u001b[2;1H\u001b[K\u001b[3;1H\u001b[K',
      `${start}\u001b[1;1Hone\u001b[K`,
    ]);
    expect(LEAVE).toBe('\u001b[?7h\u001b[?25h\u001b[?1049l');
  });
});
