import { gzipSync } from 'node:zlib';
import type { Redis } from 'ioredis';
import { type Daemon, startDaemon } from '../support/daemon.ts';
import { type RedisServer, startRedis } from '../support/redis-server.ts';
import { linesOf, takeEntries } from '../support/relay-streams.ts';

/** What InfluxDB clients ask besides writing, and JSON events. */
let server: RedisServer;
let redis: Redis;
let relay: Daemon;
beforeAll(async () => {
  server = await startRedis();
  redis = server.client();
  const place = ['--redis', server.url, '--http', '127.0.0.1:0', '--udp', 'off', '--id', 'az1'];
  relay = await startDaemon('weir-relay', place);
});

async function ask(path: string, init: RequestInit = {}) {
  const response = await fetch(`http://${relay.http}${path}`, init);
  const text = await response.text();
  const { status, headers } = response;
  return { status, headers, text, body: text.startsWith('{') ? JSON.parse(text) : undefined };
}

const post = (path: string, body: string | Buffer = '', headers: Record<string, string> = {}) =>
  ask(path, { method: 'POST', body, headers });
const form = { 'content-type': 'application/x-www-form-urlencoded' };
const encode = (fields: Record<string, string>) => new URLSearchParams(fields).toString();

describe('a ping', () => {
  test.each(['GET', 'HEAD'])('by %s is answered 204, with a version', async (method) => {
    const { status, headers } = await ask('/ping', { method });
    expect(status).toBe(204);
    expect(headers.get('x-influxdb-version')).toMatch(/^1\.8\.\d+-weir\.\d/);
    expect(headers.get('x-influxdb-build')).toBe('OSS');
  });

  test('that asks for more is told the version in the body too', async () => {
    const { status, headers, body } = await ask('/ping?verbose=true');
    expect([status, body]).toEqual([200, { version: headers.get('x-influxdb-version') }]);
    expect((await ask('/ping?verbose=false')).status).toBe(204);
    expect(await ask('/ping?verbose=true', { method: 'HEAD' })).toMatchObject({ status: 200, text: '' });
  });
});

test('writes and queries say the version as well, refused ones too', async () => {
  const answers = [
    await post('/write', ''),
    await post('/write', 'bad'),
    await post('/query'),
    await post('/api/v2/write'),
  ];
  for (const { headers } of answers) expect(headers.get('x-influxdb-version')).toMatch(/^1\.8/);
});

describe('a query', () => {
  const done = { results: [{ statement_id: 0 }] };

  test('that creates a database is answered as InfluxDB does, wherever it stands', async () => {
    const q = 'CREATE DATABASE "events"';
    expect(await post('/query', encode({ q }), form)).toMatchObject({ status: 200, body: done });
    expect(await post(`/query?${encode({ q, db: '', epoch: 'ns' })}`)).toMatchObject({ status: 200, body: done });
    expect(await ask(`/query?${encode({ q, chunked: 'true' })}`)).toMatchObject({ status: 200, body: done });
    const gzipped = gzipSync(encode({ q }));
    expect(await post('/query', gzipped, { ...form, 'content-encoding': 'gzip' })).toMatchObject({ body: done });
  });

  test('of several statements is answered one by one', async () => {
    const q =
      'CREATE DATABASE a; CREATE RETENTION POLICY w ON a DURATION 7d REPLICATION 1; SHOW DATABASES; DROP DATABASE a';
    const { status, body } = await post('/query?q=SELECT', encode({ q }), form);
    expect(status).toBe(200);
    expect(body.results).toEqual([
      { statement_id: 0 },
      { statement_id: 1 },
      { statement_id: 2, series: [{ name: 'databases', columns: ['name'], values: expect.arrayContaining([['a']]) }] },
      { statement_id: 3, error: expect.stringContaining('DROP DATABASE is refused') },
    ]);
  });

  test('may be answered for humans', async () => {
    const { text } = await ask(`/query?${encode({ q: 'USE x', pretty: 'true' })}`);
    expect(text).toBe('{\n    "results": [\n        {\n            "statement_id": 0\n        }\n    ]\n}\n');
  });

  test('for points is told where they are', async () => {
    const { status, body } = await ask(`/query?${encode({ db: 'events', q: 'SELECT * FROM x' })}`);
    expect(status).toBe(200);
    expect(body).toEqual({ results: [{ statement_id: 0, error: expect.stringContaining('read from the InfluxDBs') }] });
    expect(await post('/api/v2/query?org=o', 'from(bucket: "b")')).toMatchObject({
      status: 501,
      body: { code: 'not implemented', message: expect.stringContaining('read from the InfluxDBs') },
    });
  });

  test('that cannot be read is 400, in words that fit into a header', async () => {
    expect(await ask('/query')).toMatchObject({ status: 400, body: { error: 'missing required parameter "q"' } });
    const { status, body, headers } = await post('/query', encode({ q: 'hallö\r\nx: y' }), form);
    expect([status, body.error]).toEqual([
      400,
      expect.stringMatching(/^error parsing query: found hall, expected SELECT/),
    ]);
    expect(headers.get('x-influxdb-error')).toBe(body.error);
    expect(await post('/query', encode({ q: `SELECT ${'x'.repeat(70_000)}` }), form)).toMatchObject({ status: 413 });
    expect(await post('/query', 'q=x', { ...form, 'content-encoding': 'br' })).toMatchObject({ status: 415 });
  });
});

