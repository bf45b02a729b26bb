import { aggregatorsKey, CONSUMER_GROUP, deploymentKey, partitionKeys } from '@weir/common/keys';
import type { Redis } from 'ioredis';
import { expectPublished } from '../support/published-schema.ts';
import { type RedisServer, startRedis } from '../support/redis-server.ts';
import { weir as runWeir } from '../support/weir.ts';

/** `weir claim` and `weir consumer remove` on a Redis in which the aggregators are played by hand. */
let server: RedisServer;
let redis: Redis;
const { stream, others } = partitionKeys('weir', 0);

beforeAll(async () => {
  server = await startRedis();
  redis = server.client();
});
beforeEach(async () => {
  await redis.flushall();
  await redis.hset(deploymentKey('weir'), 'partitions', 2);
  await redis.xgroup('CREATE', stream, CONSUMER_GROUP, '0', 'MKSTREAM');
});

const weir = (...argv: string[]) => runWeir([...argv, '--redis', server.url]);

async function json(...argv: string[]) {
  const { code, out, err } = await weir(...argv, '--yes', '--json');
  expect({ code, err }).toEqual({ code: 0, err: '' });
  return JSON.parse(out);
}

/** As of now, by Redis's clock. */
async function alive(...ids: string[]): Promise<void> {
  const [sec] = await redis.time();
  for (const id of ids) await redis.hset(aggregatorsKey('weir'), id, `f00 1000 ${Number(sec) * 1_000} 1`);
}

/** Entries that were handed to the consumer. */
async function pendingOf(consumer: string, entries: number): Promise<string[]> {
  for (let i = 0; i < entries; i++) await redis.xadd(stream, '*', 'b', 'r:0:1', 't', '1', 'n', '1', 'd', 'x\n');
  const reply = await redis.xreadgroup('GROUP', CONSUMER_GROUP, consumer, 'STREAMS', stream, '>');
  return (reply as [string, [string, string[]][]][])[0]![1].map(([id]) => id);
}

async function holders(): Promise<Record<string, number>> {
  const summary = (await redis.xpending(stream, CONSUMER_GROUP)) as [number, string, string, [string, string][] | null];
  return Object.fromEntries((summary[3] ?? []).map(([name, entries]) => [name, Number(entries)]));
}

describe('weir claim', () => {
  test('hands what others hold to the owner, its delivery count unchanged', async () => {
    await alive('az1');
    await pendingOf('az9', 3);
    const own = await pendingOf('az1', 1);
    const report = await json('claim', '--idle', '0s');
    expect(report.plan.moves).toEqual([
      {
        partition: 0,
        from: 'az9',
        fromAlive: false,
        to: 'az1',
        entries: 3,
        oldestIdleMs: expect.any(Number),
      },
    ]);
    expect(report.outcome).toEqual({ claimed: 3, elsewhere: 0, missingEntries: 0 });
    expect(await holders()).toEqual({ az1: 4 });
    const rows = (await redis.xpending(stream, CONSUMER_GROUP, '-', '+', 10)) as [string, string, number, number][];
    expect(rows.map(([, , , deliveries]) => deliveries)).toEqual([1, 1, 1, 1]);
    expect(rows.map(([id]) => id)).toContain(own[0]);
    expectPublished('claim', JSON.stringify(report));
  });

  test('shows the plan first, and changes nothing in a dry run', async () => {
    await alive('az1');
    await pendingOf('az9', 2);
    const { code, out } = await weir('claim', '--idle', '0s', '--dry-run');
    expect(code).toBe(0);
    expect(out).toMatch(/^partition {2}from {2}alive {2}to +entries +oldest idle\n +0 {2}az9 +no {2}az1 +2 /);
    expect(out).toContain('2 pending entries go to the owners of their partitions');
    expect(out).toContain('dry run: nothing was changed');
    expect(await holders()).toEqual({ az9: 2 });
  });

  test('keeps to what was asked: idle for long enough, of one consumer, of one partition', async () => {
    await alive('az1');
    await pendingOf('az8', 1);
    await pendingOf('az9', 1);
    const nothing = [['--idle', '1h'], ['--from', 'az7', '--idle', '0s'], ['--partition', '1', '--idle', '0s'], []];
    for (const flags of nothing) {
      expect(await weir('claim', ...flags, '--yes')).toEqual({
        code: 1,
        out: '',
        err: 'weir claim: nothing was done: no pending entries of others than the owners match\n',
      });
    }
    await json('claim', '--from', 'az8', '--idle', '0s', '--partition', '0', '--to', 'az1');
    expect(await holders()).toEqual({ az1: 1, az9: 1 });
  });

  test('leaves an entry that is gone from the stream to the owner, who raises the alarm', async () => {
    await alive('az1');
    const [first] = await pendingOf('az9', 2);
    await redis.xdel(stream, first!);
    const { outcome } = await json('claim', '--idle', '0s');
    expect(outcome).toEqual({ claimed: 1, elsewhere: 0, missingEntries: 1 });
    expect(await holders()).toEqual({ az1: 1, az9: 1 });
  });

  test('gives entries to nobody who would let them lie', async () => {
    await pendingOf('az9', 1);
    const refusal = async (...flags: string[]) => {
      const { code, out, err } = await weir('claim', '--idle', '0s', '--yes', ...flags);
      expect({ code, out }).toEqual({ code: 1, out: '' });
      return err;
    };
    expect(await refusal()).toBe('weir claim: no aggregator is alive that could take entries\n');
    await alive('az1', 'az2', 'az3');
    expect(await refusal('--to', 'az9')).toContain('az9 is not alive');
    const errors = await Promise.all(['az1', 'az2', 'az3'].map((id) => refusalOrNone('0', id)));
    expect(errors.filter((error) => error.includes('partition 0 is az'))).toHaveLength(2);
    expect(errors.filter((error) => error === '')).toHaveLength(1);

    async function refusalOrNone(partition: string, to: string): Promise<string> {
      return (await weir('claim', '--idle', '0s', '--dry-run', '--partition', partition, '--to', to)).err;
    }
  });

  test.each([
    [['claim', '--idle', '0s'], 'there is no terminal to ask at: --yes goes on without asking'],
    [['claim', '--yes', '--partition', '2'], '--partition: got 2, expected one from 0 to 1'],
  ])('wrong usage exits 2 with one line: %j', async (argv, words) => {
    const { code, out, err } = await weir(...argv);
    expect({ code, out }).toEqual({ code: 2, out: '' });
    expect(err).toMatch(/^[^\n]+\n$/);
    expect(err).toContain(words);
  });
});

