import { readdir, readFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { COMMANDS } from '@weir/cli/command-list';
import { deploymentKey, partitionKeys } from '@weir/common/keys';
import type { Redis } from 'ioredis';
import { cleanup } from '../support/cleanup.ts';
import { freePort } from '../support/free-port.ts';
import { expectPublished } from '../support/published-schema.ts';
import { type RedisServer, startRedis } from '../support/redis-server.ts';
import { runCli } from '../support/run-program.ts';
import { tempDir } from '../support/temp-dir.ts';
import { weir as runWeir } from '../support/weir.ts';

let server: RedisServer;
let redis: Redis;
const { stream, counters } = partitionKeys('weir', 0);

beforeAll(async () => {
  server = await startRedis();
  redis = server.client();
});
beforeEach(async () => {
  await redis.flushall();
  await redis.hset(deploymentKey('weir'), 'partitions', 2);
});

const weir = (...argv: string[]) => runWeir([...argv, '--redis', server.url]);

/** Appends entries of `lines` lines each, and keeps the books as the append script would. */
async function append(entries: number, lines = 10, payload = 'x'): Promise<string[]> {
  const ids: string[] = [];
  for (let i = 0; i < entries; i++) ids.push((await redis.xadd(stream, '*', 'b', 'r:0:1', 'n', lines, 'd', payload))!);
  await redis.hincrby(counters, 'received', entries * lines);
  return ids;
}

/** Every command that looks at a deployment, with what it needs to be told. */
const LOOKING = COMMANDS.filter(({ topic }) => topic === 'Looking:')
  .map(({ name }) => name)
  .filter((name) => name !== 'check');
const TOLD = new Map([
  ['peek', ['0:1-1']],
  ['top', ['--count', '1']],
  ['tail', ['--lines', '1', '--no-follow']],
  ['verify', ['--from', '1h', '--sink', 'http://127.0.0.1:1?db=weir']],
]);
const argvOf = (command: string) => [...command.split(' '), ...(TOLD.get(command) ?? [])];

describe('what cannot be done is one clear line', () => {
  async function refusal(args: string[], env: Record<string, string> = {}) {
    const startedMs = performance.now();
    const { code, out, err } = await runWeir(args, { env });
    expect(out).toBe('');
    expect(err).toMatch(/^[^\n]+\n$/);
    expect(performance.now() - startedMs).toBeLessThan(8_000);
    return { code, stderr: err };
  }

  test.each(LOOKING)('weir %s: nobody listens', async (command) => {
    const port = await freePort();
    expect(await refusal([...argvOf(command), '--redis', `redis://me:hush@127.0.0.1:${port}`])).toEqual({
      code: 1,
      stderr: `weir ${command}: Redis at 127.0.0.1:${port}: connect ECONNREFUSED 127.0.0.1:${port}\n`,
    });
  });

  test('a name with several addresses, none of which answers', async () => {
    const port = await freePort();
    const { code, stderr } = await refusal(['lag', '--redis', `redis://localhost:${port}`]);
    expect(code).toBe(1);
    expect(stderr).toMatch(new RegExp(`^weir lag: Redis at localhost:${port}: .*ECONNREFUSED`));
  });

  test('a server that takes the connection and never answers', async () => {
    const silent = createServer();
    await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
    cleanup('silent server', () => silent.close());
    const { port } = silent.address() as { port: number };
    expect(await refusal(['lag', '--redis', `redis://127.0.0.1:${port}`])).toEqual({
      code: 1,
      stderr: `weir lag: Redis at 127.0.0.1:${port}: no answer in 3000 ms\n`,
    });
  });

  test.each(LOOKING)('weir %s: a wrong password, or none', async (command) => {
    const locked = await startRedis();
    await locked.client().config('SET', 'requirepass', 'hush');
    const wrong = await refusal([...argvOf(command), '--redis', `redis://:wrong-one@127.0.0.1:${locked.port}`]);
    expect(wrong.code).toBe(1);
    expect(wrong.stderr).toMatch(`Redis at 127.0.0.1:${locked.port}: `);
    expect(wrong.stderr).toContain('WRONGPASS');
    expect(wrong.stderr).not.toContain('wrong-one');
    const without = await refusal(argvOf(command), { WEIR_REDIS: locked.url });
    expect(without.code).toBe(1);
    expect(without.stderr).toContain('NOAUTH');
  });

  test.each(LOOKING)(
    'weir %s: a prefix under which nothing was ever started, also in an empty Redis',
    async (command) => {
      const line = (prefix: string) => ({
        code: 1,
        stderr: `weir ${command}: no deployment under prefix "${prefix}" in Redis at 127.0.0.1:${server.port}: no relay or aggregator has started there\n`,
      });
      expect(await refusal([...argvOf(command), '--redis', server.url, '--prefix', 'nothing'])).toEqual(
        line('nothing'),
      );
      await redis.flushall();
      expect(await refusal([...argvOf(command), '--redis', server.url])).toEqual(line('weir'));
    },
  );

  test('a key of another kind in the way', async () => {
    await redis.set(deploymentKey('odd'), 'text');
    expect((await refusal(['lag', '--redis', server.url, '--prefix', 'odd'])).stderr).toContain('WRONGTYPE');
  });

  test.each([
    [['lagg']],
    [['lag', '--jsn']],
    [['lag', 'more']],
    [['lag', '--redis', 'http://me:hush@h']],
    [['lag', '--partitions', '0']],
    [['pending', '--idle', 'soon']],
  ])('wrong usage exits 2: %j', async (argv) => {
    const { code, stdout, stderr } = await runCli(argv);
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).not.toContain('hush');
  });

  test('bad configuration exits 78 and names the variable, or both values', async () => {
    expect(await refusal(['lag'], { WEIR_REDIS: 'nonsense' })).toMatchObject({
      code: 78,
      stderr: expect.stringMatching(/^weir lag: WEIR_REDIS: got "nonsense", expected redis:/),
    });
    const differs = await refusal(['lag', '--redis', server.url, '--partitions', '4']);
    expect(differs.code).toBe(78);
    expect(differs.stderr).toContain('--partitions: got 4, expected 2');
  });
});

