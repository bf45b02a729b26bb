import { once } from 'node:events';
import { Agent, request } from 'node:http';
import { connect, type Socket } from 'node:net';
import { type CheckResult, HttpServer, type HttpServerOptions, sendJson } from '@weir/common/http';
import type { HttpLimits } from '@weir/common/http-limits';
import { silentLogger } from '@weir/common/logger';
import { Metrics } from '@weir/common/metrics';
import { eventually } from '../../support/eventually.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { HTTP_LIMITS } from '../../support/http-limits.ts';

type ServerOptions = Partial<Omit<HttpServerOptions, 'limits'>> & { limits?: Partial<HttpLimits> };

const servers: HttpServer[] = [];
const sockets: Socket[] = [];
afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.destroy();
  await Promise.all(servers.splice(0).map((server) => server.stop()));
});

function server({ limits, ...options }: ServerOptions = {}): HttpServer {
  const made = new HttpServer({
    address: { host: '127.0.0.1', port: 0 },
    logger: silentLogger,
    metrics: new Metrics(),
    metricPrefix: 'weir_relay',
    readyChecks: {},
    limits: { ...HTTP_LIMITS, ...limits },
    ...options,
  });
  servers.push(made);
  return made;
}

interface Answer {
  status: number;
  headers: Record<string, unknown>;
  body: string;
}

async function ask(of: HttpServer, method: string, path: string, agent?: Agent): Promise<Answer> {
  const asked = request(`http://${of.address()}${path}`, { method, ...(agent ? { agent } : {}) }).end();
  const [response] = await once(asked, 'response');
  let body = '';
  for await (const chunk of response) body += chunk;
  return { status: response.statusCode, headers: response.headers, body };
}

async function raw(of: HttpServer, text: string, localAddress = '127.0.0.1'): Promise<Socket> {
  const socket = connect({ port: Number(of.address().split(':')[1]), host: '127.0.0.1', localAddress });
  sockets.push(socket);
  await once(socket, 'connect');
  socket.write(text);
  return socket;
}

async function everything(socket: Socket): Promise<string> {
  let text = '';
  for await (const chunk of socket) text += chunk;
  return text;
}

const LIVEZ = 'GET /livez HTTP/1.1\r\nhost: a\r\n\r\n';
const LAST_LIVEZ = 'GET /livez HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n';

/** What was refused so far, by reason. */
async function refusals(metrics: Metrics): Promise<Record<string, number>> {
  const samples = (await metrics.text()).matchAll(/^weir_relay_http_refusals_total\{reason="(.*)"\} (.*)$/gm);
  return Object.fromEntries(
    [...samples].map(([, reason, n]) => [reason!, Number(n)] as const).filter(([, n]) => n > 0),
  );
}

describe('health', () => {
  test('live answers 200 from the start', async () => {
    const http = server();
    await http.start();
    expect(await ask(http, 'GET', '/livez')).toMatchObject({ status: 200, body: '{"status":"pass","checks":{}}\n' });
  });

  test('readyz is 503 and names what fails, health sums both up', async () => {
    let redis: CheckResult = { ok: false, detail: 'away' };
    const http = server({
      liveChecks: { loop: () => ({ ok: true, detail: 'turns' }) },
      readyChecks: { redis: async () => redis, disk: () => Promise.reject(new Error('full')) },
    });
    await http.start();
    const notReady = await ask(http, 'GET', '/readyz');
    expect(notReady.status).toBe(503);
    expect(JSON.parse(notReady.body)).toEqual({
      status: 'fail',
      checks: { redis: { ok: false, detail: 'away' }, disk: { ok: false, detail: 'full' } },
    });
    expect((await ask(http, 'GET', '/livez')).status).toBe(200);
    redis = { ok: true, detail: 'up' };
    expect(JSON.parse((await ask(http, 'GET', '/healthz')).body)).toMatchObject({
      status: 'fail',
      checks: { loop: { ok: true }, redis: { ok: true }, disk: { ok: false } },
    });
  });

  test('metrics are served, the connections among them', async () => {
    const http = server();
    await http.start();
    const answer = await ask(http, 'GET', '/metrics');
    expect(answer.headers['content-type']).toContain('text/plain');
    expect(answer.body).toContain('weir_relay_http_connections 1');
  });
});

