import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { cleanup } from '../support/cleanup.ts';
import {
  Daemon,
  type DaemonName,
  type Environment,
  type PROGRAMS,
  startDaemon,
  startProgram,
} from '../support/daemon.ts';
import { eventually } from '../support/eventually.ts';
import { startInfluxd } from '../support/influxd.ts';
import { type Region, startRegion } from '../support/region.ts';
import { runProgram } from '../support/run-program.ts';
import { tempDir } from '../support/temp-dir.ts';

/** How the programs answer settings that cannot be used: one line with setting, value and what was expected, exit 78. */
describe.each<DaemonName>(['weir-relay', 'weir-aggregator'])('%s', (program) => {
  test.each<{ what: string; args: string[]; env?: Environment; line: RegExp }>([
    { what: 'a bad value', args: ['--partitions', 'many'], line: /--partitions: got "many", expected .*1/ },
    { what: 'a bad variable', args: [], env: { WEIR_PARTITIONS: '0' }, line: /WEIR_PARTITIONS: got "0", expected / },
    { what: 'an unknown flag', args: ['--colour', 'red'], line: /"--colour": unknown flag, expected / },
  ])('refuses $what', async ({ args, env, line }) => {
    await expectRefused(program, args, line, env);
  });

  test('refuses an unknown key in its config file', async () => {
    const file = join(await tempDir('config'), 'weir.yaml');
    await writeFile(file, 'colour: red\n');
    await expectRefused(program, ['--config', file], /"colour" in .*weir\.yaml: unknown key, expected /);
  });
});

test.each<keyof typeof PROGRAMS>(['weir-relay', 'weir-aggregator', 'weir'])(
  '%s tells what it takes, and its version',
  async (program) => {
    const [help, version] = await Promise.all([runProgram(program, ['--help']), runProgram(program, ['--version'])]);
    expect(help).toMatchObject({ code: 0, stderr: '' });
    expect(help.stdout).toMatch(program === 'weir' ? /^ +lag .*\n(?:.*\n)*? +pending /m : /^ +--redis <url> /m);
    expect(version).toEqual({ code: 0, stdout: expect.stringMatching(/^\d+\.\d+\.\d+\n$/), stderr: '' });
  },
);

test.each<keyof typeof PROGRAMS>(['weir-relay', 'weir-aggregator', 'weir'])(
  '%s takes no more partitions than the others',
  async (program) => {
    const args = program === 'weir' ? ['lag', '--partitions', '1025'] : ['--partitions', '1025'];
    const { code, stderr } = await runProgram(program, args);
    expect(code).toBe(program === 'weir' ? 2 : 78);
    expect(stderr).toContain('--partitions: got "1025", expected a whole number from 1 to 1024');
  },
);

test('an aggregator whose two measurements would be one is refused', async () => {
  const args = ['--unique-measurement', 'events', '--cumulative-measurement', 'events'];
  await expectRefused(
    'weir-aggregator',
    args,
    /--cumulative-measurement: got "events", expected another than --unique/,
  );
});

describe('beside a deployment that runs', () => {
  let region: Region;

  beforeAll(async () => {
    region = await startRegion({ influxds: [await startInfluxd()], relays: 1, aggregators: 1 });
  });

  test.each([
    { setting: '--window', here: '30s', there: '1m' },
    { setting: '--identity', here: 'arrival', there: 'content' },
    { setting: '--unique-measurement', here: 'users', there: 'unique_user_event' },
    { setting: '--point-tags', here: 'env=prod,region=eu', there: 'none' },
    { setting: '--point-time', here: 'end', there: 'start' },
  ])('an aggregator with another $setting than recorded names both values', async ({ setting, here, there }) => {
    const args = [...region.aggregatorSettings('other'), setting, here];
    await expectRefused('weir-aggregator', args, bothValues(setting, here, there));
  });

  test('an aggregator with other sinks than recorded names both lists', async () => {
    const args = [...region.aggregatorSettings('other'), '--sink', `${region.influxds[0]!.url}?db=weir&name=az9`];
    await expectRefused('weir-aggregator', args, bothValues('--sink', 'az1,az9', 'az1'));
  });

  test('a relay with another --partitions than recorded names both values', async () => {
    const args = [...region.relaySettings('other', await tempDir('other')), '--partitions', '5'];
    await expectRefused('weir-relay', args, bothValues('--partitions', '5', '8'));
  });

  test.each([[], ['--window', '30s']])('the aggregator’s own command again names its address: %j', async (...more) => {
    const http = region.aggregators[0]!.http;
    const args = [...region.aggregatorSettings('aggregator-1'), '--http', http, ...more];
    await expectRefused('weir-aggregator', args, inUse('--http', http));
  });

  test('the relay’s own command again names its address, that of its datagrams too', async () => {
    const { http, udp } = region.relays[0]!;
    const args = [...region.relaySettings('relay-1', await tempDir('other')), '--http', http];
    await expectRefused('weir-relay', args, inUse('--http', http));
    const other = [...region.relaySettings('other', await tempDir('other')), '--udp', udp];
    await expectRefused('weir-relay', other, inUse('--udp', udp));
  });

  test('a relay takes the addresses of one that is just ending', async () => {
    const ending = await startDaemon('weir-relay', region.relaySettings('ending', await tempDir('ending')));
    const { http, udp } = ending;
    const args = [...region.relaySettings('next', await tempDir('next')), '--http', http, '--udp', udp];
    const next = new Daemon('weir-relay', await startProgram('weir-relay', args, {}));
    cleanup('next', () => next.takeDown());
    const waits = () => next.logged('the address is in use; waiting whether it stays so');
    await eventually(waits, { what: 'the next one to wait', everyMs: 10 });
    await ending.stop();
    await next.untilReady();
    expect({ http: next.http, udp: next.udp }).toEqual({ http, udp });
    await next.stop();
  });

  test('a second live process with the same id is refused, and the first goes on', async () => {
    await Promise.all([
      expectRefused('weir-aggregator', region.aggregatorSettings('aggregator-1'), /--id.*aggregator-1.*live/),
      expectRefused('weir-relay', region.relaySettings('relay-1', await tempDir('other')), /--id.*relay-1.*live/),
    ]);
    for (const daemon of [...region.relays, ...region.aggregators]) {
      expect((await daemon.get('/readyz')).status).toBe(200);
    }
  });
});

function inUse(flag: string, address: string): RegExp {
  return new RegExp(`${flag}: got ${address}, expected an address that no other process listens on$`);
}

function bothValues(setting: string, here: string, there: string): RegExp {
  return new RegExp(`${setting}: got ${here}, expected ${there}, which deployment "weir" has recorded`);
}

async function expectRefused(
  program: DaemonName,
  args: readonly string[],
  line: RegExp,
  env?: Environment,
): Promise<void> {
  const { code, stdout, stderr } = await runProgram(program, args, env);
  // Once it has begun to start it also logs, in JSON.
  const said = stderr.split('\n').filter((text) => text !== '' && !text.startsWith('{'));
  expect({ code, stdout, said }).toEqual({ code: 78, stdout: '', said: [expect.stringMatching(line)] });
  expect(said[0]).toMatch(new RegExp(`^${program}: `));
}
