import { partitionKeys } from '@weir/common/keys';
import { partitionOf } from '@weir/common/partition';
import { send } from '../support/client.ts';
import { eventually } from '../support/eventually.ts';
import { freePort } from '../support/free-port.ts';
import { PARTITIONS, type Region, startRegion } from '../support/region.ts';
import { runCli } from '../support/run-program.ts';

/** `weir dead replay` with the real daemons: what can count counts once, what cannot is a dead letter again. */
let region: Region;
const WINDOW = 1_478_507_520;

beforeAll(async () => {
  // One window older than lateness may be open in a partition, and it is not for long.
  region = await startRegion({ aggregatorSettings: ['--max-old-windows', '1', '--lateness', '2s', '--hold', '2s'] });
});

const line = (user: string, sec: number, n = 0) =>
  `event_type=login,product=shop value=${user} ${sec}${String(n).padStart(9, '0')}`;
const point = (measurement: string, value: number, sec: number) =>
  `${measurement},event_type=login,product=shop value=${value} ${sec}000000000`;

async function weir(...argv: string[]) {
  const place = ['--redis', region.redis.url, '--prefix', region.name];
  const { code, stdout, stderr } = await runCli([...argv, ...place, '--json']);
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  return JSON.parse(stdout);
}

test('lines for which there was no room count exactly once they are sent again; late ones are late again', async () => {
  const ada = partitionOf(Buffer.from('ada'), 0, 3, PARTITIONS);
  const { windows, dead } = partitionKeys(region.name, ada);
  const relay = `http://${region.relays[0]!.http}`;
  await send(region.relays[0]!, [line('ada', WINDOW), line('ada', WINDOW, 1)]);
  await region.untilFolded(2);
  // The second old window of the partition finds no room while the first is open.
  await send(region.relays[1]!, [line('ada', WINDOW + 60), line('ada', WINDOW + 60, 1), line('ada', WINDOW + 60, 1)]);
  expect((await region.untilFolded(5)).dead).toMatchObject({ 'too-many-windows': 3 });
  await eventually(async () => (await region.client.hlen(windows)) === 0, { what: 'the first window to be sealed' });
  await send(region.relays[0]!, [line('ada', WINDOW, 2)]);
  expect((await region.untilFolded(6)).dead).toMatchObject({ late: 1 });

  const dry = await weir('dead', 'replay', '--relay', relay, '--dry-run');
  expect(dry.plan).toMatchObject({ lateAgain: 1 });
  const away = `http://127.0.0.1:${await freePort()}`;
  const { plan, outcome } = await weir('dead', 'replay', '--relay', away, '--relay', relay, '--yes');
  const reasons = plan.groups.map(({ reason, lines }: { reason: string; lines: number }) => [reason, lines]);
  expect(Object.fromEntries(reasons)).toEqual({ 'too-many-windows': 3, late: 1 });
  expect(outcome).toMatchObject({ letters: 2, lines: 4, keptLetters: 0 });

  const { counted, duplicate, dead: letters } = await region.untilFolded(10);
  expect({ counted, duplicate, letters }).toMatchObject({
    counted: 4,
    duplicate: 1,
    letters: { 'too-many-windows': 3, late: 2 },
  });
  expect(await region.client.xlen(dead)).toBe(1);
  const ledger = await region.ledger();
  expect(ledger.totals).toMatchObject({ balanced: true, deadReplayed: 4, deadPurged: 0, received: 10 });
  await region.untilPoints(
    [
      point('cumulative_user_event', 2, WINDOW),
      point('cumulative_user_event', 2, WINDOW + 60),
      point('unique_user_event', 1, WINDOW),
      point('unique_user_event', 1, WINDOW + 60),
    ].sort(),
  );
});
