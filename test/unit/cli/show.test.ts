import type { CommandContext } from '@weir/cli/command-context';
import { Flags } from '@weir/cli/flags';
import { type Shown, show } from '@weir/cli/show';
import type { View } from '@weir/cli/view';
import { WeirError } from '@weir/common/errors';
import { PLAIN_VIEW } from '../../support/weir.ts';

/** Shows what the looks find, one after the other; stops after the last of them. */
async function shown(looks: (Shown | WeirError)[], view: Partial<View> = {}, isTty = false) {
  const stop = new AbortController();
  const sleeps: number[] = [];
  let [out, err] = ['', ''];
  const context: CommandContext = {
    name: 'lag',
    commands: [],
    flags: new Flags([], { given: new Map(), env: {}, file: new Map(), fileName: '' }),
    operands: [],
    view: { ...PLAIN_VIEW, ...view },
    env: {},
    out: (text) => {
      out += text;
    },
    err: (text) => {
      err += text;
    },
    readFile: () => '',
    clock: {
      monotonicMs: () => 0,
      sleep: async (ms) => {
        sleeps.push(ms);
        if (sleeps.length === looks.length) stop.abort();
      },
    },
    stopping: stop.signal,
    timeZone: 'UTC',
    terminal: { isTty, size: () => ({ columns: 80, rows: 24 }) },
    errTerminal: { isTty, size: () => ({ columns: 80, rows: 24 }) },
    input: { isTty, open: () => Promise.reject(new Error('nothing to read')) },
    ask: undefined,
  };
  let next = 0;
  const code = await show(context, async () => {
    const found = looks[next++]!;
    if (found instanceof WeirError) throw found;
    return found;
  });
  return { code, out, err, sleeps };
}

const found = (n: number): Shown => ({ report: { schema: 'weir.test/1', n }, text: () => `n ${n}\n` });
const away = new WeirError('redis-unreachable', 'Redis at h:1: connect\nECONNREFUSED', true);
const unbalanced = new WeirError('books-unbalanced', 'the books do not balance', false);

describe('once', () => {
  test.each<[View['format'], string]>([
    ['table', 'n 1\n'],
    ['wide', 'n 1\n'],
    ['json', '{"schema":"weir.test/1","n":1}\n'],
    ['yaml', 'schema: weir.test/1\nn: 1\n'],
  ])('as %s', async (format, out) => {
    expect(await shown([found(1)], { format })).toEqual({ code: 0, out, err: '', sleeps: [] });
  });

  test('a fault that was found is thrown once the report is out', async () => {
    await expect(shown([{ ...found(1), fault: unbalanced }])).rejects.toBe(unbalanced);
  });
});

describe('watched', () => {
  test('reports follow each other until it is stopped', async () => {
    const looks = [found(1), found(2)];
    const watchMs = 3_000;
    expect(await shown(looks, { watchMs })).toEqual({ code: 0, out: 'n 1\n\nn 2\n', err: '', sleeps: [3_000, 3_000] });
    const json = '{"schema":"weir.test/1","n":1}\n{"schema":"weir.test/1","n":2}\n';
    expect((await shown(looks, { watchMs, format: 'json' })).out).toBe(json);
    const yaml = 'schema: weir.test/1\nn: 1\n---\nschema: weir.test/1\nn: 2\n';
    expect((await shown(looks, { watchMs, format: 'yaml' })).out).toBe(yaml);
  });

  test("on a terminal they take each other's place", async () => {
    const { out } = await shown([found(1), found(2)], { watchMs: 1_000 }, true);
    expect(out).toBe('\u001b[2J\u001b[3J\u001b[Hn 1\n\u001b[2J\u001b[3J\u001b[Hn 2\n');
  });

  test('it goes on while Redis is away, and says so in one line', async () => {
    const { code, out, err } = await shown([found(1), away, found(3)], { watchMs: 1_000 });
    expect({ code, out }).toEqual({ code: 0, out: 'n 1\n\nn 3\n' });
    expect(err).toBe('weir lag: Redis at h:1: connect ECONNREFUSED\n');
  });

  test('what goes wrong at the first look ends it', async () => {
    await expect(shown([away, found(2)], { watchMs: 1_000 })).rejects.toBe(away);
  });

  test('its exit code is that of the last look', async () => {
    const bad = { ...found(2), fault: unbalanced };
    expect(await shown([found(1), bad], { watchMs: 1_000 })).toMatchObject({
      code: 1,
      err: 'weir lag: the books do not balance\n',
    });
    expect((await shown([bad, found(2)], { watchMs: 1_000 })).code).toBe(0);
  });
});
