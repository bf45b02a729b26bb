import { OUTPUT_FLAGS, WATCH_FLAG } from '@weir/cli/command-spec';
import { Flags } from '@weir/cli/flags';
import { paintFor } from '@weir/cli/paint';
import { viewOf } from '@weir/cli/view';

const specs = [...OUTPUT_FLAGS, WATCH_FLAG];

function view(given: Record<string, string> = {}, file: Record<string, string> = {}, of = specs) {
  const lists = (texts: Record<string, string>) => new Map(Object.entries(texts).map(([name, text]) => [name, [text]]));
  const sources = { given: lists(given), env: {}, file: lists(file), fileName: 'weir.yaml' };
  return viewOf(of, new Flags(of, sources), {
    env: {},
    timeZone: 'Europe/Berlin',
    terminal: { isTty: false, size: () => ({ columns: 80, rows: 24 }) },
  });
}

test('is a table in the time of the reader unless told', () => {
  expect(view()).toMatchObject({ format: 'table', wide: false, timeZone: 'Europe/Berlin', watchMs: undefined });
  expect(view({ output: 'wide' })).toMatchObject({ format: 'wide', wide: true });
  expect(view({ utc: '', watch: '' })).toMatchObject({ timeZone: 'UTC', watchMs: 2_000 });
});

test('--json is short for --output json, and goes before what the file says', () => {
  expect(view({ json: '' })).toMatchObject({ format: 'json' });
  expect(view({ json: '', output: 'json' })).toMatchObject({ format: 'json' });
  expect(view({ json: '' }, { output: 'yaml' })).toMatchObject({ format: 'json' });
  expect(() => view({ json: '', output: 'yaml' })).toThrow('--json: got also --output yaml');
});

test('a command without these flags has a view all the same', () => {
  expect(view({}, {}, [])).toMatchObject({ format: 'table', timeZone: 'Europe/Berlin' });
});

test.each<[string, Record<string, string>, boolean, boolean]>([
  ['on a terminal', {}, true, true],
  ['elsewhere', {}, false, false],
  ['on a terminal with NO_COLOR', { NO_COLOR: '1' }, true, false],
  ['on a terminal with an empty NO_COLOR', { NO_COLOR: '' }, true, true],
  ['on a dumb terminal', { TERM: 'dumb' }, true, false],
  ['elsewhere with FORCE_COLOR', { FORCE_COLOR: '1', NO_COLOR: '1' }, false, true],
  ['on a terminal with FORCE_COLOR=0', { FORCE_COLOR: '0' }, true, false],
])('colours %s: %p', (_, env, isTty, coloured) => {
  expect(paintFor(env, isTty)('x', 'bad')).toBe(coloured ? '\u001b[31mx\u001b[0m' : 'x');
});
