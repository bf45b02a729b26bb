import { Script } from '@weir/common/redis';
import { Redis } from 'ioredis';
import { RedisProxy, type Sighting, type SightingVerdict } from '../faults/runner/proxies/redis-proxy.ts';
import { type KnownScript, sha1Of } from '../faults/runner/proxies/scripts.ts';
import { cleanup } from '../support/cleanup.ts';
import { eventually } from '../support/eventually.ts';
import { type RedisServer, startRedis } from '../support/redis-server.ts';

/** The fault runner's eyes and hands on the way to Redis, before a real one. */
const SOURCE = "return redis.call('INCRBY', KEYS[1], ARGV[1])";
const KNOWN: KnownScript = { name: 'count', source: SOURCE, sha1: sha1Of(SOURCE) };
const script = new Script(SOURCE);

let redis: RedisServer;
let proxy: RedisProxy;
let client: Redis;
const seen: string[] = [];

beforeAll(async () => {
  redis = await startRedis();
});

beforeEach(async () => {
  seen.length = 0;
  await redis.client().flushall();
  proxy = await new RedisProxy('redis', redis.port, [KNOWN]).listen();
  client = new Redis(proxy.port, '127.0.0.1', { retryStrategy: null, maxRetriesPerRequest: 0, disconnectTimeout: 50 });
  client.on('error', () => undefined);
  cleanup('client', () => client.disconnect());
  await client.ping();
});

function watch(verdict: (sighting: Sighting) => SightingVerdict = () => 'pass'): void {
  proxy.watchers.add((sighting) => {
    seen.push(`${sighting.phase} ${sighting.name}`);
    return verdict(sighting);
  });
}

const count = () => redis.client().get('n');

test('a script is known by its hash and by its text, and an error reply is no reply of it', async () => {
  await redis.client().script('FLUSH');
  watch();
  expect(await script.run(client, ['n'], [2])).toBe(2);
  expect(seen).toEqual(['request count', 'request count', 'reply count']);
  expect(await script.run(client, ['n'], [3])).toBe(5);
  expect(seen.slice(3)).toEqual(['request count', 'reply count']);
});

test('requests that are sent together find their replies', async () => {
  watch();
  await Promise.all([client.set('a', 'x'.repeat(200_000)), client.get('a'), client.mget('a', 'b'), client.ping()]);
  expect(seen.filter((line) => line.startsWith('reply'))).toEqual([
    'reply set',
    'reply get',
    'reply mget',
    'reply ping',
  ]);
});

test('a request that is swallowed is never carried out, and nothing after it is', async () => {
  watch(({ phase, name }) => (phase === 'request' && name === 'count' ? 'swallow' : 'pass'));
  const swallowed = script.run(client, ['n'], [1]).catch(() => 'rejected');
  const after = client.set('m', '1').catch(() => 'rejected');
  await eventually(() => proxy.lossy === 1, { what: 'the request to be swallowed' });
  proxy.heal();
  expect(await Promise.all([swallowed, after])).toEqual(['rejected', 'rejected']);
  expect(await count()).toBeNull();
  expect(await redis.client().get('m')).toBeNull();
});

test('a reply that is swallowed means that it is done and nobody knows', async () => {
  watch(({ phase, name }) => (phase === 'reply' && name === 'count' ? 'swallow' : 'pass'));
  const swallowed = script.run(client, ['n'], [1]).catch(() => 'rejected');
  await eventually(() => proxy.lossy === 1, { what: 'the reply to be swallowed' });
  proxy.heal();
  expect(await swallowed).toBe('rejected');
  expect(await count()).toBe('1');
});

test('a request is rewritten on its way', async () => {
  proxy.rewriter = (name, args) => (name === 'set' ? [...args().slice(0, 2), Buffer.from('other')] : undefined);
  await client.set('a', 'one');
  expect(await client.get('a')).toBe('other');
});
