import { ownerOf } from '@weir/common/assignment';
import { CONSUMER_GROUP, partitionKeys } from '@weir/common/keys';
import { send } from '../support/client.ts';
import { eventuallyHolds } from '../support/eventually.ts';
import { PARTITIONS, type Region, startRegion } from '../support/region.ts';
import { runCli } from '../support/run-program.ts';

/** `weir claim` against aggregators that run: what it moves is folded within seconds. */
let region: Region;

beforeAll(async () => {
  // Nobody takes over what a live consumer holds: that is left to the operator.
  region = await startRegion({ relays: 1, aggregatorSettings: ['--claim-idle', '1h'] });
});

test('entries that a live aggregator holds and does not fold are folded by the owners within seconds', async () => {
  const [idle, owner] = ['aggregator-1', 'aggregator-2'];
  const lines = Array.from(
    { length: 200 },
    (_, i) => `event_type=a,product=p value=user${i} 147850753441552${5000 + i}`,
  );
  await strand(owner, idle, lines);
  const held = await pendingOf(idle);
  expect(held).toBeGreaterThan(0);

  const place = ['--redis', region.redis.url, '--prefix', region.name];
  const { code, stdout, stderr } = await runCli(['claim', '--idle', '0s', '--yes', '--json', ...place]);
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  expect(JSON.parse(stdout).outcome).toEqual({ claimed: held, elsewhere: 0, missingEntries: 0 });
  await region.untilFolded(lines.length, 8_000);
  expect((await region.ledger()).totals).toMatchObject({ balanced: true, counted: lines.length, missingEntries: 0 });
});

/** Sends the lines and sees to it that those of the owner's partitions are pending for the other one, who never saw them. */
async function strand(owner: string, holder: string, lines: readonly string[]): Promise<void> {
  // As long as the one that was first still reads them all, it is given the entries and folds them.
  await eventuallyHolds(
    async () => {
      for (const id of [owner, holder]) {
        const own = Array.from({ length: PARTITIONS }, (_, partition) => ownerOf(partition, [owner, holder]));
        const partitions = await region.aggregator(id).metric('weir_aggregator_partitions_owned');
        expect(partitions).toBe(own.filter((each) => each === id).length);
      }
    },
    { what: 'both aggregators to read their own partitions and no others' },
  );
  const daemon = region.aggregator(owner);
  await daemon.pause();
  // Its waiting reads would be given the entries.
  const clients = String(await region.client.client('LIST')).split('\n');
  for (const client of clients.filter((text) => text.includes(`weir-aggregator/${owner}`))) {
    await region.client.client('KILL', 'ID', Number(/\bid=(\d+)/.exec(client)![1]));
  }
  await send(region.relays[0]!, lines);
  // The answer may come with the journal's sync, before the lines are in Redis.
  await eventuallyHolds(async () => expect((await region.totals()).received).toBe(lines.length), {
    what: 'the lines to be in the streams',
  });
  for (let partition = 0; partition < PARTITIONS; partition++) {
    if (ownerOf(partition, [owner, holder]) !== owner) continue;
    const { stream } = partitionKeys(region.name, partition);
    await region.client.xreadgroup('GROUP', CONSUMER_GROUP, holder, 'STREAMS', stream, '>');
  }
  await daemon.resume();
}

async function pendingOf(consumer: string): Promise<number> {
  const { consumers } = await region.pending();
  return consumers.filter((row) => row.consumer === consumer).reduce((sum, { entries }) => sum + entries, 0);
}
