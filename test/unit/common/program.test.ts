import { EventEmitter } from 'node:events';
import { setImmediate as turn } from 'node:timers/promises';
import type { Clock } from '@weir/common/clock';
import { SettingsError, WeirError } from '@weir/common/errors';
import { type BuildContext, type Daemon, type ProcessPort, packageVersion, runDaemon } from '@weir/common/program';
import { integer } from '@weir/common/setting-values';
import { defineSettings, setting } from '@weir/common/settings';

class FakeProcess extends EventEmitter implements ProcessPort {
  argv = ['node', 'main.js'];
  env = {};
  out = '';
  err = '';
  exits: number[] = [];
  stdout = { write: (text: string) => (this.out += text) };
  stderr = { write: (text: string) => (this.err += text), isTTY: false };
  exit(code: number): void {
    this.exits.push(code);
  }
}

/** A clock whose sleeps end only when told. */
class HeldClock implements Clock {
  #wakers: (() => void)[] = [];
  monotonicMs(): number {
    return 0;
  }
  sleep(_ms: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      this.#wakers.push(resolve);
      signal?.addEventListener('abort', () => resolve());
    });
  }
  elapse(): void {
    for (const wake of this.#wakers.splice(0)) wake();
  }
}

const spec = defineSettings({
  partitions: setting({ flag: 'partitions <n>', description: 'n', parse: integer(1, 64), default: '8' }),
});

function run({
  argv = [],
  service = {},
  reload = false,
  build,
}: {
  argv?: string[];
  reload?: boolean;
  service?: Partial<Daemon['service']>;
  build?: (context: BuildContext) => Promise<Daemon>;
} = {}) {
  const process = new FakeProcess();
  process.argv.push(...argv);
  const clock = new HeldClock();
  const calls: string[] = [];
  const logged: { level: string; msg: string; [field: string]: unknown }[] = [];
  let context: BuildContext | undefined;
  const daemon: Daemon = {
    service: {
      start: async () => void calls.push('start'),
      stop: async () => void calls.push('stop'),
      ...service,
    },
    ready: () => ({ http: '127.0.0.1:9' }),
    ...(reload ? { reload: () => void calls.push('reload') } : {}),
  };
  const ended = runDaemon({
    name: 'weir-test',
    version: '1.2.3',
    description: 'A program under test.',
    spec,
    process,
    clock,
    log: (line) => logged.push(JSON.parse(line)),
    build: (settings, given) => {
      context = given;
      calls.push(`build with ${settings.partitions}`);
      return build?.(given) ?? Promise.resolve(daemon);
    },
  });
  const until = async (condition: () => boolean) => {
    for (let turns = 0; !condition(); turns++) {
      if (turns > 1_000) throw new Error(`never came: ${JSON.stringify({ calls, logged })}`);
      await turn();
    }
  };
  const said = (message: string) => logged.some(({ msg }) => msg === message);
  return { process, clock, calls, logged, ended, until, said, fail: (error: unknown) => context?.fail(error) };
}

