import { relaysKey } from '@weir/common/keys';
import type { Redis } from 'ioredis';
import { type Daemon, startDaemon } from '../support/daemon.ts';
import { eventually } from '../support/eventually.ts';
import { freePort } from '../support/free-port.ts';
import { type RedisServer, startRedis } from '../support/redis-server.ts';
import { runProgram } from '../support/run-program.ts';

let server: RedisServer;
let redis: Redis;
beforeEach(async () => {
  server = await startRedis();
  redis = server.client();
});

const place = (id: string) => ['--redis', server.url, '--http', '127.0.0.1:0', '--udp', '127.0.0.1:0', '--id', id];
const startRelay = (id: string, more: readonly string[] = []) => startDaemon('weir-relay', [...place(id), ...more]);

const line = (user: string) => `event_type=a,product=b value=${user} 1478507534415525888`;
async function write(relay: Daemon, body: string, headers: Record<string, string> = {}) {
  const response = await fetch(`http://${relay.http}/write`, { method: 'POST', body, headers });
  return { status: response.status, retryAfter: response.headers.get('retry-after'), text: await response.text() };
}

async function linesInRedis(): Promise<number> {
  let lines = 0;
  for (let partition = 0; partition < 8; partition++) {
    lines += Number((await redis.hget(`weir:{${partition}}:counters`, 'received')) ?? 0);
  }
  return lines;
}

async function report(id: string): Promise<number[] | undefined> {
  const field = await redis.hget(relaysKey('weir'), id);
  return field?.split(' ').slice(1).map(Number);
}

test('without a journal on disk writes are 503 with Retry-After while Redis is away, and taken again once it is back', async () => {
  const relay = await startRelay('az1', ['--journal', 'off']);
  expect(await write(relay, line('a'))).toMatchObject({ status: 204 });
  await server.stop();
  await eventually(async () => (await write(relay, line('b'))).status === 503, { what: 'a 503' });
  expect(await write(relay, line('b'))).toMatchObject({ status: 503, retryAfter: '1' });
  expect((await relay.get('/readyz')).status).toBe(503);
  expect((await relay.get('/livez')).status).toBe(200);
  await server.start();
  await eventually(async () => (await write(relay, line('c'))).status === 204, { what: 'a 204' });
  // The lanes of other partitions ask again when their own pause is over.
  await eventually(async () => (await relay.get('/readyz')).status === 200, { what: 'the relay to be ready' });
  await relay.stop();
});

test('without a journal on disk a Redis that stands still is 503 after --append-timeout', async () => {
  const relay = await startRelay('az1', ['--journal', 'off', '--append-timeout', '300ms']);
  await server.pause();
  const started = performance.now();
  expect(await write(relay, line('a'))).toMatchObject({ status: 503, retryAfter: '1' });
  expect(performance.now() - started).toBeGreaterThan(290);
  await server.resume();
  await eventually(async () => (await linesInRedis()) === 1, { what: 'the line, which was not given up' });
});

test('without a journal on disk a Redis without memory is 503, and nothing is half done', async () => {
  const relay = await startRelay('az1', ['--journal', 'off', '--append-timeout', '300ms']);
  await redis.config('SET', 'maxmemory', '1');
  expect(await write(relay, line('a'))).toMatchObject({ status: 503 });
  expect(await write(relay, line('a'))).toMatchObject({ status: 503, text: expect.stringContaining('does not take') });
  await redis.config('SET', 'maxmemory', '0');
  await eventually(async () => (await write(relay, line('b'))).status === 204, { what: 'a 204' });
});

test('a relay that comes up before its Redis refuses writes until it is there', async () => {
  await server.stop();
  const http = `127.0.0.1:${await freePort()}`;
  const starting = startRelay('az1', ['--http', http]);
  const answer = await eventually(() => fetch(`http://${http}/write`, { method: 'POST', body: line('a') }), {
    what: 'the relay to listen',
  });
  expect([answer.status, answer.headers.get('retry-after')]).toEqual([503, '1']);
  expect((await fetch(`http://${http}/readyz`)).status).toBe(503);
  await server.start();
  const relay = await starting;
  expect(await write(relay, line('a'))).toMatchObject({ status: 204 });
});

test('a relay reports every second, drained up to the present, and signs off', async () => {
  const relay = await startRelay('az1');
  const [startedMs] = (await report('az1'))!;
  await write(relay, line('a'));
  await eventually(
    async () => {
      const [started, lastMs, drainedMs] = (await report('az1'))!;
      return started === startedMs && lastMs! > startedMs! + 1500 && drainedMs! > startedMs! + 500;
    },
    { what: 'a later report' },
  );
  await relay.stop();
  expect(await report('az1')).toBeUndefined();
});

