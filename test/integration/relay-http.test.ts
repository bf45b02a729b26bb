import { gzipSync } from 'node:zlib';
import type { Redis } from 'ioredis';
import { articleLines } from '../support/article.ts';
import { type Daemon, startDaemon } from '../support/daemon.ts';
import { eventually } from '../support/eventually.ts';
import { type RedisServer, startRedis } from '../support/redis-server.ts';
import { linesOf, takeEntries } from '../support/relay-streams.ts';

let server: RedisServer;
let redis: Redis;
let relay: Daemon;
beforeAll(async () => {
  server = await startRedis();
  redis = server.client();
  relay = await startRelay('az1', ['--body-limit', '16MiB', '--inflight-bytes', '16MiB']);
});

function startRelay(id: string, more: readonly string[] = []): Promise<Daemon> {
  const place = ['--redis', server.url, '--http', '127.0.0.1:0', '--udp', '127.0.0.1:0', '--id', id];
  return startDaemon('weir-relay', [...place, ...more]);
}

const taken = () => takeEntries(relay, redis);

async function write(path: string, body: string | Uint8Array, headers: Record<string, string> = {}) {
  const response = await fetch(`http://${relay.http}${path}`, { method: 'POST', body, headers });
  const text = await response.text();
  return { status: response.status, headers: response.headers, body: text === '' ? undefined : JSON.parse(text) };
}

const line = (user: string, timestamp = ' 1478507534415525888') => `event_type=a,product=b value=${user}${timestamp}`;

afterEach(taken);

describe('a write', () => {
  test('of good lines is answered 204, with every line in Redis, byte by byte', async () => {
    const { status, body } = await write('/write?db=events', `${articleLines().join('\n')}\n`);
    expect([status, body]).toEqual([204, undefined]);
    const entries = await taken();
    expect(linesOf(entries)).toEqual([...articleLines()].sort());
    expect(entries.reduce((sum, { lineCount }) => sum + lineCount, 0)).toBe(5);
    for (const { batch, receivedMs } of entries) {
      expect(batch).toMatch(/^az1:[0-9a-f]{16}:[0-9]+$/);
      expect(Math.abs(Date.now() - receivedMs)).toBeLessThan(60_000);
    }
  });

  test('through the API of 2.x means the same', async () => {
    expect(await write('/api/v2/write?org=o&bucket=b&precision=ms', line('u', ' 1478507534415'))).toMatchObject({
      status: 204,
    });
    expect(linesOf(await taken())).toEqual([line('u', ' 1478507534415000000')]);
  });

  test('of many lines is cut into batches, and all of them are there', async () => {
    const lines = Array.from({ length: 100_000 }, (_, i) => line(`user-${i}`));
    expect(await write('/write', lines.join('\n'))).toMatchObject({ status: 204 });
    expect(linesOf(await taken())).toEqual(lines.sort());
  });

  test('may be compressed', async () => {
    expect(await write('/write', gzipSync(line('u')), { 'content-encoding': 'gzip' })).toMatchObject({ status: 204 });
    expect(linesOf(await taken())).toEqual([line('u')]);
  });

  test('with an Idempotency-Key shares no entry, and says key and line numbers', async () => {
    const body = ['', line('u'), 'bad', line('u', ' 6')].join('\n');
    const { status } = await write('/write', body, { 'idempotency-key': 'order:17' });
    expect(status).toBe(400);
    expect(await taken()).toMatchObject([{ idempotencyKey: 'order:17', lineNumbers: '2,4', lineCount: 2 }]);
  });

  test.each(['', '\n\n', '# only a comment'])('without lines is answered 204: %j', async (body) => {
    expect(await write('/write?db=events', body)).toMatchObject({ status: 204 });
    expect(await write('/api/v2/write', body)).toMatchObject({ status: 204 });
    expect(await taken()).toEqual([]);
  });
});

