import { eventuallyHolds } from '../support/eventually.ts';
import { expectPublished } from '../support/published-schema.ts';
import { type RedisServer, startRedis } from '../support/redis-server.ts';
import { runCli } from '../support/run-program.ts';
import { openTerminal, type Terminal } from '../support/terminal.ts';

/** `weir top`, on a terminal as the program has it and on a pipe. What it tells of is in the tests of status and lag. */
const VERDICT = /^late: no aggregator is alive: nothing waits yet\. Start one \[no-aggregator\]$/m;

let redis: RedisServer;
let top: readonly string[];

beforeAll(async () => {
  redis = await startRedis();
  top = ['top', '--interval', '200ms', '--utc', '--partitions', '4', '--redis', redis.url];
});

async function onScreen(terminal: Terminal, what: RegExp): Promise<void> {
  await eventuallyHolds(() => expect(terminal.text).toMatch(what), { what: `${what} on the screen` });
}

async function opened(options: { columns?: number; rows?: number } = {}): Promise<Terminal> {
  const terminal = await openTerminal({ args: top, ...options });
  await onScreen(terminal, VERDICT);
  return terminal;
}

/** The terminal is as it was, and the program said nothing. */
async function expectEnded(terminal: Terminal, code: number): Promise<void> {
  expect(await terminal.exited).toEqual({ code: 0, signal: null });
  const { alternate, hidden, wraps } = terminal;
  expect({ alternate, hidden, wraps }).toEqual({ alternate: false, hidden: false, wraps: true });
  expect(terminal.plain).toMatch(new RegExp(`^tty \\S+\\s+pid \\d+\\s+ended ${code} icanon\\s*$`));
}

test('the verdict comes first, and q gives the terminal back', async () => {
  const terminal = await opened();
  const { alternate, hidden } = terminal;
  expect({ alternate, hidden }).toEqual({ alternate: true, hidden: true });
  expect(terminal.lines[0]).toMatch(VERDICT);
  expect(terminal.lines).toHaveLength(24);
  await onScreen(terminal, /^in\/s {10}0 +▁{3,} {2}out\/s {9}0 +▁{3,}$/m);
  expect(terminal.text).toMatch(/^ {8}3 +0 +0 +0 +0 +0s +0 +-$/m);
  terminal.type('q');
  await expectEnded(terminal, 0);
});

test('keys are answered, and Ctrl-C ends it, too', async () => {
  const terminal = await opened();
  terminal.type('s+');
  await onScreen(terminal, /every 0\.5s {2}by partition/);
  terminal.type('p');
  await onScreen(terminal, /PAUSED/);
  terminal.type('?');
  await onScreen(terminal, /any key goes back/);
  terminal.type(' ');
  await onScreen(terminal, VERDICT);
  terminal.type('\u0003');
  await expectEnded(terminal, 0);
});

test('it fills whatever size the terminal gets', async () => {
  const terminal = await opened();
  await terminal.resize(60, 12);
  await eventuallyHolds(() => expect(terminal.lines).toHaveLength(12), { what: 'twelve rows' });
  expect(Math.max(...terminal.lines.map(({ length }) => length))).toBeLessThanOrEqual(60);
  await terminal.resize(132, 43);
  await eventuallyHolds(() => expect(terminal.lines).toHaveLength(43), { what: '43 rows' });
  await onScreen(terminal, /events not folded/);
  terminal.type('q');
  await expectEnded(terminal, 0);
});

test('stopped by Ctrl-Z it gives the terminal back, and takes it again when it goes on', async () => {
  const terminal = await opened();
  terminal.type('\u001a');
  await eventuallyHolds(() => expect(terminal.plain).toMatch(/stopped icanon/), { what: 'it to be stopped' });
  await eventuallyHolds(() => expect(terminal).toMatchObject({ alternate: true, hidden: true }), {
    what: 'it to go on',
  });
  await onScreen(terminal, VERDICT);
  terminal.type('q');
  expect(await terminal.exited).toEqual({ code: 0, signal: null });
  expect(terminal).toMatchObject({ alternate: false, hidden: false, wraps: true });
  expect(terminal.plain).toMatch(/ended 0 icanon\s*$/);
});

test.each([
  ['SIGTERM', 0],
  ['SIGHUP', 129],
] as const)('ended by %s it gives the terminal back', async (signal, code) => {
  const terminal = await opened();
  process.kill(terminal.pid, signal);
  await eventuallyHolds(() => expect(terminal.alternate).toBe(false), { what: 'the terminal to be given back' });
  expect(terminal).toMatchObject({ hidden: false, wraps: true });
  await terminal.exited;
  expect(terminal.plain).toMatch(new RegExp(`ended ${code} icanon\\s*$`));
});

test('while Redis is away it says how old the picture is, and goes on trying', async () => {
  const own = await startRedis();
  const terminal = await openTerminal({ args: [...top.slice(0, -1), own.url] });
  await onScreen(terminal, VERDICT);
  await own.kill();
  await onScreen(terminal, /^[\d.]+s old: Redis does not answer, trying again \(redis-unreachable\)/);
  await onScreen(terminal, VERDICT);
  await own.start();
  await eventuallyHolds(() => expect(terminal.lines[0]).toMatch(VERDICT), { what: 'it to look again' });
  await own.kill();
  await onScreen(terminal, /^[\d.]+s old: /);
  terminal.type('q');
  await expectEnded(terminal, 0);
});

test('on a pipe a report follows the other, without a sequence', async () => {
  const { code, stdout, stderr } = await runCli([...top, '--count', '2'], { LC_ALL: 'C', LANG: 'C' });
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  const reports = stdout.split('\n\n');
  expect(reports).toHaveLength(2);
  for (const report of reports)
    expect(report).toMatch(/^20\d\d-\S+Z weir\nlate: no aggregator .*\n {4}-> weir-aggregator /);
  expect(reports[1]).toMatch(/^in\/s {10}0 +_ +out\/s {9}0 +_$/m);
  expect(stdout).not.toMatch(/[^\n -~]/);
});

test('its JSON is as published', async () => {
  const { code, stdout } = await runCli([...top, '--count', '1', '--json']);
  expect(code).toBe(0);
  expectPublished('top', stdout);
  expect(JSON.parse(stdout)).toMatchObject({ status: { verdict: 'late' }, lag: { intervalMs: null } });
});

test('a Redis that is not there is one line, and the terminal is never taken', async () => {
  const terminal = await openTerminal({ args: ['top', '--redis', 'redis://127.0.0.1:1'] });
  await terminal.exited;
  expect(terminal.taken).toBe(0);
  expect(terminal.plain).toMatch(
    /^tty .*\s+pid .*\s+weir top: Redis at 127\.0\.0\.1:1: .*ECONNREFUSED.*\s+ended 1 icanon\s*$/,
  );
});
