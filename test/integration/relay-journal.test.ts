import { spawnSync } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseStreamEntry, type StreamEntry } from '@weir/common/batch';
import { partitionKeys, relaysKey } from '@weir/common/keys';
import type { Redis } from 'ioredis';
import { sendDatagram } from '../support/client.ts';
import { type Daemon, startDaemon } from '../support/daemon.ts';
import { eventually } from '../support/eventually.ts';
import { type RedisServer, startRedis } from '../support/redis-server.ts';
import { runProgram } from '../support/run-program.ts';
import { tempDir } from '../support/temp-dir.ts';

/** The relay with its journal on disk, while Redis or the disk gives way, and over its own death. */
const PARTITIONS = 8;

let server: RedisServer;
let redis: Redis;
let dataDir: string;
beforeEach(async () => {
  server = await startRedis();
  redis = server.client();
  dataDir = await tempDir('data');
});

const place = (data = dataDir) => [
  ...['--redis', server.url, '--http', '127.0.0.1:0', '--udp', '127.0.0.1:0'],
  ...['--id', 'az1', '--data', data, '--drain', '3s'],
];
const startRelay = (...more: string[]): Promise<Daemon> => startDaemon('weir-relay', [...place(), ...more]);

const line = (user: string) => `event_type=a,product=b value=${user} 1478507534415525888`;
const users = (prefix: string, count: number) => Array.from({ length: count }, (_, i) => `${prefix}${i}`);

async function write(relay: Daemon, names: readonly string[]) {
  const body = names.map(line).join('\n');
  const response = await fetch(`http://${relay.http}/write`, { method: 'POST', body });
  return { status: response.status, retryAfter: response.headers.get('retry-after'), text: await response.text() };
}

async function entries(): Promise<StreamEntry[]> {
  const found: StreamEntry[] = [];
  for (let partition = 0; partition < PARTITIONS; partition++) {
    const { stream } = partitionKeys('weir', partition);
    for (const [id, fields] of await redis.xrangeBuffer(stream, '-', '+')) {
      found.push(parseStreamEntry(id.toString(), fields)!);
    }
  }
  return found;
}

/** Every user in the streams, sorted; twice where it is there twice. */
async function usersInRedis(): Promise<string[]> {
  const lines = (await entries()).flatMap(({ lines: text }) => text.toString().trim().split('\n'));
  return lines.map((text) => / value=(\S+) /.exec(text)![1]!).sort();
}

async function untilInRedis(expected: readonly string[]): Promise<void> {
  await eventually(async () => (await usersInRedis()).length >= expected.length, { what: 'all lines to be in Redis' });
  expect(await usersInRedis()).toEqual([...expected].sort());
}

test('with Redis away lines are answered 204, and outlive two deaths of the relay', async () => {
  const first = await startRelay();
  expect(await write(first, users('before', 50))).toMatchObject({ status: 204 });
  await server.kill();
  expect(await write(first, users('away', 50))).toMatchObject({ status: 204 });
  await first.kill();
  const second = await startRelay();
  expect(await write(second, users('again', 50))).toMatchObject({ status: 204 });
  expect((await second.get('/readyz')).status).toBe(503);
  expect(await second.metric('weir_relay_journal_recovered_batches_total')).toBeGreaterThan(0);
  await second.kill();
  await server.start();
  const third = await startRelay();
  expect(await write(third, users('after', 50))).toMatchObject({ status: 204 });
  // This Redis kept nothing: what it had confirmed before is sent again, too.
  const all = ['before', 'away', 'again', 'after'].flatMap((prefix) => users(prefix, 50));
  await untilInRedis(all);
  expect(new Set((await entries()).map(({ batch }) => batch.split(':')[1])).size).toBe(3);
  await eventually(async () => (await third.metric('weir_relay_journal_unconfirmed_bytes')) === 0, {
    what: 'the journal to be drained',
  });
  expect(await third.metric('weir_relay_journal_gap_batches_total')).toBe(0);
  await third.stop();
  expect(await redis.hget(relaysKey('weir'), 'az1')).toBeNull();
});

test('what Redis forgets is sent again by a relay that was restarted in between', async () => {
  const first = await startRelay();
  const named = users('u', 100);
  expect(await write(first, named)).toMatchObject({ status: 204 });
  await first.stop();
  const second = await startRelay();
  await redis.flushall();
  await untilInRedis(named);
  await redis.flushall();
  await untilInRedis(named);
  expect(await second.metric('weir_relay_batches_appended_again_total')).toBeGreaterThan(0);
});

test('a Redis that hangs costs a request no more than a moment', async () => {
  const relay = await startRelay('--append-timeout', '60s');
  await server.pause();
  expect(await write(relay, users('u', 20))).toMatchObject({ status: 204 });
  await server.resume();
  await untilInRedis(users('u', 20));
});

