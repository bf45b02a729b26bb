import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { Agent, type IncomingMessage, request } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { gzipSync } from 'node:zlib';
import { cleanup } from '../support/cleanup.ts';
import { send } from '../support/client.ts';
import { type Daemon, startDaemon } from '../support/daemon.ts';
import { eventually, eventuallyHolds } from '../support/eventually.ts';
import { type RedisServer, startRedis } from '../support/redis-server.ts';
import { tempDir } from '../support/temp-dir.ts';
import { gzipBomb, HostileClient, sendEndlessBody, sendHeaderByteByByte, sendRaw } from './hostile-clients.ts';

/**
 * Clients that mean harm, at a real relay with small bounds, and beside them one that means well. Whatever they do, the
 * relay's memory stays bounded, every request of the other is answered in time, and what was refused is counted.
 */
const BODY_LIMIT_MIB = 4;
/** All bodies in hand have room, or the client that means well would be told to come again: that is another bound. */
const SETTINGS = [
  ...['--body-limit', `${BODY_LIMIT_MIB}MiB`, '--inflight-bytes', '64MiB', '--journal-memory', '16MiB'],
  ...['--http-header-timeout', '3s', '--http-request-timeout', '4s'],
  ...['--http-max-connections', '400', '--http-max-connections-per-address', '300'],
];
/** For attacks that are about something else than time. */
const PATIENT = ['--http-header-timeout', '20s', '--http-request-timeout', '20s'];
/** What these allow together, twice for garbage that is not collected yet, and the parser's own. */
const MOST_GROWTH_MIB = 150;
/** What a client of InfluxDB waits for, at least. */
const IN_TIME_MS = 5_000;

let redis: RedisServer;
let deployments = 0;

beforeAll(async () => {
  redis = await startRedis();
});

async function startRelay(more: readonly string[] = []): Promise<Daemon> {
  deployments++;
  const place = ['--redis', redis.url, '--prefix', `abuse-${deployments}`, '--http', '127.0.0.1:0', '--udp', 'off'];
  return startDaemon('weir-relay', [...place, '--data', await tempDir('relay'), ...SETTINGS, ...more]);
}

/**
 * Sends lines as long as the attack goes on, over one connection or over a new one each time, and looks at the relay
 * after it. `more`: lines that the attack itself got in.
 */
async function under(
  relay: Daemon,
  attack: () => Promise<unknown>,
  { keepAlive = false, more = 0 } = {},
): Promise<void> {
  const before = memoryMib(relay, 'VmRSS');
  const agent = new Agent({ keepAlive, maxSockets: 1 });
  cleanup('connection', () => agent.destroy());
  let lines = 0;
  let slowestMs = 0;
  const write = async () => {
    const startedMs = performance.now();
    const body = `event_type=good,product=p value=u${lines} 1478507534415525888`;
    const asked = request(`http://${relay.http}/write`, { method: 'POST', agent }).end(body);
    const [response] = (await once(asked, 'response')) as [IncomingMessage];
    expect(response.statusCode).toBe(204);
    await once(response.resume(), 'end');
    slowestMs = Math.max(slowestMs, performance.now() - startedMs);
    lines++;
  };
  await write();
  let over = false;
  const attacking = attack().finally(() => {
    over = true;
  });
  while (!over) {
    await write();
    await sleep(20);
  }
  await attacking;
  expect(slowestMs).toBeLessThan(IN_TIME_MS);
  expect(memoryMib(relay, 'VmHWM') - before).toBeLessThan(MOST_GROWTH_MIB);
  await eventuallyHolds(
    async () => {
      expect(await relay.metric('weir_relay_lines_appended_total')).toBe(lines + more);
      expect(await relay.metric('weir_relay_inflight_bytes')).toBe(0);
    },
    { what: `${lines + more} lines in Redis and no body in hand` },
  );
  expect(relay.logs.filter(({ level }) => level === 'error' || level === 'fatal')).toEqual([]);
}

/** `VmRSS` is the memory now, `VmHWM` the most there ever was. */
function memoryMib(relay: Daemon, which: 'VmRSS' | 'VmHWM'): number {
  const status = readFileSync(`/proc/${relay.pid}/status`, 'latin1');
  return Number(new RegExp(`^${which}:\\s*([0-9]+) kB`, 'm').exec(status)![1]) / 1024;
}

/** User and system together, of all threads. */
function cpuSec(relay: Daemon): number {
  const stat = readFileSync(`/proc/${relay.pid}/stat`, 'latin1');
  const columns = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(columns[11]) + Number(columns[12])) / 100;
}

