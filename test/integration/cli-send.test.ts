import { createReadStream } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { inputOf } from '@weir/cli/input';
import { eventually } from '../support/eventually.ts';
import { FakeRelay } from '../support/fake-relay.ts';
import { freePort } from '../support/free-port.ts';
import { expectPublished } from '../support/published-schema.ts';
import { type Region, startRegion } from '../support/region.ts';
import { runCli } from '../support/run-program.ts';
import { tempDir } from '../support/temp-dir.ts';
import { openTerminal } from '../support/terminal.ts';
import { weir } from '../support/weir.ts';

/** `weir send`: against real relays what counts, against a fake one what it sends and what it says. */
const line = (n: number) =>
  `event_type=login,product=shop value=user${n} ${1_478_507_534}${String(n).padStart(9, '0')}`;
const linesOf = (from: number, to: number) =>
  Array.from({ length: to - from + 1 }, (_, i) => `${line(from + i)}\n`).join('');

async function fileWith(text: string): Promise<string> {
  const path = join(await tempDir('send'), 'events.lp');
  await writeFile(path, text);
  return path;
}

describe('with real daemons', () => {
  let region: Region;
  let relays: string[];
  beforeAll(async () => {
    region = await startRegion();
    relays = region.relays.flatMap(({ http }) => ['--relay', `http://${http}`]);
  });

  test('a file is counted exactly, sent twice too, and what is rejected is named by its line', async () => {
    const good = linesOf(1, 30_000);
    const path = await fileWith(`${good}event_type=login value=nobody\n# the end\n${line(30_001)}`);
    const away = ['--relay', `http://127.0.0.1:${await freePort()}`];
    const first = await runCli(['send', '--file', path, ...away, ...relays, '--json']);
    expect(first.stderr.split('\n')).toEqual([
      expect.stringMatching(/^line 30001: missing-tag: /),
      'weir send: 1 lines were rejected, all others are confirmed',
      '',
    ]);
    expect(first.code).toBe(1);
    const report = JSON.parse(first.stdout);
    expect(report).toMatchObject({ accepted: 30_001, rejected: 1, complete: true, confirmedUpToLine: 30_003 });
    expect(report.rejections).toMatchObject([{ line: 30_001, reason: 'missing-tag' }]);
    expectPublished('send', first.stdout);
    const rest = await runCli(['send', '--file', path, ...relays, '--from-line', '30002']);
    expect(rest).toMatchObject({ code: 0, stderr: '' });
    expect(rest.stdout).toMatch(/^1 lines confirmed in /);
    expect(await region.untilFolded(30_002)).toMatchObject({ counted: 30_001, duplicate: 1 });
  });

  test('lines given as arguments in another precision count, and those without a timestamp too', async () => {
    const before = await region.totals();
    const given = [
      'event_type=a,product=p value=u 1478507534',
      'event_type=a,product=p value=u',
      'event_type=a,product=p value=u',
    ];
    const { code, stderr } = await runCli(['send', ...given, ...relays, '--precision', 's']);
    expect(code).toBe(0);
    expect(stderr).toMatch(/^lines without a timestamp get one here: [^\n]*\n$/);
    expect(await region.untilFolded(before.received + 3)).toMatchObject({ counted: before.counted + 3 });
  });

  test('an event counts once, as JSON and as a line, and a broken one is named by its line', async () => {
    const before = await region.totals();
    const event = { event_type: 'login', product: 'json', username: 'ada', timestamp: '1478507534415525888' };
    const path = await fileWith(
      `${JSON.stringify(event)}\n{"event_type":\nevent_type=login,product=json value=ada 1478507534415525888\n`,
    );
    const { code, stderr } = await runCli(['send', '--file', path, ...relays]);
    expect(code).toBe(1);
    expect(stderr).toMatch(/^line 2: syntax: broken JSON: [^\n]*\nweir send: 1 lines were rejected/);
    expect(await region.untilFolded(before.received + 2)).toMatchObject({
      counted: before.counted + 1,
      duplicate: before.duplicate + 1,
    });
  });
});