test('what is not in Redis holds the report back', async () => {
  const relay = await startRelay('az1');
  await eventually(async () => (await report('az1'))![2]! > Date.now() - 2000, { what: 'a report' });
  await redis.config('SET', 'maxmemory', '1');
  const beforeMs = Date.now();
  expect(await write(relay, line('a'))).toMatchObject({ status: 204 });
  await eventually(async () => (await report('az1'))![1]! > beforeMs + 2500, { what: 'two more reports' });
  expect((await report('az1'))![2]).toBeLessThanOrEqual(beforeMs + 50);
  await redis.config('SET', 'maxmemory', '0');
  await eventually(async () => (await report('az1'))![2]! > beforeMs + 2500, { what: 'a drained report' });
});

test('a second live relay with the same id ends with 78 and one line', async () => {
  const relay = await startRelay('az1');
  const { code, stderr } = await runProgram('weir-relay', place('az1'));
  expect(code).toBe(78);
  expect(stderr).toContain('weir-relay: --id: got az1, expected a name that no other live relay has\n');
  expect(relay.running).toBe(true);
  expect(await write(relay, line('a'))).toMatchObject({ status: 204 });
});

test('the id of a relay that was killed can be taken over', async () => {
  const killed = await startRelay('az1');
  await write(killed, line('a'));
  await killed.kill();
  const relay = await startRelay('az1');
  expect(await write(relay, line('b'))).toMatchObject({ status: 204 });
  expect(await linesInRedis()).toBe(2);
});

test('a relay with another number of partitions ends with 78 and both values', async () => {
  await startRelay('az1');
  const { code, stderr } = await runProgram('weir-relay', [...place('az2'), '--partitions', '4']);
  expect(code).toBe(78);
  expect(stderr).toContain('--partitions: got 4, expected 8');
});

test.each([
  [['--http', 'off', '--udp', 'off'], '--http: got off'],
  [['--body-limit', '1GiB', '--inflight-bytes', '1GiB', '--journal-bytes', '64MiB'], '--journal-bytes: got'],
  [['--body-limit', '1GiB', '--journal', 'off'], '--journal-memory: got'],
  [['--batch-bytes', '2MiB'], '--batch-bytes: got "2MiB"'],
  [['--linger', 'soon'], '--linger: got "soon"'],
])('settings that cannot be are refused with 78 and one line: %j', async (settings, message) => {
  const { code, stderr } = await runProgram('weir-relay', [...place('az1'), ...settings]);
  expect(code).toBe(78);
  expect(stderr).toMatch(/^weir-relay: [^\n]+\n$/);
  expect(stderr).toContain(message);
});

test('SIGTERM loses nothing: whatever was answered 204 is in Redis, the rest is answered or refused', async () => {
  const relay = await startRelay('az1', ['--linger', '20ms']);
  let confirmed = 0;
  let stopped = false;
  const clients = Array.from({ length: 8 }, async (_, client) => {
    for (let i = 0; !stopped; i++) {
      const body = Array.from({ length: 20 }, (_, n) => line(`${client}-${i}-${n}`)).join('\n');
      try {
        const { status } = await write(relay, body);
        expect(status).toBe(204);
        confirmed += 20;
      } catch (error) {
        // The listener is closed; a request that was taken would have been answered.
        if ((error as Error).message !== 'fetch failed') throw error;
        return;
      }
    }
  });
  await eventually(() => confirmed > 500, { what: 'some traffic' });
  await relay.stop();
  stopped = true;
  await Promise.all(clients);
  expect(await linesInRedis()).toBe(confirmed);
});

test('SIGTERM while Redis stands still, without a journal on disk, answers 503 and ends in time', async () => {
  const relay = await startRelay('az1', ['--journal', 'off', '--drain', '2s', '--append-timeout', '60s']);
  await server.pause();
  const waiting = write(relay, line('a'));
  await eventually(async () => (await relay.metric('weir_relay_inflight_bytes'))! > 0, { what: 'the request in hand' });
  const stopping = relay.stop();
  expect(await waiting).toMatchObject({ status: 503 });
  await stopping;
  await server.resume();
});

test('what FLUSHALL took is sent again, the agreement with it', async () => {
  const relay = await startRelay('az1');
  await write(relay, Array.from({ length: 100 }, (_, i) => line(`u${i}`)).join('\n'));
  await redis.flushall();
  await eventually(async () => (await linesInRedis()) === 100, { what: 'the lines' });
  await eventually(async () => (await redis.hget('weir:deployment', 'partitions')) === '8', { what: 'the deployment' });
  expect(await relay.metric('weir_relay_batches_appended_again_total')).toBeGreaterThan(0);
});