describe('routes', () => {
  test('unknown paths are 404, known ones with another method 405 with Allow', async () => {
    const http = server();
    http.route('POST', '/write', (_, response) => sendJson(response, 200, {}));
    await http.start();
    expect(await ask(http, 'GET', '/nothing')).toMatchObject({ status: 404, body: '{"error":"not found"}\n' });
    expect(await ask(http, 'GET', '/__proto__')).toMatchObject({ status: 404 });
    expect(await ask(http, 'GET', '/write')).toMatchObject({ status: 405, headers: { allow: 'POST' } });
    expect(await ask(http, 'POST', '/livez')).toMatchObject({ status: 405, headers: { allow: 'GET, HEAD' } });
    expect(await ask(http, 'HEAD', '/livez')).toMatchObject({ status: 200, body: '' });
  });

  test('a handler gets the query; one that throws answers 500 and the server lives on', async () => {
    const http = server();
    http.route('GET', '/echo', (_, response, query) => sendJson(response, 200, { db: query.get('db') }));
    http.route('GET', '/bug', () => {
      throw new Error('a bug');
    });
    await http.start();
    expect((await ask(http, 'GET', '/bug')).status).toBe(500);
    expect((await ask(http, 'GET', '/echo?db=a%20b')).body).toBe('{"db":"a b"}\n');
  });

  test('the same route twice is a bug', () => {
    const http = server();
    expect(() => http.route('GET', '/livez', () => undefined)).toThrow('route taken');
  });
});