const refused = (relay: Daemon, reason: string) => relay.metric(`weir_relay_http_refusals_total{reason="${reason}"}`);
const answered = async (relay: Daemon, status: number) =>
  (await relay.metric(`weir_relay_writes_total{status="${status}"}`)) ?? 0;
const times = <T>(n: number, make: (i: number) => Promise<T>) =>
  Promise.all(Array.from({ length: n }, (_, i) => make(i)));

test('hundreds of clients that send their header byte by byte', async () => {
  const relay = await startRelay();
  const untilMs = performance.now() + 8_000;
  await under(relay, () => times(250, () => sendHeaderByteByByte(relay, 1_000, untilMs)));
  expect(await refused(relay, 'timeout')).toBeGreaterThanOrEqual(250);
});

test('bodies that come byte by byte, and answers that nobody takes', async () => {
  const relay = await startRelay();
  await under(relay, () =>
    times(100, async (i) => {
      const client = new HostileClient(relay);
      if (i % 2 === 0) {
        await client.send('POST /write HTTP/1.1\r\nhost: a\r\ncontent-length: 1000\r\n\r\n');
        while (await client.send('x')) await sleep(100);
      } else {
        client.socket.pause();
        // Asks on until answers are more than the kernel holds.
        while (await client.send('GET /metrics HTTP/1.1\r\nhost: a\r\n\r\n'.repeat(30))) await sleep(50);
      }
    }),
  );
  expect(await refused(relay, 'timeout')).toBe(50);
  expect((await refused(relay, 'unread-answer'))! + (await refused(relay, 'pipelining'))!).toBe(50);
});

test('thousands of requests in one breath, on a hundred connections at once', async () => {
  const relay = await startRelay(PATIENT);
  await under(relay, async () => {
    for (const path of ['/metrics', '/nowhere']) {
      const clients = Array.from({ length: 100 }, () => new HostileClient(relay));
      await Promise.all(clients.map(({ socket }) => once(socket, 'connect')));
      // So that all of it is there at once, as for a relay that was busy for a moment.
      await relay.pause();
      for (const client of clients) void client.send(`GET ${path} HTTP/1.1\r\nhost: a\r\n\r\n`.repeat(2_000));
      await sleep(200);
      await relay.resume();
      await Promise.all(clients.map(({ closed }) => closed));
    }
  });
  expect(await refused(relay, 'pipelining')).toBe(200);
});

test('a gigabyte in a megabyte of gzip, again and again', async () => {
  const relay = await startRelay(PATIENT);
  const bomb = await gzipBomb();
  expect(bomb.length).toBeLessThan(1.2e6);
  const head = `POST /write HTTP/1.1\r\nhost: a\r\ncontent-encoding: gzip\r\ncontent-length: ${bomb.length}\r\n\r\n`;
  const request = Buffer.concat([Buffer.from(head), bomb]);
  const before = cpuSec(relay);
  await under(relay, async () => {
    for (let round = 0; round < 10; round++) {
      const statuses = await times(10, () => sendRaw(relay, request));
      expect(statuses).toEqual(statuses.map(() => 413));
    }
  });
  expect(await answered(relay, 413)).toBe(100);
  // To decode one of them to its end takes about a second.
  expect(cpuSec(relay) - before).toBeLessThan(20);
});

test('ten thousand connections, as many at once as there may be', async () => {
  const relay = await startRelay();
  let most = 0;
  await under(relay, async () => {
    for (let round = 0; round < 20; round++) {
      const clients = Array.from({ length: 500 }, () => new HostileClient(relay));
      const closed = () => clients.filter(({ socket }) => socket.destroyed).length;
      await eventually(() => closed() >= 200, { what: 'those beyond the limit to be closed', everyMs: 10 });
      most = Math.max(most, readdirSync(`/proc/${relay.pid}/fd`).length);
      for (const client of clients) client.end();
      await Promise.all(clients.map((client) => client.closed));
    }
  });
  const beyond = await relay.metric('weir_relay_http_connections_refused_total{limit="address"}');
  expect(beyond).toBeGreaterThanOrEqual(20 * 200);
  expect(most).toBeLessThan(400 + 50);
});

