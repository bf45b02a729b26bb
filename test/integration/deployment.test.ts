import { agreeOnDeployment, type Deployment, readDeployment } from '@weir/common/deployment';
import { SettingsError } from '@weir/common/errors';
import type { Redis } from 'ioredis';
import { startRedis } from '../support/redis-server.ts';

const aggregator: Deployment = {
  partitions: 8,
  windowMs: 60_000,
  graceMs: 5_000,
  latenessMs: 900_000,
  identity: 'content',
  sinks: ['az1', 'az2'],
  uniqueMeasurement: 'unique_user_event',
  cumulativeMeasurement: 'cumulative_user_event',
  pointTags: '',
  pointTime: 'start',
};

let redis: Redis;
beforeAll(async () => {
  redis = (await startRedis()).client();
});
beforeEach(() => redis.flushall());

async function refusal(wanted: Partial<Deployment>): Promise<string> {
  const error: unknown = await agreeOnDeployment(redis, 'weir', wanted).catch((error) => error);
  expect(error).toBeInstanceOf(SettingsError);
  return (error as Error).message;
}

describe('the settings of a deployment', () => {
  test('are recorded by the first start, and each daemon adds what it knows', async () => {
    expect(await readDeployment(redis, 'weir')).toBeUndefined();
    expect(await agreeOnDeployment(redis, 'weir', { partitions: 8 })).toEqual({ partitions: 8 });
    expect(await agreeOnDeployment(redis, 'weir', aggregator)).toEqual(aggregator);
    expect(await agreeOnDeployment(redis, 'weir', { partitions: 8 })).toEqual(aggregator);
    expect(await readDeployment(redis, 'weir')).toEqual(aggregator);
  });

  test('belong to one prefix', async () => {
    await agreeOnDeployment(redis, 'weir', aggregator);
    expect(await agreeOnDeployment(redis, 'other', { partitions: 4 })).toEqual({ partitions: 4 });
  });

  test('know sinks by name, in whatever order', async () => {
    await agreeOnDeployment(redis, 'weir', aggregator);
    expect(await agreeOnDeployment(redis, 'weir', { ...aggregator, sinks: ['az2', 'az1'] })).toEqual(aggregator);
  });

  test.each<[Partial<Deployment>, string]>([
    [{ partitions: 4 }, '--partitions: got 4, expected 8'],
    [{ windowMs: 30_000 }, '--window: got 30s, expected 1m'],
    [{ graceMs: 7_000 }, '--grace: got 7s, expected 5s'],
    [{ latenessMs: 1_000 }, '--lateness: got 1s, expected 15m'],
    [{ identity: 'arrival' }, '--identity: got arrival, expected content'],
    [{ sinks: ['az1'] }, '--sink: got az1, expected az1,az2'],
    [{ uniqueMeasurement: 'users' }, '--unique-measurement: got users, expected unique_user_event'],
    [{ cumulativeMeasurement: 'events' }, '--cumulative-measurement: got events, expected cumulative_user_event'],
    [{ pointTags: 'region=eu' }, '--point-tags: got region=eu, expected none'],
    [{ pointTime: 'end' }, '--point-time: got end, expected start'],
  ])('are refused when they differ, with both values in one line: %j', async (other, message) => {
    await agreeOnDeployment(redis, 'weir', aggregator);
    const line = await refusal({ ...aggregator, ...other });
    expect(line).toMatch(new RegExp(`^${message}, which deployment "weir" has recorded`));
    expect(line).not.toContain('\n');
    expect(await readDeployment(redis, 'weir')).toEqual(aggregator);
  });

  describe('of a version that did not record what stands in the databases', () => {
    const { uniqueMeasurement: _, cumulativeMeasurement: __, pointTags: ___, pointTime: ____, ...older } = aggregator;
    beforeEach(async () => {
      await redis.hset('weir:deployment', {
        ...{ partitions: 8, windowMs: 60_000, graceMs: 5_000, latenessMs: 900_000, identity: 'content' },
        sinks: 'az1,az2',
      });
    });

    test('start with what that version did, and record it', async () => {
      expect(await readDeployment(redis, 'weir')).toEqual(older);
      expect(await agreeOnDeployment(redis, 'weir', { partitions: 8 })).toEqual(older);
      expect(await agreeOnDeployment(redis, 'weir', aggregator)).toEqual(aggregator);
      expect(await readDeployment(redis, 'weir')).toEqual(aggregator);
    });

    test('are refused with anything else, and record nothing', async () => {
      const line = await refusal({ ...aggregator, pointTags: 'region=eu' });
      expect(line).toMatch(/^--point-tags: got region=eu, expected none, which deployment "weir" has recorded/);
      expect(await refusal({ ...aggregator, uniqueMeasurement: 'users' })).toContain('expected unique_user_event,');
      expect(await readDeployment(redis, 'weir')).toEqual(older);
    });
  });

  test('where only a relay has been are whatever the first aggregator says', async () => {
    await agreeOnDeployment(redis, 'weir', { partitions: 8 });
    const other = { ...aggregator, uniqueMeasurement: 'users', pointTags: 'region=eu', pointTime: 'end' };
    expect(await agreeOnDeployment(redis, 'weir', other)).toEqual(other);
  });

  test('that are wrong in one point record none of the others', async () => {
    await agreeOnDeployment(redis, 'weir', { partitions: 8 });
    await refusal({ ...aggregator, partitions: 4 });
    expect(await readDeployment(redis, 'weir')).toEqual({ partitions: 8 });
  });

  test('are recorded again after Redis lost everything, its scripts too', async () => {
    await agreeOnDeployment(redis, 'weir', aggregator);
    await redis.flushall();
    await redis.script('FLUSH');
    expect(await agreeOnDeployment(redis, 'weir', aggregator)).toEqual(aggregator);
  });

  test('let only one of two different first starts win', async () => {
    const outcomes = await Promise.allSettled([
      agreeOnDeployment(redis, 'weir', aggregator),
      agreeOnDeployment(redis, 'weir', { ...aggregator, identity: 'arrival' }),
    ]);
    expect(outcomes.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
  });

  test('cannot be agreed on where Redis does not answer, which a retry can heal', async () => {
    const dead = (await startRedis()).client({ lazyConnect: true, enableOfflineQueue: false });
    await expect(agreeOnDeployment(dead, 'weir', aggregator)).rejects.toMatchObject({ retryable: true });
  });
});
