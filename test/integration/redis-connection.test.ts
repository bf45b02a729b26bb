import { SettingsError } from '@weir/common/errors';
import { connectRedis, openRedis, redisTimeMs, Script } from '@weir/common/redis';
import { checkRedisServer } from '@weir/common/redis-check';
import type { Redis } from 'ioredis';
import { cleanup } from '../support/cleanup.ts';
import { startDaemon } from '../support/daemon.ts';
import { eventually } from '../support/eventually.ts';
import { type RedisServer, startRedis } from '../support/redis-server.ts';
import { runCli } from '../support/run-program.ts';

/** What Weir relies on in its connections: nothing runs later than its caller thinks, and a lost script is no fault. */
let server: RedisServer;
beforeAll(async () => {
  server = await startRedis();
});
afterEach(async () => {
  if (!server.running) await server.start();
});

function open(options: { url?: string; commandTimeoutMs?: number } = {}): Redis {
  const redis = openRedis({ url: server.url, name: 'test', commandTimeoutMs: 1_000, ...options });
  cleanup('a connection', () => redis.disconnect());
  return redis;
}

async function connected(options: { commandTimeoutMs?: number } = {}): Promise<Redis> {
  const redis = open(options);
  await connectRedis(redis, 5_000);
  return redis;
}

const ready = (redis: Redis) =>
  eventually(() => redis.status === 'ready', { what: 'the connection to heal', everyMs: 10 });
const ECHO = new Script("return { ARGV[1], 7, redis.call('INCR', KEYS[1]) }");

describe('a command', () => {
  test('given while Redis is away is rejected at once, and does not run when it is back', async () => {
    const redis = await connected();
    await server.kill();
    await eventually(() => redis.status !== 'ready', { what: 'the loss to be noticed', everyMs: 5 });
    const before = performance.now();
    await expect(ECHO.run(redis, ['late'], ['x'])).rejects.toMatchObject({
      code: 'redis-unreachable',
      outcome: 'unknown',
    });
    expect(performance.now() - before).toBeLessThan(500);
    await server.start();
    await ready(redis);
    expect(await redis.get('late')).toBeNull();
  });

  test('under way when the connection breaks is rejected then, and is not sent again', async () => {
    const redis = await connected({ commandTimeoutMs: 3_000 });
    const before = performance.now();
    await server.pause();
    const command = ECHO.run(redis, ['late'], ['x']);
    const rejected = expect(command).rejects.toMatchObject({ code: 'redis-unreachable', outcome: 'unknown' });
    await server.kill();
    await rejected;
    expect(performance.now() - before).toBeLessThan(2_500);
    await server.start();
    await ready(redis);
    expect(await redis.get('late')).toBeNull();
  });

  test('without an answer in time is given up, its outcome unknown', async () => {
    const redis = await connected({ commandTimeoutMs: 100 });
    await server.pause();
    try {
      await expect(ECHO.run(redis, ['slow'], ['x'])).rejects.toMatchObject({ outcome: 'unknown', retryable: true });
    } finally {
      await server.resume();
    }
  });
});

describe('a script', () => {
  test('answers bytes as bytes and numbers as numbers', async () => {
    const redis = await connected();
    const bytes = Buffer.from([0xff, 0x00, 0x0a]);
    await redis.del('n');
    expect(await ECHO.run(redis, ['n'], [bytes])).toEqual([bytes, 7, 1]);
  });

  test('runs once where the server has lost it', async () => {
    const redis = await connected();
    await redis.del('n');
    for (const count of [1, 2, 3]) {
      await redis.script('FLUSH');
      expect(await ECHO.run(redis, ['n'], ['x'])).toEqual([Buffer.from('x'), 7, count]);
    }
  });

  test('that is refused says so by the reply’s code', async () => {
    const redis = await connected();
    await redis.set('text', 'no number');
    await expect(ECHO.run(redis, ['text'], ['x'])).rejects.toMatchObject({ outcome: 'not-applied', retryable: false });
    await expect(new Script("return redis.error_reply('LOADING later')").run(redis, [], [])).rejects.toMatchObject({
      code: 'redis-loading',
      retryable: true,
    });
  });
});