describe('health', () => {
  test('passes in the form of 2.x', async () => {
    const { status, body, headers } = await ask('/health');
    expect(status).toBe(200);
    expect(body).toMatchObject({ name: 'weir-relay', message: 'ready for writes', status: 'pass' });
    expect(body.version).toBe(headers.get('x-influxdb-version'));
    expect(body.checks).toContainEqual({ name: 'redis', message: 'Redis takes batches', status: 'pass' });
  });

  test('and readiness say since when', async () => {
    const { status, body } = await ask('/ready');
    expect([status, body.status, body.up]).toEqual([200, 'ready', expect.stringMatching(/^(\d+m)?\d+s$/)]);
    expect(Math.abs(Date.parse(body.started) - Date.now())).toBeLessThan(300_000);
  });

  test('fails while the relay is not ready', async () => {
    const other = await startRedis();
    const place = ['--redis', other.url, '--http', '127.0.0.1:0', '--udp', 'off', '--id', 'az2'];
    const lonely = await startDaemon('weir-relay', place);
    await other.kill();
    const probe = async (path: string) => {
      const response = await fetch(`http://${lonely.http}${path}`);
      return { status: response.status, body: await response.json() };
    };
    await fetch(`http://${lonely.http}/write`, { method: 'POST', body: 'event_type=a,product=b value=u 5' });
    const health = await probe('/health');
    expect(health).toMatchObject({
      status: 503,
      body: { status: 'fail', message: expect.stringContaining('redis: ') },
    });
    expect(await probe('/ready')).toMatchObject({ status: 503, body: { code: 'unavailable' } });
  });
});

