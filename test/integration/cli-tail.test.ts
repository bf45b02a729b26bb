import { CONSUMER_GROUP, deploymentKey, partitionKeys } from '@weir/common/keys';
import { cleanup } from '../support/cleanup.ts';
import { send } from '../support/client.ts';
import { startProgram } from '../support/daemon.ts';
import { eventually } from '../support/eventually.ts';
import { expectPublished } from '../support/published-schema.ts';
import { startRedis } from '../support/redis-server.ts';
import { PARTITIONS, type Region, startRegion } from '../support/region.ts';
import { runCli } from '../support/run-program.ts';
import { weir } from '../support/weir.ts';

/** `weir tail` beside aggregators that read the same streams. */
const line = (product: string, user: string, n: number) =>
  `event_type=login,product=${product} value=${user} 1478507534${String(n).padStart(9, '0')}`;

let region: Region;
let place: string[];
beforeAll(async () => {
  region = await startRegion();
  place = ['--redis', region.redis.url, '--prefix', region.name];
});

async function untilItWaits(): Promise<void> {
  const waiting = async () => / flags=b .* cmd=xread /.test(String(await region.client.client('LIST')));
  await eventually(waiting, { what: 'it to wait for events' });
}

/** Until somebody ends it. */
async function startTail(...args: string[]) {
  const child = await startProgram('weir', ['tail', ...args, ...place], {});
  cleanup('weir tail', () => child.kill());
  const [out, err]: [string[], string[]] = [[], []];
  child.onLine('stdout', (text) => out.push(text));
  child.onLine('stderr', (text) => err.push(text));
  await untilItWaits();
  return { child, out, err };
}

/** Until aggregators have folded and trimmed all there is. */
async function untilTrimmed(): Promise<void> {
  const lengths = () =>
    Promise.all(Array.from({ length: PARTITIONS }, (_, i) => region.client.xlen(partitionKeys(region.name, i).stream)));
  await eventually(async () => (await lengths()).every((length) => length <= 1), { what: 'all to be trimmed' });
}

test('events pass by, chosen and counted, and the consumer groups know nothing of it', async () => {
  const before = await region.totals();
  const tailing = runCli(['tail', '--product', 'shop', '--count', '3', '-o', 'json', ...place]);
  await untilItWaits();
  await send(region.relays[0]!, [line('shop', 'ada', 1), line('mail', 'bob', 2), line('shop', 'eve', 3)]);
  await send(region.relays[1]!, [line('shop', 'ada', 1)]);
  const { code, stdout, stderr } = await tailing;
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  const shown = stdout.trimEnd().split('\n');
  expectPublished('tail', shown[0]!);
  expect(shown.map((text) => JSON.parse(text).line).sort()).toEqual(
    [line('shop', 'ada', 1), line('shop', 'ada', 1), line('shop', 'eve', 3)].sort(),
  );
  expect(await region.untilFolded(before.received + 4)).toMatchObject({ counted: before.counted + 3 });
  for (let partition = 0; partition < PARTITIONS; partition++) {
    const groups = (await region.client.xinfo('GROUPS', partitionKeys(region.name, partition).stream)) as unknown[][];
    expect(groups.map((group) => [group[1], group[5]])).toEqual([[CONSUMER_GROUP, 0]]);
  }
  const quiet = await runCli(['tail', '--for', '200ms', ...place]);
  expect(quiet).toEqual({ code: 0, stdout: '', stderr: '' });
});

test('other lines pass by, with all that is known of them, and Ctrl-C ends it with 0', async () => {
  const { child, out, err } = await startTail('--other', '-o', 'wide', '--utc');
  await send(region.relays[0]!, [line('shop', 'ada', 10), 'cpu,host=a load=1 1478507534000000000']);
  await eventually(() => out.length > 0, { what: 'the other line' });
  process.kill(child.pid, 'SIGINT');
  expect((await child.exited).code).toBe(0);
  expect(out).toEqual([
    expect.stringMatching(/^\d{4}-\S+Z {2}\d:\d+-\d+ {2}relay-1 {2}cpu,host=a load=1 1478507534000000000$/),
  ]);
  expect(err).toEqual([]);
});

test('what was trimmed while it did not read is told as missed', async () => {
  const { child, out, err } = await startTail();
  const relay = region.relays[0]!;
  await send(relay, [line('shop', 'kim', 20)]);
  await eventually(() => out.length === 1, { what: 'the first event' });
  await child.pause();
  const before = await region.totals();
  for (const n of [21, 22]) await send(relay, [line('shop', 'kim', n)]);
  await region.untilFolded(before.received + 2);
  await untilTrimmed();
  await send(relay, [line('shop', 'kim', 23)]);
  await region.untilFolded(before.received + 3);
  await untilTrimmed();
  await child.resume();
  await send(relay, [line('shop', 'kim', 24)]);
  await eventually(() => out.includes(line('shop', 'kim', 24)), { what: 'the last event' });
  expect(err).toContainEqual(
    expect.stringMatching(/^weir tail: missed \d entries of partition \d: trimmed before they were read$/),
  );
});