describe('with a relay that does as it is told', () => {
  let relay: FakeRelay;
  beforeEach(async () => {
    relay = await FakeRelay.start();
  });
  /** Within this process, with a file for stdin. */
  const send = async (text: string, ...argv: string[]) =>
    weir(['send', '--relay', relay.url, ...argv], { input: inputOf(createReadStream(await fileWith(text))) });

  test('stdin in order, cut at line ends, each request with a key of its own', async () => {
    const { code, out, err } = await send(linesOf(1, 25_000), '--in-flight', '1');
    expect({ code, err }).toEqual({ code: 0, err: '' });
    expect(out).toMatch(/^25000 lines confirmed in /);
    expect(relay.requests.map(({ body }) => body).join('')).toBe(linesOf(1, 25_000));
    expect(relay.requests.length).toBeGreaterThan(1);
    expect(new Set(relay.requests.map(({ headers }) => headers['idempotency-key'])).size).toBe(relay.requests.length);
  });

  test('what is not answered goes again with the same bytes and key, the timestamps given here among them', async () => {
    let asked = 0;
    relay.answer = () => (++asked === 1 ? undefined : { status: 204 });
    expect((await send('event_type=a,product=p value=u\n', '-')).code).toBe(0);
    const [first, again] = relay.requests;
    expect(first!.body).toMatch(/^event_type=a,product=p value=u \d{19}\n$/);
    expect(again!.body).toBe(first!.body);
    expect(again!.headers['idempotency-key']).toBe(first!.headers['idempotency-key']);
  });

  test('lines that the relay rejects are named by their place in the input', async () => {
    relay.answer = ({ body }) =>
      body.includes('user6 ')
        ? {
            status: 400,
            body: {
              error: 'partial write: dropped=1',
              rejected: [
                {
                  line: body.split('\n').findIndex((text) => text.includes('user6 ')) + 1,
                  reason: 'future',
                  detail: 'too new',
                },
              ],
            },
          }
        : { status: 204 };
    const { code, err } = await send(linesOf(1, 10), '--rate', '40/s');
    expect(code).toBe(1);
    expect(relay.requests).toHaveLength(3);
    expect(err).toBe('line 6: future: too new\nweir send: 1 lines were rejected, all others are confirmed\n');
  });

  test('what is no relay is not believed: neither its numbers nor its control characters, nor more than it may say', async () => {
    const rejected = [{ line: 1, reason: 'a\u001b[2J', detail: 'b' }];
    relay.answer = () => ({ status: 400, body: { error: 'partial write: dropped=99', rejected } });
    const partly = await send(linesOf(1, 2), '--json');
    expect(JSON.parse(partly.out)).toMatchObject({ accepted: 0, rejected: 2 });
    expect(partly.err).toMatch(/^line 1: a\?\[2J: b\n/);
    relay.answer = () => ({ status: 403, body: { error: `go\u001b[2J away${'!'.repeat(3_000_000)}` } });
    const refused = await send(linesOf(1, 2));
    expect(refused.code).toBe(1);
    expect(refused.err).toContain('HTTP 403: ');
    expect(refused.err).not.toContain('\u001b');
    expect(refused.err.length).toBeLessThan(500);
  });

  test('where no relay takes more it says up to where all is confirmed', async () => {
    relay.answer = ({ body }) => (body.includes('user5 ') ? { status: 503, body: { error: 'full' } } : { status: 204 });
    const { code, out, err } = await send(linesOf(1, 8), '--rate', '20/s', '--patience', '100ms', '--in-flight', '1');
    expect(code).toBe(1);
    expect(out).toMatch(/^4 lines confirmed in .*; everything up to line 4 is settled\n$/);
    expect(err).toMatch(
      /^weir send: settled up to line 4; go on with --from-line 5: no relay took the lines within 0.1s; .*full\n$/,
    );
  });

  test('stopped, it says up to where all is confirmed, and waits for no more input', async () => {
    const stop = new AbortController();
    const asked = weir(['send', '--relay', relay.url, '-'], {
      stopping: stop.signal,
      input: { isTty: false, open: async () => endless() },
    });
    await eventually(() => relay.requests.length === 1, { what: 'the first line to be sent' });
    stop.abort();
    const { code, err } = await asked;
    expect(code).toBe(1);
    expect(err).toBe('weir send: settled up to line 1; go on with --from-line 2: stopped\n');
  });

  test('a bar on a terminal, and Ctrl-C ends it', async () => {
    const path = await fileWith(linesOf(1, 5_000));
    const terminal = await openTerminal({ args: ['send', '--file', path, '--relay', relay.url, '--rate', '100/s'] });
    await eventually(() => terminal.plain.includes('lines/s'), { what: 'the bar' });
    terminal.type('\u0003');
    await terminal.exited;
    expect(terminal.plain).toMatch(/\[#*\.+\] +\d+% {2}[\d.]+ K?i?B of \d+ KiB, \d+ lines, [\d.]+ lines\/s/);
    expect(terminal.plain).toMatch(/weir send: settled up to line \d+.*; go on with --from-line \d+: stopped/);
  });
});

test('what cannot be read, or is not there, is one line', async () => {
  const nothing = await weir(['send']);
  expect(nothing).toEqual({ code: 2, out: '', err: 'weir send: expected lines, --file <path>, or lines on stdin\n' });
  const missing = await runCli(['send', '--file', 'nowhere.lp']);
  expect(missing).toMatchObject({ code: 1, stdout: '' });
  expect(missing.stderr).toMatch(/^weir send: the input cannot be read: ENOENT: [^\n]*\n$/);
});

/** One line, and then nothing for ever, until it is closed. */
function endless() {
  let close: () => void = () => undefined;
  const closed = new Promise<void>((resolve) => {
    close = resolve;
  });
  async function* chunks() {
    yield Buffer.from(`${line(1)}\n`);
    await closed;
  }
  return { chunks: chunks(), totalBytes: undefined, close };
}
