import { MissedEntries } from '@weir/cli/tail/tail-events';
import { CONSUMER_GROUP, partitionKeys } from '@weir/common/keys';
import { send } from '../support/client.ts';
import { eventually } from '../support/eventually.ts';
import { expectPublished } from '../support/published-schema.ts';
import { PARTITIONS, startRegion } from '../support/region.ts';
import { runCli } from '../support/run-program.ts';

/** `weir tail` beside aggregators that read the same streams. */
const line = (product: string, user: string, n: number) =>
  `event_type=login,product=${product} value=${user} 1478507534${String(n).padStart(9, '0')}`;

test('events pass by, chosen and counted, and the consumer groups know nothing of it', async () => {
  const region = await startRegion();
  const place = ['--redis', region.redis.url, '--prefix', region.name];
  const tailing = runCli(['tail', '--product', 'shop', '--count', '3', '-o', 'json', ...place]);
  const waiting = async () => String(await region.client.client('LIST')).includes('cmd=xread ');
  await eventually(waiting, { what: 'it to wait for events' });
  await send(region.relays[0]!, [line('shop', 'ada', 1), line('mail', 'bob', 2), line('shop', 'eve', 3)]);
  await send(region.relays[1]!, [line('shop', 'ada', 1)]);
  const { code, stdout, stderr } = await tailing;
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  const shown = stdout.trimEnd().split('\n');
  expectPublished('tail', shown[0]!);
  expect(shown.map((text) => JSON.parse(text).line).sort()).toEqual(
    [line('shop', 'ada', 1), line('shop', 'ada', 1), line('shop', 'eve', 3)].sort(),
  );
  expect(await region.untilFolded(4)).toMatchObject({ counted: 3, duplicate: 1 });
  for (let partition = 0; partition < PARTITIONS; partition++) {
    const groups = (await region.client.xinfo('GROUPS', partitionKeys(region.name, partition).stream)) as unknown[][];
    expect(groups.map((group) => [group[1], group[5]])).toEqual([[CONSUMER_GROUP, 0]]);
  }
  const quiet = await runCli(['tail', '--for', '200ms', ...place]);
  expect(quiet).toEqual({ code: 0, stdout: '', stderr: '' });
  const wrong = await runCli(['tail', '--other', '--user', 'ada', ...place]);
  expect(wrong.code).toBe(2);
});

test('entries that were trimmed unseen are counted by the numbers of their relay', () => {
  const missed = new MissedEntries();
  missed.know(0, 'aa', 5);
  const see = (incarnation: string, sequence: number) => missed.see(0, { relayId: 'r', incarnation, sequence });
  expect([see('aa', 6), see('aa', 9), see('aa', 8), see('bb', 40), see('bb', 41)]).toEqual([0, 2, 0, 0, 0]);
});