test('a Redis that is restarted is waited for, with one line, and it goes on', async () => {
  const { child, out, err } = await startTail('--user', 'lea', '-o', 'yaml');
  await region.redis.stop();
  await eventually(() => err.length > 0, { what: 'it to say that Redis is away' });
  await region.redis.start();
  await send(region.relays[0]!, [line('shop', 'lea', 30)]);
  await eventually(() => out.includes(`line: ${line('shop', 'lea', 30)}`), { what: 'an event after the restart' });
  expect(out[0]).toBe('---');
  expect(err).toEqual([
    expect.stringMatching(/^weir tail: Redis at 127\.0\.0\.1:\d+: [^;]+; waiting for it, to go on where it was$/),
  ]);
  process.kill(child.pid, 'SIGINT');
  expect((await child.exited).code).toBe(0);
});

describe('what is there already', () => {
  let url: string;
  const START_MS = 1_700_000_000_000;
  /** In turn in one of two partitions, a second apart, two lines each: `u0`, `u1` and so on. */
  const ENTRIES = 40;
  const user = (n: number) => line(n % 5 === 0 ? 'mail' : 'shop', `u${n}`, n);

  beforeAll(async () => {
    const server = await startRedis();
    url = server.url;
    const client = server.client();
    await client.hset(deploymentKey('weir'), { partitions: 2 });
    for (let i = 0; i < ENTRIES; i++) {
      const { stream } = partitionKeys('weir', i % 2);
      const d = `${user(2 * i)}\n${user(2 * i + 1)}\n`;
      const [b, id] = [`relay-1:00112233445566aa:${1 + (i >> 1)}`, `${START_MS + i * 1_000}-0`];
      await client.xadd(stream, id, 'b', b, 't', START_MS + i * 1_000, 'n', 2, 'd', d);
    }
  });
  const shown = async (...args: string[]) => {
    const { code, out, err } = await weir(['tail', ...args, '--redis', url]);
    expect({ code, err }).toEqual({ code: 0, err: '' });
    return out.split('\n').filter((text) => text !== '');
  };
  const since = (entries: number) => ['--since', new Date(START_MS + (ENTRIES - entries) * 1_000).toISOString()];

  test('the last lines of all partitions, oldest first, and that is all with --no-follow', async () => {
    expect(await shown('-n', '3', '--no-follow')).toEqual([user(77), user(78), user(79)]);
    expect(await shown('-n', '3', '--product', 'mail', '--no-follow')).toEqual([user(65), user(70), user(75)]);
    expect(await shown('-n', '1000', '--no-follow')).toEqual(Array.from({ length: 2 * ENTRIES }, (_, n) => user(n)));
    expect(await shown('-n', '0', '--no-follow')).toEqual([]);
  });

  test('not more than since a time, and all since then without a number', async () => {
    expect(await shown('-n', '9', ...since(2), '--no-follow')).toEqual([76, 77, 78, 79].map(user));
    expect((await shown(...since(3), '--no-follow')).sort()).toEqual([74, 75, 76, 77, 78, 79].map(user).sort());
    expect(await shown(...since(3), '--no-follow', '--count', '1')).toHaveLength(1);
  });

  test('where nothing is left it says so', async () => {
    for (const args of [['-n', '3'], since(3)]) {
      const { code, out, err } = await weir(['tail', ...args, '--no-follow', '--user', 'nobody', '--redis', url]);
      expect({ code, out, err }).toEqual({
        code: 0,
        out: '',
        err: 'weir tail: no such line is left in the streams; what is folded is trimmed from them\n',
      });
    }
  });

  test('then it goes on with what passes', async () => {
    expect(await shown('-n', '2', '--count', '2')).toEqual([user(78), user(79)]);
    expect(await shown('-n', '2', '--for', '300ms')).toEqual([user(78), user(79)]);
  });

  test('what makes no sense together is wrong usage', async () => {
    const wrong = async (...args: string[]) => {
      const { code, err } = await weir(['tail', ...args, '--redis', url]);
      expect(code).toBe(2);
      return err;
    };
    expect(await wrong('--other', '--user', 'ada')).toContain('have no product, type or user');
    expect(await wrong('--no-follow')).toContain('expected --lines <n> or --since <time> with it');
    expect(await wrong('-n', '10001')).toMatch(/^weir tail: --lines: got "10001", expected /);
  });
});
