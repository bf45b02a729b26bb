import { articleLines, articlePoints } from '../support/article.ts';
import { cleanup, cleanupMark, disposeTo } from '../support/cleanup.ts';
import { eventually } from '../support/eventually.ts';
import { startInfluxd } from '../support/influxd.ts';
import { startRedis } from '../support/redis-server.ts';

describe('a real Redis of the test kit', () => {
  test('answers, forgets at a restart, and is gone after stop', async () => {
    const redis = await startRedis();
    const client = redis.client();
    await client.set('key', 'value');
    const firstPid = redis.pid;
    await redis.restart();
    expect(redis.pid).not.toBe(firstPid);
    expect(await client.get('key')).toBeNull();
    await redis.stop();
    expect(redis.running).toBe(false);
    expect(() => process.kill(firstPid, 0)).toThrow();
  });

  test('remembers over a restart where it is told to', async () => {
    const redis = await startRedis({ appendonly: true });
    const client = redis.client();
    await client.set('key', 'value');
    await redis.restart();
    expect(await client.get('key')).toBe('value');
  });

  test('is silent while paused and answers what was asked once resumed', async () => {
    const redis = await startRedis();
    const patient = redis.client();
    const hasty = redis.client({ commandTimeout: 100 });
    await Promise.all([patient.ping(), hasty.ping()]);
    await redis.pause();
    const pong = patient.ping();
    await expect(hasty.ping()).rejects.toThrow('Command timed out');
    await redis.resume();
    expect(await pong).toBe('PONG');
  });

  test('starts again on the same port after a kill', async () => {
    const redis = await startRedis({ extraArgs: ['--maxmemory', '10mb'] });
    await redis.kill();
    await redis.start();
    expect(await redis.client().config('GET', 'maxmemory')).toEqual(['maxmemory', String(10 * 1024 * 1024)]);
  });

  test('says why it cannot start', async () => {
    await expect(startRedis({ extraArgs: ['--no-such-setting', '1'] })).rejects.toThrow(
      /ended at its start(?:.|\n)*no-such-setting/,
    );
  });
});

test('a real influxd answers points as line protocol, and keeps them over kill and restart', async () => {
  const influxd = await startInfluxd();
  await influxd.createDatabase('events');
  await influxd.write('events', articlePoints());
  expect(await influxd.points('events')).toEqual(articlePoints());
  await influxd.kill();
  await influxd.start();
  expect(await influxd.points('events')).toEqual(articlePoints());
  await influxd.restart();
  const odd = 'odd\\ one,a\\,b=c\\=d,k=v f=1.5,i=7i,s="say \\"x\\"" 1478507520000000001';
  await influxd.write('events', [odd]);
  expect(await influxd.points('events', ['odd one'])).toEqual([odd]);
  await expect(influxd.query('events', 'SELECT')).rejects.toThrow(/error parsing query/);
});

test('the example has five lines and six points', () => {
  expect(articleLines()).toHaveLength(5);
  expect(articlePoints()).toHaveLength(6);
});

test('cleanup goes in reverse, past failures, and tells of all of them', async () => {
  const order: string[] = [];
  const mark = cleanupMark();
  cleanup('first', () => order.push('first'));
  cleanup('second', () => Promise.reject(new Error('stuck')));
  cleanup('third', () => order.push('third'));
  await expect(disposeTo(mark)).rejects.toThrow('while taking down second: stuck');
  expect(order).toEqual(['third', 'first']);
});

test('eventually tells what it waited for and how the last try failed', async () => {
  const waiting = eventually(() => Promise.reject(new Error('not yet')), { timeoutMs: 20, everyMs: 5, what: 'rain' });
  await expect(waiting).rejects.toThrow('waited 20 ms for rain; not yet');
});