describe('a monitor', () => {
  const check = (...argv: string[]) => runWeir(['check', ...argv]);

  test('is told that Redis does not answer, and that there is no deployment', async () => {
    const port = await freePort();
    expect(await check('--redis', `redis://me:hush@127.0.0.1:${port}`)).toEqual({
      code: 2,
      out: `WEIR CRITICAL - Redis at 127.0.0.1:${port}: connect ECONNREFUSED 127.0.0.1:${port}\n`,
      err: '',
    });
    const nothing = await check('--redis', server.url, '--prefix', 'nothing', '--json');
    expect(nothing).toMatchObject({ code: 2, err: '' });
    expectPublished('check', nothing.out);
  });

  test('that was told something wrong exits with 3, unknown', async () => {
    for (const argv of [['--lag-warning', 'soon'], ['--nonsense'], ['--format', 'xml']]) {
      const { code, out } = await check(...argv, '--redis', server.url);
      expect({ code, out }).toEqual({ code: 3, out: '' });
    }
    expect((await runWeir(['check'], { env: { WEIR_REDIS: 'odd' } })).code).toBe(3);
  });
});

describe('how it is printed', () => {
  test('in every format, from the flag, the environment or the file', async () => {
    expect((await weir('lag', '-o', 'wide')).out).toMatch(/^partition /);
    expect((await weir('lag', '-o', 'yaml')).out).toMatch(/^schema: weir.lag\/1\n/);
    expect((await weir('lag', '--json')).out).toMatch(/^\{"schema":"weir.lag\/1",/);
    const file = { readFile: () => `redis: ${server.url}\noutput: yaml\n` };
    expect((await runWeir(['lag', '--config', 'weir.yaml'], file)).out).toMatch(/^schema: /);
    const env = { WEIR_CONFIG: 'weir.yaml', WEIR_OUTPUT: 'json' };
    expect((await runWeir(['lag'], { ...file, env })).out).toMatch(/^\{/);
  });

  test('a file with what is no setting, or none at all, is bad configuration', async () => {
    const odd = await runWeir(['lag', '--config', 'weir.yaml'], { readFile: () => 'consumer: az1\n' });
    expect(odd).toEqual({
      code: 78,
      out: '',
      err: 'weir lag: "consumer" in weir.yaml: unknown key, expected the name of a flag\n',
    });
    expect((await runWeir(['lag', '--config', 'gone.yaml'])).code).toBe(78);
  });

  test('again and again with --watch, one report a line in JSON, until it is stopped', async () => {
    const stop = new AbortController();
    let reports = 0;
    const out = (text: string) => {
      expect(JSON.parse(text)).toMatchObject({ schema: 'weir.lag/1' });
      if (++reports === 2) stop.abort();
    };
    const argv = ['lag', '--json', '--watch', '200ms', '--redis', server.url];
    expect(await runWeir(argv, { out, stopping: stop.signal })).toMatchObject({ code: 0, err: '' });
    expect(reports).toBe(2);
  });

  test('as the published schema says, also before the first event', async () => {
    // An entry or sinks to look at would have to be there.
    for (const command of LOOKING.filter((name) => !['peek', 'tail', 'verify', 'sink list'].includes(name))) {
      const { out, err } = await weir(...argvOf(command), '--json');
      expect(err).toBe('');
      expectPublished(command, out);
    }
  });
});

describe('the built command', () => {
  test('asked for help loads neither Redis nor what reads settings', async () => {
    const dir = await tempDir('coverage');
    await runCli(['--help'], { NODE_V8_COVERAGE: dir });
    // V8 lists every script that was loaded.
    const [file] = await readdir(dir);
    const { result } = JSON.parse(await readFile(join(dir, file!), 'utf8')) as { result: { url: string }[] };
    const loaded = result.map(({ url }) => url);
    expect(loaded.filter((url) => url.includes('/commander/'))).not.toEqual([]);
    expect(loaded.filter((url) => /\/node_modules\/(zod|ioredis|yaml)\//.test(url))).toEqual([]);
  });

  test('prints help and version and exits 0', async () => {
    expect(await runCli(['--version'])).toMatchObject({ code: 0, stdout: expect.stringMatching(/^\d+\.\d+\.\d+\n$/) });
    const help = await runCli(['--help']);
    expect(help).toMatchObject({ code: 0, stderr: '' });
    expect(help.stdout).toMatch(/lag[\s\S]*pending/);
    expect((await runCli(['lag', '--help'])).stdout).toContain('--partitions <n>');
  });

  test('without a command shows its help on stderr and exits 2', async () => {
    const { code, stdout, stderr } = await runCli([]);
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toContain('Usage: weir');
  });

  test('answers both reports from a real deployment', async () => {
    await append(3);
    const reports = await Promise.all([
      runCli(['lag', '--json'], { WEIR_REDIS: server.url }),
      runCli(['pending', '--json'], { WEIR_REDIS: server.url }),
    ]);
    expect(reports.map(({ code, stderr }) => [code, stderr])).toEqual([
      [0, ''],
      [0, ''],
    ]);
    expect(JSON.parse(reports[0].stdout)).toMatchObject({
      schema: 'weir.lag/1',
      totals: { lagEntries: 3, lagEvents: 30 },
    });
    expect(JSON.parse(reports[1].stdout)).toMatchObject({ schema: 'weir.pending/1', totals: { entries: 0 } });
  });
});
