import { COMMANDS } from '@weir/cli/command-list';
import { flagName, settingFlags } from '@weir/cli/command-spec';
import { nearest } from '@weir/cli/config/nearest';
import { CLI_TYPES } from '@weir/cli/config/program-settings';
import { expectPublished } from '../../support/published-schema.ts';
import { weir } from '../../support/weir.ts';

/** `weir config check weir.yaml …` of a file with such a text. */
const check = (text: string, ...argv: string[]) =>
  weir(['config', 'check', 'weir.yaml', ...argv], { readFile: () => text });

test('all faults at once, each with its line, what was found and what was expected', async () => {
  const { code, out, err } = await check(`redis: redis://me:hush@h/x
htp: 0.0.0.0:9610
grace: 5 s
udp: off
partitions: [1, 2]
hold: {a: b}
sink:
  - http://h:8086?db=e&p=hush
  - file:a
  - stdout:?nme=x
window: 1500ms
unique-measurement: a
cumulative-measurement: a
http-tls-cert: x.pem
"a\\nb": 1
`);
  expect(
    out,
  ).toBe(`weir.yaml:1: redis: got "redis://me:***@h/x", expected redis://[user:password@]host[:port][/db] or rediss://…
weir.yaml:2: "htp": unknown key, expected the name of a flag of weir-aggregator; perhaps http
weir.yaml:3: grace: got "5 s", expected a duration such as 500ms, 60s, 15m, 6h or 7d, from 0ms to 1h
weir.yaml:4: "udp": unknown key, expected the name of a flag of weir-aggregator; it is one of weir-relay
weir.yaml:5: partitions: got "1,2", expected a whole number from 1 to 1024
weir.yaml:6: hold: got no plain value, expected a duration such as 500ms, 60s, 15m, 6h or 7d
weir.yaml:7: sink: got "http://h:8086?db=e&p=***", expected u= and p= together, or neither
weir.yaml:7: sink: got "stdout:?nme=x", expected no parameters but name; unknown is nme
weir.yaml:11: --window: got 1500ms, expected whole seconds
weir.yaml:13: --cumulative-measurement: got "a", expected another than --unique-measurement
weir.yaml:14: --http-tls-key: got nothing, expected a file, as --http-tls-cert is set
weir.yaml:15: "a\\nb": unknown key, expected the name of a flag of weir-aggregator
`);
  expect({ code, err }).toEqual({ code: 78, err: 'weir config check: weir.yaml: 12 faults\n' });
});

test.each([
  ['redis: redis://h', [], 'weir-relay and weir-aggregator and weir'],
  ['', [], 'weir-relay and weir-aggregator and weir'],
  ['udp: off\nhttp: 127.0.0.1:1', [], 'weir-relay'],
  ['grace: 5s', [], 'weir-aggregator'],
  ['lag-warning: 5s\nutc: true\nrelay: [http://h:1, http://i:1]', [], 'weir'],
  ['http: off', ['--for', 'aggregator'], 'weir-aggregator'],
])('%j is right for %s %s', async (text, argv, programs) => {
  expect(await check(text, ...argv)).toEqual({ code: 0, out: `weir.yaml: right for ${programs}\n`, err: '' });
});

test.each([
  ['http: off\nudp: off', 'relay', 'weir.yaml:1: --http: got off, expected an address, as --udp is off'],
  ['inflight-bytes: 1MiB', 'relay', 'weir.yaml:1: --inflight-bytes: got 1048576 bytes, expected at least --body-limit'],
  ['body-limit: 1GiB', 'relay', 'weir.yaml:1: --inflight-bytes: got 268435456 bytes, expected at least --body-limit'],
  ['journal-bytes: 8MiB\njournal: off', 'relay', undefined],
  ['http-request-timeout: 1s', 'relay', 'weir.yaml:1: --http-header-timeout: got 10s, expected at most'],
  ['http-request-timeout: 1s\nhttp: off', 'relay', undefined],
  ['log-level: loud', 'aggregator', 'weir.yaml:1: log-level: got "loud", expected one of debug,'],
  ['sink: [file:a, file:b/a]', 'aggregator', 'weir.yaml:1: sink: got "file:b/a", expected a name of its own'],
  ['utc: yes', 'cli', 'weir.yaml:1: utc: got "yes", expected true or false'],
  ['token: hush', 'cli', 'weir.yaml:1: "token": unknown key, expected the name of a flag of weir'],
  ['- a', 'cli', 'weir.yaml: YAML of another form, expected YAML of the form "flag: value"'],
  ['a: 1\na: 2', 'cli', 'weir.yaml:2: no YAML (DUPLICATE_KEY), expected YAML of the form "flag: value"'],
])('%j for %s: %s', async (text, program, line) => {
  const { code, out } = await check(text, '--for', program);
  expect(code).toBe(line === undefined ? 0 : 78);
  expect(out.startsWith(line ?? 'weir.yaml: right')).toBe(true);
  expect(out.match(/\n/g)).toHaveLength(1);
  expect(out).not.toContain('hush');
});

test('what is wrong is in its JSON, too', async () => {
  const { code, out } = await check('grace: 5 s', '--json');
  expect(code).toBe(78);
  expectPublished('config check', out);
  expect(JSON.parse(out)).toMatchObject({
    right: false,
    programs: [{ program: 'aggregator', faults: [{ key: 'grace', line: 1, value: '5 s' }] }],
    deployment: null,
  });
});

test('a Redis in the environment is no wish to compare with it; one on the command line needs to know for whom', async () => {
  const env = { WEIR_REDIS: 'redis://127.0.0.1:1' };
  const read = { readFile: () => 'prefix: a' };
  expect(await weir(['config', 'check', 'weir.yaml'], { env, ...read })).toMatchObject({ code: 0, err: '' });
  expect(await weir(['config', 'check', 'weir.yaml', '--redis', env.WEIR_REDIS], read)).toMatchObject({
    code: 2,
    err: 'weir config check: --redis: got a Redis to compare with, expected also --for <program>\n',
  });
});

test('a file that is not there is one line', async () => {
  const { code, out, err } = await weir(['config', 'check', 'none.yaml']);
  expect({ code, out }).toEqual({ code: 78, out: '' });
  expect(err).toBe('weir config check: file: got "none.yaml" (ENOENT), expected a readable YAML file\n');
});

test('every setting of weir that may stand in a file is known here', () => {
  const names = settingFlags(COMMANDS)
    .filter(({ inFile }) => inFile)
    .map(flagName);
  expect([...CLI_TYPES.keys()].sort()).toEqual(names.sort());
});

test.each([
  ['htp', 'http'],
  ['latenes', 'lateness'],
  ['lateness_', 'lateness'],
  ['claim_idle', 'claim-idle'],
  ['wnidow', 'window'],
  ['sinks', 'sink'],
  ['colour', undefined],
  ['', undefined],
])('%j may have been %s', (typed, meant) => {
  expect(nearest(typed, ['http', 'lateness', 'claim-idle', 'window', 'sink', 'hold'])).toBe(meant);
});
