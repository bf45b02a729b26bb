import { systemClock } from '@weir/common/clock';
import { aggregatorsKey, CONSUMER_GROUP, deploymentKey, partitionKeys, sinkWindowKey } from '@weir/common/keys';
import { RedisProxy } from '../faults/runner/proxies/redis-proxy.ts';
import { readScripts } from '../faults/runner/proxies/scripts.ts';
import { eventLine, Letters } from '../support/letters.ts';
import { startRedis } from '../support/redis-server.ts';
import { weir } from '../support/weir.ts';

/** Commands that act in many steps, and lose Redis in the middle: they say how far they got, and go on when run again. */
let letters: Letters;
let proxy: RedisProxy;

beforeAll(async () => {
  const server = await startRedis();
  letters = new Letters(server.client(), server.url);
  // So that each step is one request.
  for (const { source } of readScripts()) await letters.redis.script('LOAD', source);
  proxy = await new RedisProxy('redis', server.port, readScripts()).listen();
});
beforeEach(async () => {
  proxy.watchers.clear();
  await letters.begin();
});

const AT_ONCE = { ...systemClock, sleep: async () => undefined };

function run(...argv: string[]) {
  const url = `redis://127.0.0.1:${proxy.port}`;
  return weir([...argv, '--yes', '--redis', url], { clock: AT_ONCE });
}

/** All connections end when the step comes for the `nth` time; it never arrives. */
function cutAt(step: string, nth: number): void {
  let seen = 0;
  proxy.watchers.add(({ phase, name }) => {
    if (phase !== 'request' || name !== step || ++seen !== nth) return 'pass';
    proxy.cut();
    return 'swallow';
  });
}

/** The one line of a command that got only so far; then nothing is in its way any more. */
async function midway(...argv: string[]): Promise<string> {
  const { code, err } = await run(...argv);
  expect(code).toBe(1);
  expect(err).toMatch(/^weir [^\n]*: Redis at 127\.0\.0\.1:\d+: [^\n]+\. Run it again: it goes on with the rest\n$/);
  proxy.watchers.clear();
  return err;
}

test('weir dead purge', async () => {
  for (let i = 0; i < 60; i++) await letters.add(i % 2, 'late', [eventLine('shop', 'login', `user${i}`)]);
  cutAt('take-letters', 3);
  const said = await midway('dead', 'purge');
  const [, gone] =
    /; until then (\d+) lines of \1 letters were thrown away, of 60 letters, perhaps one step more\./.exec(said)!;
  expect(Number(gone)).toBeGreaterThan(0);
  expect((await letters.counter(0, 'dead-purged')) + (await letters.counter(1, 'dead-purged'))).toBe(Number(gone));
  const again = await run('dead', 'purge');
  expect(again).toMatchObject({ code: 0, err: '' });
  expect(again.out).toContain(`threw away ${60 - Number(gone)} lines of`);
  await letters.expectBooksRight();
});

test('what got done before is in the JSON, too', async () => {
  for (const partition of [0, 1]) await letters.add(partition, 'late', [eventLine('shop', 'login', 'ada')]);
  cutAt('take-letters', 2);
  const { code, out } = await run('dead', 'purge', '--json');
  expect(code).toBe(1);
  expect(JSON.parse(out).outcome).toEqual({ letters: 1, lines: 1, goneBefore: 0 });
});

test('weir sink add', async () => {
  cutAt('xgroup', 2);
  expect(await midway('sink', 'add', 'az3')).toContain(
    '; until then 1 of 2 groups of other lines were made for az3, which is not recorded, perhaps one step more.',
  );
  expect(await letters.redis.hget(deploymentKey('weir'), 'sinks')).toBe('az1,az2');
  cutAt('record-sinks', 1);
  expect(await midway('sink', 'add', 'az3')).toContain('2 of 2 groups of other lines were made for az3');
  expect(await run('sink', 'add', 'az3')).toMatchObject({ code: 0, err: '' });
  expect(await letters.redis.hget(deploymentKey('weir'), 'sinks')).toBe('az1,az2,az3');
});

test('weir sink remove', async () => {
  const { redis } = letters;
  for (const partition of [0, 1])
    await redis.xgroup('CREATE', partitionKeys('weir', partition).others, 'az2', '0', 'MKSTREAM');
  await redis.hset(sinkWindowKey('weir', 'az2', 60), 'writer', 'a');
  cutAt('record-sinks', 1);
  expect(await midway('sink', 'remove', 'az2')).toContain('; until then az2 was not removed, perhaps one step more.');
  cutAt('hdel', 1);
  expect(await midway('sink', 'remove', 'az2')).toContain(
    '; until then az2 was removed, with 1 groups of other lines and 0 keys of its books, perhaps',
  );
  expect(await redis.hget(deploymentKey('weir'), 'sinks')).toBe('az1');
  cutAt('unlink', 1);
  expect(await midway('sink', 'remove', 'az2')).toContain('with 1 groups of other lines and 0 keys of its books');
  // Only its books are left to go by.
  const last = await run('sink', 'remove', 'az2');
  expect(last).toMatchObject({ code: 0, err: '' });
  expect(last.out).toContain('removed, with 0 groups of other lines and 1 keys of its books\n');
  expect((await run('sink', 'remove', 'az2')).err).toContain('az2 is no sink of this deployment');
});

test('weir consumer remove', async () => {
  const { redis } = letters;
  for (const partition of [0, 1]) {
    const { stream } = partitionKeys('weir', partition);
    await redis.xgroup('CREATE', stream, CONSUMER_GROUP, '0', 'MKSTREAM');
    await redis.xgroup('CREATECONSUMER', stream, CONSUMER_GROUP, 'gone');
  }
  await redis.hset(aggregatorsKey('weir'), 'gone', 'abc 1 2');
  cutAt('remove-consumer', 2);
  expect(await midway('consumer', 'remove', 'gone')).toContain(
    '; until then gone was removed from 1 of 2 groups, perhaps one step more.',
  );
  const again = await run('consumer', 'remove', 'gone');
  expect(again).toMatchObject({ code: 0, err: '' });
  expect(again.out).toContain('removed from 1 groups\n');
  expect(await redis.exists(aggregatorsKey('weir'))).toBe(0);
});
