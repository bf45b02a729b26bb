import { post } from '../support/client.ts';
import { type Daemon, startDaemon } from '../support/daemon.ts';
import { eventuallyHolds } from '../support/eventually.ts';
import { startRedis } from '../support/redis-server.ts';
import { tempDir } from '../support/temp-dir.ts';

/** Other lines under the names of the totals, as the real relay knows them. */
test('nobody writes other lines under the names of the totals, those by default or those of the deployment', async () => {
  const redis = await startRedis();
  const startRelay = async (id: string) => {
    const place = ['--redis', redis.url, '--http', '127.0.0.1:0', '--udp', 'off', '--id', id];
    return startDaemon('weir-relay', [...place, '--data', await tempDir(id)]);
  };
  const statuses = async (relay: Daemon) => {
    const names = ['unique_user_event', 'cumulative_user_event', 'users', 'all\\ events', 'cpu'];
    const answers = await Promise.all(names.map((name) => post(relay, [`${name},event_type=a,product=b value=1 5`])));
    return answers.map(({ status }) => status);
  };
  const before = await startRelay('before');
  expect(await statuses(before)).toEqual([400, 400, 204, 204, 204]);
  await startDaemon('weir-aggregator', [
    ...['--redis', redis.url, '--http', '127.0.0.1:0', '--sink', 'stdout:'],
    ...['--unique-measurement', 'users', '--cumulative-measurement', 'all events'],
  ]);
  for (const relay of [await startRelay('after'), before]) {
    await eventuallyHolds(async () => expect(await statuses(relay)).toEqual([204, 204, 400, 400, 204]), {
      what: 'the names of the deployment to be known',
      timeoutMs: 20_000,
    });
  }
});