test('a full journal is 503 with Retry-After, and datagrams are dropped, until Redis is back', async () => {
  const relay = await startRelay('--journal-bytes', '8MiB', '--body-limit', '4MiB');
  await server.kill();
  const taken: string[] = [];
  const filler = 'x'.repeat(200);
  for (let request = 0; ; request++) {
    const named = users(`${filler}-${request}-`, 200);
    const { status, retryAfter, text } = await write(relay, named);
    if (status === 204) taken.push(...named);
    else {
      expect({ status, retryAfter }).toEqual({ status: 503, retryAfter: '1' });
      expect(text).toContain('the journal is full');
      break;
    }
  }
  expect(taken.length).toBeGreaterThan(10_000);
  await sendDatagram(relay, users(`${filler}-datagram-`, 230).map(line));
  await eventually(async () => (await relay.metric('weir_relay_udp_datagrams_dropped_total')) === 1, {
    what: 'a drop',
  });
  await server.start();
  await untilInRedis(taken);
  expect(await write(relay, ['late'])).toMatchObject({ status: 204 });
  const bytes = await relay.metric('weir_relay_journal_bytes');
  expect(bytes).toBeLessThanOrEqual(8 * 2 ** 20);
});

test('SIGTERM with Redis away leaves everything to the next start, and the report with it', async () => {
  const first = await startRelay();
  await server.pause();
  expect(await write(first, users('http', 20))).toMatchObject({ status: 204 });
  await sendDatagram(first, users('udp', 20).map(line));
  await eventually(async () => (await first.metric('weir_relay_udp_datagrams_total')) === 1, { what: 'the datagram' });
  await first.stop();
  expect(
    await first.logged('stopped with batches that Redis did not confirm; the journal has them for the next start'),
  ).toBeDefined();
  await server.resume();
  expect((await redis.hget(relaysKey('weir'), 'az1'))?.split(' ')).toHaveLength(4);
  await startRelay();
  await untilInRedis([...users('http', 20), ...users('udp', 20)]);
});

/**
 * Bytes a file of the relay's may have. A write beyond fails as on a full disk, and needs no privileges; a real full disk
 * is among the faults of the fault runner.
 */
function limitFiles(relay: Daemon, soft: string): void {
  const { status, stderr } = spawnSync('prlimit', ['--pid', String(relay.pid), `--fsize=${soft}:`]);
  expect({ status, stderr: String(stderr) }).toEqual({ status: 0, stderr: '' });
}

test('a disk that takes no more: nothing new is taken, nothing is lost, and it is written again once it has room', async () => {
  const relay = await startRelay();
  limitFiles(relay, '500000');
  const filler = 'y'.repeat(200);
  const taken: string[] = [];
  for (let request = 0; ; request++) {
    const named = users(`${filler}-${request}-`, 200);
    const { status } = await write(relay, named);
    if (status !== 204) break;
    taken.push(...named);
  }
  expect(taken.length).toBeGreaterThan(0);
  expect(relay.running).toBe(true);
  expect(await relay.metric('weir_relay_journal_write_failures_total')).toBeGreaterThan(0);
  expect(await (await relay.get('/readyz')).text()).toContain('the disk does not take it');
  await untilInRedis(taken);
  limitFiles(relay, 'unlimited');
  await eventually(async () => (await write(relay, ['late'])).status === 204, { what: 'room' });
  expect((await relay.get('/readyz')).status).toBe(200);
  await untilInRedis([...taken, 'late']);
});

describe('a data directory', () => {
  test('that another live relay has ends the start with 78', async () => {
    const relay = await startRelay();
    const { code, stderr } = await runProgram('weir-relay', [...place(), '--id', 'az2']);
    expect(code).toBe(78);
    expect(stderr).toMatch(/^weir-relay: --data: got .* expected a directory that no other live relay has/);
    expect(relay.running).toBe(true);
  });

  test.each([
    [['--prefix', 'other'], '--prefix: got other, expected weir'],
    [['--partitions', '4'], '--partitions: got 4, expected 8'],
  ])('of another deployment ends the start with 78 and both values: %j', async (settings, message) => {
    await (await startRelay()).stop();
    const { code, stderr } = await runProgram('weir-relay', [...place(), ...settings]);
    expect(code).toBe(78);
    expect(stderr).toContain(message);
  });

  test('that cannot be made ends the start with 78', async () => {
    await writeFile(join(dataDir, 'file'), '');
    const { code, stderr } = await runProgram('weir-relay', place(join(dataDir, 'file', 'data')));
    expect(code).toBe(78);
    expect(stderr).toMatch(
      /^weir-relay: --data: got .*, expected a directory for the journal that can be written: ENOTDIR\n$/,
    );
  });
});

test('with --journal off nothing is answered 204 that Redis does not have', async () => {
  const relay = await startRelay('--journal', 'off');
  expect(await write(relay, ['a'])).toMatchObject({ status: 204 });
  await server.kill();
  await eventually(async () => (await write(relay, ['b'])).status === 503, { what: 'a 503' });
});