describe('bounds', () => {
  test('what is no HTTP gets a 400 in JSON', async () => {
    const http = server();
    await http.start();
    const answer = await everything(await raw(http, 'no http at all\r\n\r\n'));
    expect(answer).toMatch(/^HTTP\/1.1 400 Bad Request\r\n/);
    expect(answer).toContain('{"error":"bad request"}');
  });

  test('too large a header gets a 431', async () => {
    const http = server();
    await http.start();
    const answer = await everything(await raw(http, `GET / HTTP/1.1\r\nhost: a\r\nx: ${'y'.repeat(20_000)}\r\n\r\n`));
    expect(answer).toMatch(/^HTTP\/1.1 431 /);
  });

  test('a request that never ends gets a 408', async () => {
    const http = server({ limits: { requestTimeoutMs: 50, headerTimeoutMs: 50 } });
    http.route('POST', '/write', async (request, response) => {
      for await (const _ of request);
      sendJson(response, 200, {});
    });
    await http.start();
    const answer = await everything(
      await raw(http, 'POST /write HTTP/1.1\r\nhost: a\r\ncontent-length: 9\r\n\r\nhalf'),
    );
    expect(answer).toMatch(/^HTTP\/1.1 408 /);
  });

  test('connections beyond the limit are closed and counted', async () => {
    const metrics = new Metrics();
    const http = server({ limits: { maxConnections: 1 }, metrics });
    await http.start();
    await raw(http, '');
    expect(await everything(await raw(http, LIVEZ))).toBe('');
    expect(await metrics.text()).toContain('weir_relay_http_connections_refused_total{limit="total"} 1');
  });

  test('connections beyond the limit of one address are closed and counted, and another address is served', async () => {
    const metrics = new Metrics();
    const http = server({ limits: { maxConnectionsPerAddress: 2 }, metrics });
    await http.start();
    const first = await raw(http, '');
    await raw(http, '');
    expect(await everything(await raw(http, LIVEZ))).toBe('');
    expect(await metrics.text()).toContain('weir_relay_http_connections_refused_total{limit="address"} 1');
    expect(await everything(await raw(http, LAST_LIVEZ, '127.0.0.2'))).toMatch(/^HTTP\/1.1 200 /);
    first.destroy();
    await eventually(async () => (await everything(await raw(http, LAST_LIVEZ))) !== '', { what: 'the free place' });
  });

  test('a header of too many fields gets a 431, and the last that is allowed is read', async () => {
    const metrics = new Metrics();
    const http = server({ limits: { maxHeaders: 10 }, metrics });
    await http.start();
    const fields = (n: number) => Array.from({ length: n }, (_, i) => `x-${i}: y\r\n`).join('');
    const asked = (n: number) => `GET /livez HTTP/1.1\r\n${fields(n - 2)}host: a\r\nconnection: close\r\n\r\n`;
    expect(await everything(await raw(http, asked(10)))).toMatch(/^HTTP\/1.1 200 /);
    expect(await everything(await raw(http, asked(11)))).toMatch(/^HTTP\/1.1 431 /);
    expect(await everything(await raw(http, asked(500)))).toMatch(/^HTTP\/1.1 431 /);
    expect(await refusals(metrics)).toEqual({ headers: 2 });
  });

  test('a header that comes too slowly gets a 408', async () => {
    const metrics = new Metrics();
    const http = server({ limits: { headerTimeoutMs: 50 }, metrics });
    await http.start();
    expect(await everything(await raw(http, 'GET /livez HTTP/1.1\r\nx: '))).toMatch(/^HTTP\/1.1 408 /);
    expect(await refusals(metrics)).toEqual({ timeout: 1 });
  });

  test('a connection that is idle for too long is closed', async () => {
    const http = server({ limits: { idleTimeoutMs: 100 } });
    await http.start();
    expect(await everything(await raw(http, LIVEZ))).toMatch(/^HTTP\/1.1 200 /);
  });

  test('a body that does not end after its answer is cut off', async () => {
    const metrics = new Metrics();
    const http = server({ limits: { requestTimeoutMs: 300, headerTimeoutMs: 300 }, metrics });
    http.route('POST', '/write', (_, response) => sendJson(response, 413, { error: 'too large' }));
    await http.start();
    const socket = await raw(http, 'POST /write HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n');
    const endless = setInterval(() => socket.write('1\r\nx\r\n'), 10);
    socket.on('error', () => clearInterval(endless)).on('close', () => clearInterval(endless));
    const [answer] = await once(socket, 'data');
    expect(answer.toString()).toMatch(/^HTTP\/1.1 413 /);
    // The client may be writing just then, and sees a reset first.
    await new Promise((resolve) => socket.once('close', resolve));
    expect(await refusals(metrics)).toEqual({ 'body-after-answer': 1 });
  });

  test('a body that ends soon after its answer leaves the connection usable', async () => {
    const metrics = new Metrics();
    const http = server({ limits: { requestTimeoutMs: 300, headerTimeoutMs: 300, idleTimeoutMs: 1_000 }, metrics });
    http.route('POST', '/write', (_, response) => sendJson(response, 413, { error: 'too large' }));
    await http.start();
    const socket = await raw(http, 'POST /write HTTP/1.1\r\nhost: a\r\ncontent-length: 4\r\n\r\nab');
    await once(socket, 'data');
    socket.write(`cd${LAST_LIVEZ}`);
    expect(await everything(socket)).toMatch(/^HTTP\/1.1 200 /);
    expect(await refusals(metrics)).toEqual({});
  });

  test('an answer that nobody takes is cut off, one that waits for another is not', async () => {
    const metrics = new Metrics();
    const http = server({ limits: { requestTimeoutMs: 100, headerTimeoutMs: 100 }, metrics });
    let answerSlow: () => void = () => undefined;
    http.route('GET', '/large', (_, response) => void response.end(Buffer.alloc(20_000_000)));
    http.route('GET', '/slow', (_, response) => {
      answerSlow = () => sendJson(response, 200, {});
    });
    await http.start();
    const deaf = await raw(http, 'GET /large HTTP/1.1\r\nhost: a\r\n\r\n');
    deaf.pause();
    const patient = await raw(http, `GET /slow HTTP/1.1\r\nhost: a\r\n\r\n${LAST_LIVEZ}`);
    await eventually(async () => (await refusals(metrics))['unread-answer'] === 1, { what: 'the cut' });
    answerSlow();
    expect(await everything(patient)).toMatch(/^HTTP\/1.1 200 [\s\S]*HTTP\/1.1 200 /);
    expect(await refusals(metrics)).toEqual({ 'unread-answer': 1 });
  });

  test('requests that follow each other without waiting are answered in order, until there are too many', async () => {
    const metrics = new Metrics();
    const http = server({ metrics });
    const answers: (() => void)[] = [];
    http.route(
      'GET',
      '/slow',
      (_, response) => void answers.push(() => sendJson(response, 200, { n: answers.length })),
    );
    await http.start();
    const some = await raw(http, 'GET /slow HTTP/1.1\r\nhost: a\r\n\r\n'.repeat(31) + LAST_LIVEZ);
    await eventually(() => answers.length === 31, { what: 'all to be in hand', everyMs: 1 });
    for (const answer of answers.splice(0)) answer();
    expect((await everything(some)).match(/HTTP\/1.1 200 /g)).toHaveLength(32);
    const many = await raw(http, 'GET /slow HTTP/1.1\r\nhost: a\r\n\r\n'.repeat(1_000));
    expect(await everything(many)).toBe('');
    expect(answers.length).toBe(32);
    expect(await refusals(metrics)).toEqual({ pipelining: 1 });
  });

  test('a client that goes on sending what cannot be read is refused once', async () => {
    const metrics = new Metrics();
    const http = server({ metrics });
    await http.start();
    const answer = await everything(await raw(http, `GET / HTTP/1.1\r\nx: ${'y'.repeat(1_000_000)}\r\n\r\n`));
    expect(answer).toMatch(/^HTTP\/1.1 431 /);
    expect(await refusals(metrics)).toEqual({ 'header-bytes': 1 });
  });

  test('an address that stays in use is a bad setting; one that becomes free is taken', async () => {
    const first = server();
    await first.start();
    const port = Number(first.address().split(':')[1]);
    const clock = new FakeClock();
    const [second, third] = [1, 2].map(() => server({ address: { host: '127.0.0.1', port }, clock }));
    const starts = Promise.allSettled([second!.start(), third!.start()]);
    await eventually(() => clock.sleepingUntilMs.length === 2, { what: 'both to wait', everyMs: 1 });
    await first.stop();
    await clock.advance(6_000);
    const outcomes = await starts;
    expect(outcomes.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
    const [refused] = outcomes.flatMap((outcome) => (outcome.status === 'rejected' ? [outcome.reason] : []));
    expect(refused).toMatchObject({
      code: 'bad-setting',
      message: expect.stringContaining(`--http: got 127.0.0.1:${port}`),
    });
    expect((await ask(second!, 'GET', '/livez')).status).toBe(200);
  });

  test('an address that is not of this machine fails the start at once, with its code', async () => {
    await expect(server({ address: { host: '192.0.2.1', port: 0 } }).start()).rejects.toMatchObject({
      code: 'http-listen',
      message: expect.stringContaining('192.0.2.1:0'),
    });
  });
});

describe('stopping', () => {
  test('answers the request in hand, closes idle and half-open connections at once', async () => {
    const http = server();
    let answerNow: () => void = () => undefined;
    let taken: () => void = () => undefined;
    const inHand = new Promise<void>((resolve) => {
      taken = resolve;
    });
    http.route('GET', '/slow', (_, response) => {
      answerNow = () => sendJson(response, 200, { done: true });
      taken();
    });
    await http.start();
    const keepAlive = new Agent({ keepAlive: true });
    await ask(http, 'GET', '/livez', keepAlive);
    const halfOpen = await raw(http, '');
    const halfSent = await raw(http, 'GET /livez HT');
    const slow = ask(http, 'GET', '/slow');
    await inHand;
    const stopped = http.stop();
    await Promise.all([once(halfOpen, 'close'), once(halfSent, 'close')]);
    answerNow();
    expect(await slow).toMatchObject({ status: 200, headers: { connection: 'close' }, body: '{"done":true}\n' });
    await stopped;
    keepAlive.destroy();
  });

  test('cuts requests that outlast the deadline', async () => {
    const http = server({ stopDeadlineMs: 20 });
    http.route('GET', '/never', () => undefined);
    await http.start();
    const cut = expect(ask(http, 'GET', '/never')).rejects.toThrow('socket hang up');
    await once(await raw(http, LIVEZ), 'data');
    await http.stop();
    await cut;
  });

  test('may happen twice, and before a start', async () => {
    const http = server();
    await http.stop();
    await http.stop();
  });
});
