import { parseRelayState, type RelayState, type Unsaid } from '@weir/common/daemon-state';
import { relayStatesKey } from '@weir/common/keys';
import { silentLogger } from '@weir/common/logger';
import { StateReport } from '@weir/common/state-report';
import type { Redis } from 'ioredis';
import { cleanup } from '../support/cleanup.ts';
import { eventually } from '../support/eventually.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { startRedis } from '../support/redis-server.ts';

/** What a daemon says of itself, in a real Redis. */
let redis: Redis;
const key = relayStatesKey('weir');

beforeAll(async () => {
  redis = (await startRedis()).client();
});
beforeEach(() => redis.flushall());

const STATE: Unsaid<RelayState> = {
  clockAheadMs: 3,
  journal: { kind: 'disk', bytes: 1, maxBytes: 2, keepMs: 60, unconfirmedBytes: 0, oldestMs: null, failing: false },
  owedSinceMs: null,
  udp: null,
  recent: { ms: 0, received: 0, rejected: 0, datagrams: 0, datagramsDropped: 0, kernelDrops: 0 },
  lastDropMs: null,
};

function report(state: () => Unsaid<RelayState> | undefined, id = 'az1') {
  const clock = new FakeClock();
  const service = new StateReport({
    redis,
    key,
    id,
    incarnation: '0011223344556677',
    clock,
    state,
    fail: (error) => {
      throw error;
    },
    logger: silentLogger,
  });
  cleanup('state report', () => service.stop());
  return { service, clock };
}

const said = async (id = 'az1') => {
  const text = await redis.hget(key, id);
  return text === null ? undefined : parseRelayState(text);
};

test('is said with the start and the time of Redis, again and again, and taken back at the stop', async () => {
  let received = 1;
  const { service, clock } = report(() => ({ ...STATE, recent: { ...STATE.recent, received } }));
  await service.start();
  const first = await eventually(() => said(), { what: 'the first word' });
  expect(first).toMatchObject({ ...STATE, v: 1, incarnation: '0011223344556677', recent: { received: 1 } });
  expect(Math.abs(first.lastMs - Date.now())).toBeLessThan(60_000);
  received = 2;
  await eventually(
    async () => {
      await clock.advance(1_000);
      return (await said())?.recent.received === 2;
    },
    { what: 'the next word' },
  );
  await service.stop();
  expect(await said()).toBeUndefined();
});

test('nothing is said, nor taken back, before the id is its own', async () => {
  await redis.hset(key, 'az1', 'of another');
  const { service } = report(() => undefined);
  await service.start();
  await service.stop();
  expect(await redis.hget(key, 'az1')).toBe('of another');
});

test('the first word of a start clears away what nobody said anything new under for a day', async () => {
  const hour = 3_600_000;
  await redis.hset(key, 'old', `{"v":1,"incarnation":"f","lastMs":${Date.now() - 25 * hour},"x":1}`);
  await redis.hset(key, 'recent', `{"v":1,"incarnation":"f","lastMs":${Date.now() - 23 * hour},"x":1}`);
  await redis.hset(key, 'odd', 'no state');
  const { service } = report(() => STATE);
  await service.start();
  await eventually(() => said(), { what: 'the first word' });
  expect((await redis.hkeys(key)).sort()).toEqual(['az1', 'recent']);
});