describe('at a terminal', () => {
  const asked = async (answer: string, ...flags: string[]) => {
    const questions: string[] = [];
    const ask = async (question: string) => {
      questions.push(question);
      return answer;
    };
    const argv = ['claim', '--idle', '0s', '--redis', server.url, ...flags];
    return { ...(await runWeir(argv, { ask })), questions };
  };

  beforeEach(async () => {
    await alive('az1');
    await pendingOf('az9', 1);
  });

  test('it asks once the plan is shown, and does it on yes', async () => {
    const { code, questions } = await asked('y');
    expect({ code, questions }).toEqual({ code: 0, questions: ['Go on? [y/N] '] });
    expect(await holders()).toEqual({ az1: 1 });
  });

  test.each(['', 'n', 'yess'])('%j is a no: nothing is done, exit 1', async (answer) => {
    const { code, err } = await asked(answer);
    expect(code).toBe(1);
    expect(err).toContain('nothing was done: the answer was no');
    expect(await holders()).toEqual({ az9: 1 });
  });

  test('the plan stands above the question also where stdout goes to a program', async () => {
    const { out, err } = await asked('no', '--json');
    expect(err).toContain('1 pending entries go to the owners');
    expect(JSON.parse(out)).toMatchObject({ dryRun: false, outcome: null });
  });
});

describe('weir consumer remove', () => {
  const consumersOf = async (key: string, group: string) =>
    ((await redis.xinfo('CONSUMERS', key, group)) as string[][]).map((info) => info[info.indexOf('name') + 1]);

  test('takes a dead consumer with nothing pending out of every group, and its last words with it', async () => {
    const ids = await pendingOf('az9', 1);
    await redis.xack(stream, CONSUMER_GROUP, ...ids);
    await pendingOf('az1', 1);
    await redis.xgroup('CREATE', others, 'sink-1', '0', 'MKSTREAM');
    await redis.xgroup('CREATECONSUMER', others, 'sink-1', 'az9');
    await redis.hset(aggregatorsKey('weir'), 'az9', 'f00 1000 2000 1');
    const report = await json('consumer', 'remove', 'az9');
    expect(report.plan).toEqual({
      consumer: 'az9',
      groups: [
        { partition: 0, stream: 'events', group: CONSUMER_GROUP },
        { partition: 0, stream: 'others', group: 'sink-1' },
      ],
      heartbeat: true,
    });
    expect(report.outcome).toEqual({ removed: 2, kept: [], heartbeatRemoved: true });
    expectPublished('consumer remove', JSON.stringify(report));
    expect(await consumersOf(stream, CONSUMER_GROUP)).toEqual(['az1']);
    expect(await consumersOf(others, 'sink-1')).toEqual([]);
    expect(await redis.hgetall(aggregatorsKey('weir'))).toEqual({});
  });

  test('refuses while entries are pending, also of other lines', async () => {
    const ids = await pendingOf('az9', 2);
    const refusal = async () => {
      const { code, err } = await weir('consumer', 'remove', 'az9', '--yes');
      expect(code).toBe(1);
      return err;
    };
    expect(await refusal()).toContain('2 entries are pending for az9 in partition 0 and would be lost with it');
    await redis.xack(stream, CONSUMER_GROUP, ...ids);
    await redis.xgroup('CREATE', others, 'sink-1', '0', 'MKSTREAM');
    await redis.xadd(others, '*', 'n', '1');
    await redis.xreadgroup('GROUP', 'sink-1', 'az9', 'STREAMS', others, '>');
    expect(await refusal()).toContain('1 entries are pending for az9');
    expect(await holders()).toEqual({});
    expect(await consumersOf(stream, CONSUMER_GROUP)).toEqual(['az9']);
  });

  test('refuses while it is alive, and says when nobody knows it', async () => {
    await alive('az9');
    expect((await weir('consumer', 'remove', 'az9', '--yes')).err).toContain('az9 is alive: stop it first');
    expect(await weir('consumer', 'remove', 'az7', '--yes')).toMatchObject({
      code: 1,
      err: 'weir consumer remove: nothing was done: no group knows a consumer az7\n',
    });
  });

  test('keeps it where entries became pending for it after the plan was made', async () => {
    await redis.xgroup('CREATECONSUMER', stream, CONSUMER_GROUP, 'az9');
    const ask = async () => {
      await pendingOf('az9', 1);
      return 'yes';
    };
    const { code, out } = await runWeir(['consumer', 'remove', 'az9', '--json', '--redis', server.url], { ask });
    expect(code).toBe(1);
    expect(JSON.parse(out).outcome).toMatchObject({ removed: 0, kept: [{ partition: 0, group: CONSUMER_GROUP }] });
    expect(await holders()).toEqual({ az9: 1 });
  });
});