describe('a daemon', () => {
  test('starts, says where it is ready, and on SIGTERM stops and exits 0', async () => {
    const { process, calls, logged, ended, until, said } = run({ argv: ['--partitions', '3'] });
    await until(() => said('ready'));
    expect(logged[0]).toMatchObject({
      level: 'info',
      http: '127.0.0.1:9',
      version: '1.2.3',
      settings: { partitions: '3' },
    });
    process.emit('SIGTERM', 'SIGTERM');
    await ended;
    expect(calls).toEqual(['build with 3', 'start', 'stop']);
    expect(process.exits).toEqual([0]);
    expect(process.eventNames()).toEqual([]);
  });

  test('reads its files again at each SIGHUP, and goes on', async () => {
    const { process, calls, ended, until, said } = run({ reload: true });
    await until(() => calls.length > 0);
    process.emit('SIGHUP', 'SIGHUP');
    await until(() => said('ready') && calls.includes('reload'));
    process.emit('SIGHUP', 'SIGHUP');
    await until(() => calls.filter((call) => call === 'reload').length === 2);
    expect(process.exits).toEqual([]);
    process.emit('SIGTERM', 'SIGTERM');
    process.emit('SIGHUP', 'SIGHUP');
    await ended;
    expect(calls.filter((call) => call !== 'reload')).toEqual(['build with 8', 'start', 'stop']);
    expect(calls.filter((call) => call === 'reload')).toHaveLength(2);
  });

  test('with no file to read again takes a SIGHUP for nothing', async () => {
    const { process, calls, ended, until, said } = run();
    await until(() => said('ready'));
    process.emit('SIGHUP', 'SIGHUP');
    await until(() => said('reading files again'));
    process.emit('SIGTERM', 'SIGTERM');
    await ended;
    expect(calls).toEqual(['build with 8', 'start', 'stop']);
    expect(process.exits).toEqual([0]);
  });

  test('that does not drain in time exits 1', async () => {
    const { process, clock, ended, until, said } = run({ service: { stop: () => new Promise(() => undefined) } });
    await until(() => said('ready'));
    process.emit('SIGINT', 'SIGINT');
    await turn();
    expect(process.exits).toEqual([]);
    clock.elapse();
    await ended;
    expect(process.exits).toEqual([1]);
    expect(said('not drained in time: exiting with work in hand')).toBe(true);
  });

  test('exits 1 at once on a second signal', async () => {
    const { process, ended, until, said } = run({ service: { stop: () => new Promise(() => undefined) } });
    await until(() => said('ready'));
    process.emit('SIGTERM', 'SIGTERM');
    process.emit('SIGINT', 'SIGINT');
    await ended;
    expect(process.exits).toEqual([1]);
  });

  test('that hangs in its start still stops on a signal with 0', async () => {
    let giveUp: (error: unknown) => void = () => undefined;
    const calls: string[] = [];
    const { process, ended, until } = run({
      service: {
        start: () => {
          calls.push('start');
          return new Promise((_, reject) => {
            giveUp = reject;
          });
        },
        stop: async () => giveUp(new WeirError('redis-unreachable', 'gave up', true)),
      },
    });
    await until(() => calls.length > 0);
    process.emit('SIGTERM', 'SIGTERM');
    await ended;
    expect(process.exits).toEqual([0]);
  });

  test('is told while it is still being built that it shall stop', async () => {
    const { process, ended, until, calls } = run({
      build: ({ stopping }) =>
        new Promise((_, reject) => {
          stopping.addEventListener('abort', () => reject(new WeirError('redis-unreachable', 'gave up', true)));
        }),
    });
    await until(() => calls.length > 0);
    process.emit('SIGTERM', 'SIGTERM');
    await ended;
    expect(process.exits).toEqual([0]);
  });

  test('whose start fails says why in one line, cleans up and exits 1', async () => {
    const stopped: string[] = [];
    const { process, logged, ended } = run({
      service: {
        start: () => Promise.reject(new WeirError('http-listen', 'cannot listen', false)),
        stop: async () => void stopped.push('stop'),
      },
    });
    await ended;
    expect(logged).toMatchObject([{ level: 'fatal', msg: 'start failed', err: { code: 'http-listen' } }]);
    expect(stopped).toEqual(['stop']);
    expect(process.exits).toEqual([1]);
  });

  test('that only Redis could tell of a wrong setting ends with the one line and 78', async () => {
    const { process, logged, ended } = run({
      build: () => Promise.reject(new SettingsError('--grace: got 7s, expected 5s')),
    });
    await ended;
    expect(process.err).toBe('weir-test: --grace: got 7s, expected 5s\n');
    expect(logged).toEqual([]);
    expect(process.exits).toEqual([78]);
  });

  test.each([
    [78, new SettingsError('another process took this id')],
    [1, new WeirError('redis-too-old', 'cannot work', false)],
  ])('that reports a fatal fault at run time stops in order and exits %d', async (code, error) => {
    const { process, calls, ended, until, said, fail } = run();
    await until(() => said('ready'));
    fail(error);
    await ended;
    expect(calls.at(-1)).toBe('stop');
    expect(process.exits).toEqual([code]);
  });

  test('whose stop fails exits 1', async () => {
    const { process, ended, until, said } = run({ service: { stop: () => Promise.reject(new Error('no')) } });
    await until(() => said('ready'));
    process.emit('SIGTERM', 'SIGTERM');
    await ended;
    expect(process.exits).toEqual([1]);
    expect(said('stop failed')).toBe(true);
  });

  test.each(['uncaughtException', 'unhandledRejection'])('logs an %s and exits 1 at once', async (event) => {
    const { process, calls, logged, ended, until, said } = run();
    await until(() => said('ready'));
    process.emit(event, new Error('a bug'));
    await ended;
    expect(logged.at(-1)).toMatchObject({ level: 'fatal', err: { message: 'a bug' } });
    expect(calls).not.toContain('stop');
    expect(process.exits).toEqual([1]);
  });
});

describe('before a daemon lives', () => {
  test('a bad setting is one line on stderr and exit 78, and nothing is built', async () => {
    const { process, calls, ended } = run({ argv: ['--partitions', '65'] });
    await ended;
    expect(process.err).toBe('weir-test: --partitions: got "65", expected a whole number from 1 to 64\n');
    expect(process.exits).toEqual([78]);
    expect(calls).toEqual([]);
  });

  test('--version and --help print to stdout and exit 0', async () => {
    const version = run({ argv: ['--version'] });
    await version.ended;
    expect(version.process).toMatchObject({ out: '1.2.3\n', exits: [0] });
    const help = run({ argv: ['--help'] });
    await help.ended;
    expect(help.process.out).toContain('--drain <duration>');
    expect(help.process.exits).toEqual([0]);
  });
});

test("a package's version is read from beside its sources", () => {
  const url = new URL('../../../packages/common/src/main.ts', `file://${__filename}`).href;
  expect(packageVersion(url)).toMatch(/^\d+\.\d+\.\d+$/);
});