describe('bad input', () => {
  const good = line('good');

  test.each<[string, string | Buffer, string]>([
    ['a line of 10 MB', Buffer.alloc(10_000_000, 'x'), 'too-long'],
    ['NUL bytes', 'event_type=a,product=b value=\0', 'control-character'],
    ['half a line', 'event_type=http-5xx,produ', 'syntax'],
    ['half a quoted line', 'm,event_type=a,product=b value="ha', 'syntax'],
    ['a timestamp in the future', line('u', ` ${Date.now() + 600_000}000000`), 'future'],
    ['a timestamp before 1970', line('u', ' -1'), 'past'],
    ['a timestamp that is none', line('u', ' tomorrow'), 'timestamp'],
    ['bytes that are no UTF-8', Buffer.from(line('\xff\xfe'), 'latin1'), 'invalid-utf8'],
    ['a line without value', 'event_type=a,product=b 5', 'missing-value'],
    ['a name that is too long', line('x'.repeat(257)), 'name-length'],
    ['random bytes', Buffer.from([0x00, 0xff, 0x80, 0x5c, 0x22]), 'control-character'],
  ])('%s is rejected with its number and reason, and its neighbours are kept', async (_, bad, reason) => {
    const body = Buffer.concat([Buffer.from(`${good}\n`), Buffer.from(bad), Buffer.from(`\n${good}`)]);
    const v1 = await write('/write', body);
    expect(v1.status).toBe(400);
    expect(v1.body.rejected).toEqual([{ line: 2, reason, detail: expect.any(String) }]);
    expect(v1.body.error).toMatch(
      new RegExp(`^partial write: 1 of 3 lines rejected: line 2: ${reason}: .* dropped=1$`),
    );
    expect(v1.headers.get('x-influxdb-error')).toBe(v1.body.error);
    expect(linesOf(await taken())).toEqual([good, good]);
    const v2 = await write('/api/v2/write', body);
    expect(v2.status).toBe(400);
    expect(v2.body).toMatchObject({ code: 'invalid', line: 2, message: v1.body.error });
    expect(linesOf(await taken())).toEqual([good, good]);
  });

  test('a wrong precision takes nothing', async () => {
    expect(await write('/write?precision=sec', good)).toMatchObject({
      status: 400,
      body: { error: 'invalid precision "sec", expected one of n, ns, u, us, ms, s, m, h' },
    });
    expect(await write('/api/v2/write?precision=h', good)).toMatchObject({
      status: 400,
      body: { code: 'invalid', message: 'invalid precision "h", expected one of ns, us, ms, s' },
    });
    expect(await taken()).toEqual([]);
  });

  test('a body beyond the limit is 413, also when only its content is', async () => {
    const tooLarge = Buffer.alloc(17 * 1024 * 1024, '\n');
    expect(await write('/write', tooLarge)).toMatchObject({ status: 413 });
    expect(await write('/write', gzipSync(tooLarge), { 'content-encoding': 'gzip' })).toMatchObject({ status: 413 });
    expect(await write('/api/v2/write', gzipSync(tooLarge), { 'content-encoding': 'gzip' })).toMatchObject({
      status: 413,
      body: { code: 'request too large' },
    });
    expect(await write('/write', good)).toMatchObject({ status: 204 });
  });

  test('a body that decodes to nothing, without end, is 413 too', async () => {
    const emptyBlocks = Buffer.alloc(17 * 1024 * 1024 - 1).fill(Buffer.from([0x00, 0x00, 0x00, 0xff, 0xff]));
    const body = Buffer.concat([gzipSync('').subarray(0, 10), emptyBlocks]);
    const stream = new ReadableStream({
      start(controller) {
        for (let at = 0; at < body.length; at += 2 ** 20) controller.enqueue(body.subarray(at, at + 2 ** 20));
        controller.close();
      },
    });
    const headers = { 'content-encoding': 'gzip' };
    const options = { method: 'POST', body: stream, duplex: 'half', headers } as RequestInit;
    expect((await fetch(`http://${relay.http}/write`, options)).status).toBe(413);
    expect(await relay.metric('weir_relay_inflight_bytes')).toBe(0);
  });

  test('a body that cannot be decoded takes nothing', async () => {
    const gzip = { 'content-encoding': 'gzip' };
    expect(await write('/write', good, gzip)).toMatchObject({ status: 400 });
    expect(await write('/write', gzipSync(good.repeat(100)).subarray(0, 50), gzip)).toMatchObject({ status: 400 });
    expect(await write('/write', good, { 'content-encoding': 'br' })).toMatchObject({ status: 415 });
    expect(await taken()).toEqual([]);
  });

  test('a client that hangs up in the middle takes nothing with it', async () => {
    const abort = new AbortController();
    const body = new ReadableStream({
      start(controller) {
        controller.enqueue(Buffer.from(`${good}\n`));
        setTimeout(() => abort.abort(), 50);
      },
    });
    const options = { method: 'POST', body, duplex: 'half', signal: abort.signal } as RequestInit;
    await expect(fetch(`http://${relay.http}/write`, options)).rejects.toThrow();
    await eventually(async () => (await relay.metric('weir_relay_inflight_bytes')) === 0, { what: 'its memory' });
    expect(await taken()).toEqual([]);
  });

  test('a wrong method or path is told so', async () => {
    expect((await fetch(`http://${relay.http}/write`)).status).toBe(405);
    expect(await write('/nowhere', good)).toMatchObject({ status: 404 });
  });

  test('all of it was counted', async () => {
    expect(await relay.metric('weir_relay_lines_rejected_total{door="http",reason="too-long"}')).toBe(2);
    expect(await relay.metric('weir_relay_writes_total{status="413"}')).toBe(4);
    expect(relay.logs.filter(({ level }) => level === 'error' || level === 'fatal')).toEqual([]);
  });
});

test('more than may be in hand at once is 503, and welcome a little later', async () => {
  const slow = new AbortController();
  const body = new ReadableStream({
    start: (controller) => controller.enqueue(Buffer.alloc(15 * 1024 * 1024, '\n')),
  });
  const options = { method: 'POST', body, duplex: 'half', signal: slow.signal } as RequestInit;
  const held = fetch(`http://${relay.http}/write`, options);
  held.catch(() => undefined);
  await eventually(async () => (await relay.metric('weir_relay_inflight_bytes'))! > 14e6, { what: 'the slow body' });
  const refused = await write('/write', Buffer.alloc(2 * 1024 * 1024, '\n'));
  expect(refused.status).toBe(503);
  expect(refused.headers.get('retry-after')).toBe('1');
  slow.abort();
  await expect(held).rejects.toThrow();
  await eventually(async () => (await write('/write', line('u'))).status === 204, { what: 'room' });
});