test('all connections there are, while a client that is there keeps its own', async () => {
  const relay = await startRelay([...PATIENT, '--http-max-connections-per-address', '400']);
  await under(
    relay,
    async () => {
      const clients = Array.from({ length: 1_000 }, () => new HostileClient(relay));
      const closed = () => clients.filter(({ socket }) => socket.destroyed).length;
      await eventually(() => closed() >= 600, { what: 'the connections beyond the limit to be closed' });
      for (const client of clients) client.end();
      await Promise.all(clients.map((client) => client.closed));
    },
    { keepAlive: true },
  );
  expect(await relay.metric('weir_relay_http_connections_refused_total{limit="total"}')).toBeGreaterThanOrEqual(600);
});

test('headers without end', async () => {
  const relay = await startRelay(PATIENT);
  const start = 'GET /ping HTTP/1.1\r\nhost: a\r\n';
  const large = `${start}x: ${'y'.repeat(200_000)}\r\n\r\n`;
  const many = `${start}${'x: y\r\n'.repeat(2_000)}\r\n`;
  await under(relay, async () => {
    for (let round = 0; round < 10; round++) {
      const statuses = await times(100, (i) => sendRaw(relay, i % 2 === 0 ? large : many));
      for (const status of statuses) expect([431, undefined]).toContain(status);
    }
  });
  expect(await refused(relay, 'header-bytes')).toBe(500);
  expect(await refused(relay, 'headers')).toBe(500);
});

test('a million products', async () => {
  const relay = await startRelay(PATIENT);
  const [rounds, lines] = [20, 50_000];
  await under(
    relay,
    async () => {
      for (let round = 0; round < rounds; round++) {
        const product = (i: number) => `event_type=a,product=p${round * lines + i} value=u 1478507534415525888`;
        await send(
          relay,
          Array.from({ length: lines }, (_, i) => product(i)),
        );
      }
    },
    { more: rounds * lines },
  );
});

test('lines too long, and more bad lines than can be told', async () => {
  const relay = await startRelay(PATIENT);
  const bytes = BODY_LIMIT_MIB * 2 ** 20;
  const bodies = [Buffer.alloc(bytes, 'x'), Buffer.alloc(bytes, 'x\n'), Buffer.alloc(bytes, `${'y'.repeat(70_000)}\n`)];
  const rounds = 4;
  await under(relay, async () => {
    for (let round = 0; round < rounds; round++) {
      const statuses = await times(bodies.length, (i) => {
        const head = `POST /write HTTP/1.1\r\nhost: a\r\ncontent-length: ${bytes}\r\n\r\n`;
        return sendRaw(relay, Buffer.concat([Buffer.from(head), bodies[i]!]));
      });
      expect(statuses).toEqual([400, 400, 400]);
    }
  });
  const rejected = (reason: string) => relay.metric(`weir_relay_lines_rejected_total{door="http",reason="${reason}"}`);
  const tooLong = 1 + Math.ceil(bytes / 70_001);
  // The last of those lines is cut off by the end of the body.
  expect(await rejected('too-long')).toBeGreaterThanOrEqual(rounds * (tooLong - 1));
  expect(await rejected('syntax')).toBeGreaterThanOrEqual((rounds * bytes) / 2);
});

test.each([1, 50_000])('bodies without end, in chunks of %d bytes', async (chunkBytes) => {
  const relay = await startRelay();
  const untilMs = performance.now() + 20_000;
  await under(relay, async () => {
    const statuses = await times(4, () => sendEndlessBody(relay, chunkBytes, untilMs));
    for (const status of statuses) expect([408, 413, undefined]).toContain(status);
  });
  const cut = (await refused(relay, 'body-after-answer'))! + (await refused(relay, 'timeout'))!;
  expect(cut).toBe(4);
});

test('gzip that decodes to nothing, without end', async () => {
  const relay = await startRelay(PATIENT);
  const emptyBlocks = Buffer.alloc(2 * BODY_LIMIT_MIB * 2 ** 20, Buffer.from([0x00, 0x00, 0x00, 0xff, 0xff]));
  const head = 'POST /write HTTP/1.1\r\nhost: a\r\ncontent-encoding: gzip\r\ntransfer-encoding: chunked\r\n\r\n';
  const start = gzipSync('').subarray(0, 10);
  const chunk = (bytes: Buffer) =>
    Buffer.concat([Buffer.from(`${bytes.length.toString(16)}\r\n`), bytes, Buffer.from('\r\n')]);
  const request = Buffer.concat([Buffer.from(head), chunk(start), chunk(emptyBlocks)]);
  await under(relay, () => times(20, () => sendRaw(relay, request)));
  expect(await answered(relay, 413)).toBe(20);
});
