import { deploymentKey, partitionKeys, relaysKey } from '@weir/common/keys';
import type { Redis } from 'ioredis';
import { expectPublished } from '../support/published-schema.ts';
import { type RedisServer, startRedis } from '../support/redis-server.ts';
import { weir as runWeir } from '../support/weir.ts';

/** `weir relay remove` on a Redis in which the relays are played by hand. */
let server: RedisServer;
let redis: Redis;
const WINDOW = 1_478_507_520;

beforeAll(async () => {
  server = await startRedis();
  redis = server.client();
});
beforeEach(async () => {
  await redis.flushall();
  const settings = { partitions: 2, windowMs: 60_000, graceMs: 5_000, latenessMs: 60_000, sinks: 'az1' };
  await redis.hset(deploymentKey('weir'), settings);
});

const now = async () => Number((await redis.time())[0]) * 1_000;

async function report(id: string, silentMs: number): Promise<void> {
  const lastMs = (await now()) - silentMs;
  await redis.hset(relaysKey('weir'), id, `00112233445566aa 1000 ${lastMs} ${lastMs - 1_000}`);
}

test('says which windows waited for it, and nobody waits any more', async () => {
  await report('relay-1', 120_000);
  await redis.hset(partitionKeys('weir', 0).windows, String(WINDOW), `20 ff ${(await now()) - 90_000}`);
  await redis.hset(partitionKeys('weir', 1).windows, String(WINDOW + 60), `20 ff ${await now()}`);
  const { code, out, err } = await runWeir(['relay', 'remove', 'relay-1', '--yes', '--json', '--redis', server.url]);
  expect({ code, err }).toEqual({ code: 0, err: '' });
  expectPublished('relay remove', out);
  expect(JSON.parse(out)).toMatchObject({
    plan: { relay: 'relay-1', waiting: [WINDOW], later: 1 },
    outcome: { removed: true },
  });
  expect(await redis.hgetall(relaysKey('weir'))).toEqual({});
});

test('refuses while it reports, also when it begins to again after the plan was made', async () => {
  await report('relay-1', 1_000);
  const alive = await runWeir(['relay', 'remove', 'relay-1', '--yes', '--redis', server.url]);
  expect(alive).toMatchObject({ code: 1, out: '', err: expect.stringMatching(/reported .*s ago: stop it first\n$/) });
  await report('relay-1', 120_000);
  const ask = async () => {
    await report('relay-1', 0);
    return 'y';
  };
  const back = await runWeir(['relay', 'remove', 'relay-1', '--redis', server.url], { ask });
  expect(back.code).toBe(1);
  expect(back.err).toContain('relay-1 has reported meanwhile');
  expect(Object.keys(await redis.hgetall(relaysKey('weir')))).toEqual(['relay-1']);
  expect((await runWeir(['relay', 'remove', 'relay-9', '--yes', '--redis', server.url])).err).toContain('nobody waits');
});