describe('JSON events', () => {
  const json = { 'content-type': 'application/json' };
  const event = (username: string, timestamp: unknown = '1478507534415525888') =>
    JSON.stringify({ event_type: 'a', product: 'b', username, timestamp });
  const line = (username: string, timestamp = '1478507534415525888') =>
    `event_type=a,product=b value="${username}" ${timestamp}`;

  afterEach(() => takeEntries(relay, redis));
  const taken = async () => linesOf(await takeEntries(relay, redis));

  test.each([
    ['one object', event('u'), [line('u')]],
    ['an array', `[${event('u')},${event('v')}]`, [line('u'), line('v')]],
    ['lines', `${event('u')}\n${event('v')}\n`, [line('u'), line('v')]],
    ['a large integer', event('u').replace(/"(\d+)"/, '$1'), [line('u')]],
    ['nothing', '', []],
  ])('are taken: %s', async (_, body, lines) => {
    expect(await post('/events', body, json)).toMatchObject({ status: 204, text: '' });
    expect(await taken()).toEqual(lines);
    expect(await post('/events', gzipSync(body), { 'content-encoding': 'gzip' })).toMatchObject({ status: 204 });
    expect(await taken()).toEqual(lines);
  });

  test('may be called by any name JSON has', async () => {
    for (const type of ['application/x-ndjson', 'application/jsonl', 'Application/JSON; charset=utf-8', 'text/plain']) {
      expect(await post('/events', event('u'), { 'content-type': type })).toMatchObject({ status: 204 });
    }
    expect(await taken()).toEqual(Array(4).fill(line('u')));
  });

  test('stand beside lines, which are taken by the same route', async () => {
    expect(await post('/events?precision=s', 'event_type=a,product=b value=u 1478507534')).toMatchObject({
      status: 204,
    });
    expect(await post('/events', 'bad')).toMatchObject({ status: 400, body: { rejected: [{ line: 1 }] } });
    expect(await taken()).toEqual(['event_type=a,product=b value=u 1478507534000000000']);
  });

  test('have a precision, and the clock of the relay where they have no timestamp', async () => {
    expect(await post('/events?precision=ms', `[${event('u', 1478507534415)}]`)).toMatchObject({ status: 204 });
    expect(await taken()).toEqual([line('u', '1478507534415000000')]);
    await post('/events', '{"event_type":"a","product":"b","username":"u"}');
    const [stamped] = await taken();
    expect(Math.abs(Number(stamped!.split(' ')[2]) / 1e6 - Date.now())).toBeLessThan(60_000);
    expect(await post('/events?precision=sec', event('u'))).toMatchObject({ status: 400 });
  });

  test('are rejected one by one, by whoever finds out, in the order of the body', async () => {
    const future = String((BigInt(Date.now()) + 600_000n) * 1_000_000n);
    const items = [event('u'), event('u', future), '{"event_type":"a"}', event('v'), event('x'.repeat(257)), '5'];
    for (const body of [`[${items.join()}]`, items.join('\n')]) {
      const { status, body: answer } = await post('/events', body);
      expect(status).toBe(400);
      expect(answer.rejected).toEqual([
        { item: 2, reason: 'future', detail: expect.any(String) },
        { item: 3, reason: 'missing-tag', detail: 'the key product is missing' },
        { item: 5, reason: 'name-length', detail: 'the username is longer than 256 bytes' },
        { item: 6, reason: 'syntax', detail: expect.any(String) },
      ]);
      expect(answer.error).toMatch(/^partial write: 4 of 6 items rejected: item 2: future: .* dropped=4$/);
      expect(await taken()).toEqual([line('u'), line('v')]);
    }
    expect(await relay.metric('weir_relay_lines_rejected_total{door="http",reason="missing-tag"}')).toBe(2);
  });

  test('of a broken array are not taken, those on whole lines are', async () => {
    const array = await post('/events', `[${event('u')},${event('v').slice(0, -5)}`, json);
    expect(array).toMatchObject({
      status: 400,
      body: { error: expect.stringMatching(/^the body is no JSON array: .* at byte \d+; nothing was taken$/) },
    });
    expect(await taken()).toEqual([]);
    expect(await post('/events', `${event('u')}\n${event('v').slice(0, -5)}`, json)).toMatchObject({
      status: 400,
      body: { rejected: [{ item: 2, reason: 'syntax' }] },
    });
    expect(await taken()).toEqual([line('u')]);
  });

  test('with an Idempotency-Key say the numbers of the items', async () => {
    const body = `[${event('u')},5,${event('u')}]`;
    expect(await post('/events', body, { 'idempotency-key': 'order:17' })).toMatchObject({ status: 400 });
    expect(await takeEntries(relay, redis)).toMatchObject([
      { idempotencyKey: 'order:17', lineNumbers: '1,3', lineCount: 2 },
    ]);
  });
});