describe('connecting', () => {
  test('gives up in time where nobody answers, and says why', async () => {
    const redis = open({ url: 'redis://127.0.0.1:1' });
    await expect(connectRedis(redis, 300)).rejects.toMatchObject({
      code: 'redis-unreachable',
      message: expect.stringContaining('ECONNREFUSED'),
    });
  });

  test('waits for a Redis that comes up', async () => {
    await server.kill();
    const redis = open();
    const connecting = connectRedis(redis, 10_000);
    await server.start();
    await connecting;
    expect(await redis.ping()).toBe('PONG');
    await connectRedis(redis, 1);
  });
});

test('Redis’s time is in milliseconds since 1970', async () => {
  const redis = await connected();
  const [seconds] = await redis.time();
  expect(Math.abs((await redisTimeMs(redis)) - Number(seconds) * 1_000)).toBeLessThan(2_000);
});

describe('the check of a Redis', () => {
  test('has nothing to say of one with a memory limit, without eviction, with a log on disk', async () => {
    const good = await startRedis({ appendonly: true, extraArgs: ['--maxmemory', '100mb'] });
    const { version, warnings } = await checkRedisServer(good.client());
    expect(warnings).toEqual([]);
    expect(version).toMatch(/^7\.|^[89]\.|^\d\d\./);
  });

  test('warns of what may lose data or take all memory', async () => {
    const redis = await connected();
    const { warnings } = await checkRedisServer(redis);
    expect(warnings).toEqual([expect.stringContaining('maxmemory'), expect.stringContaining('appendonly')]);
    await redis.config('SET', 'maxmemory-policy', 'allkeys-lru');
    expect((await checkRedisServer(redis)).warnings[0]).toContain('allkeys-lru');
    await redis.config('SET', 'maxmemory-policy', 'noeviction');
  });

  test('refuses one that would throw counts away', async () => {
    const redis = await connected();
    await redis.config('SET', 'maxmemory', '100mb', 'maxmemory-policy', 'allkeys-lru');
    try {
      await expect(checkRedisServer(redis)).rejects.toBeInstanceOf(SettingsError);
    } finally {
      await redis.config('SET', 'maxmemory', '0', 'maxmemory-policy', 'noeviction');
    }
  });

  test('warns of a replica', async () => {
    const replica = await startRedis({ extraArgs: ['--replicaof', '127.0.0.1', String(server.port)] });
    expect((await checkRedisServer(replica.client())).warnings.at(-1)).toContain('replica');
  });
});

describe('a password that Redis does not need', () => {
  const url = () => `redis://:needless@127.0.0.1:${server.port}`;

  test('is no fault, and a warning at the start', async () => {
    const redis = open({ url: url() });
    await connectRedis(redis, 5_000);
    expect((await checkRedisServer(redis)).warnings).toContain('--redis has a password, and this Redis asks for none');
    expect((await checkRedisServer(await connected())).warnings.join()).not.toContain('password');
  });

  test('breaks neither a log in JSON nor the output of a command', async () => {
    const place = ['--http', '127.0.0.1:0', '--udp', 'off', '--log-format', 'json'];
    const relay = await startDaemon('weir-relay', ['--redis', url(), ...place]);
    expect(relay.logged('--redis has a password, and this Redis asks for none')).toBeDefined();
    expect(await runCli(['pending', '--redis', url()])).toEqual({
      code: 0,
      stdout: 'no pending entries\n',
      stderr: '',
    });
    await relay.stop();
    expect(relay.strayLines).toEqual([]);
  });

  test('and one that is wrong is refused', async () => {
    const locked = await startRedis();
    await locked.client().config('SET', 'requirepass', 'right');
    const wrong = open({ url: `redis://:wrong@127.0.0.1:${locked.port}` });
    await expect(connectRedis(wrong, 300)).rejects.toMatchObject({ code: 'redis-wrongpass' });
    const right = open({ url: `redis://:right@127.0.0.1:${locked.port}` });
    await connectRedis(right, 5_000);
    expect((await checkRedisServer(right)).warnings.join()).not.toContain('password');
  });
});
