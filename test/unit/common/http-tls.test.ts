import { once } from 'node:events';
import { Agent, request } from 'node:https';
import { connect, type Socket } from 'node:net';
import { connect as connectTls, type TLSSocket } from 'node:tls';
import { SettingsError } from '@weir/common/errors';
import { HttpServer, sendJson } from '@weir/common/http';
import { silentLogger } from '@weir/common/logger';
import { Metrics } from '@weir/common/metrics';
import type { TlsPair } from '@weir/common/tls-files';
import { makeCertificate } from '../../support/certificate.ts';
import { eventually } from '../../support/eventually.ts';
import { HTTP_LIMITS } from '../../support/http-limits.ts';

const first = pair();
const second = pair();
let inFiles: TlsPair | undefined;
let http: HttpServer;
let metrics: Metrics;
const agents: Agent[] = [];
const sockets: Socket[] = [];

beforeEach(async () => {
  inFiles = first;
  metrics = new Metrics();
  http = new HttpServer({
    address: { host: '127.0.0.1', port: 0 },
    logger: silentLogger,
    metrics,
    metricPrefix: 'weir_relay',
    readyChecks: {},
    limits: { ...HTTP_LIMITS, headerTimeoutMs: 1_000 },
    readTls: () => {
      if (inFiles === undefined) throw new SettingsError('--http-tls-key: no good');
      return inFiles;
    },
  });
  http.route('POST', '/write', async (asked, response) => {
    let bytes = 0;
    for await (const chunk of asked) bytes += chunk.length;
    sendJson(response, 200, { bytes });
  });
  await http.start();
});

afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.destroy();
  for (const agent of agents.splice(0)) agent.destroy();
  await http.stop();
});

function pair(): TlsPair {
  const expiresMs = Math.floor(Date.now() / 1_000) * 1_000 + 86_400_000;
  return { ...makeCertificate({ expiresMs }), expiresMs };
}

const port = () => Number(http.address().split(':')[1]);
const sample = async (name: string) => new RegExp(`^weir_relay_${name} (.*)$`, 'm').exec(await metrics.text())?.[1];

/** Keeps its connection, and trusts one certificate. */
function client({ cert: ca }: TlsPair): Agent {
  const agent = new Agent({ keepAlive: true, maxSockets: 1, ca });
  agents.push(agent);
  return agent;
}

async function write(agent: Agent, body: string): Promise<{ body: string; reused: boolean }> {
  const asked = request(`https://127.0.0.1:${port()}/write`, { method: 'POST', agent }).end(body);
  const [response] = await once(asked, 'response');
  let text = '';
  for await (const chunk of response) text += chunk;
  return { body: text, reused: asked.reusedSocket };
}

async function handshake(options: { maxVersion?: 'TLSv1.1' | 'TLSv1.2' } = {}): Promise<TLSSocket> {
  const socket = connectTls({ port: port(), host: '127.0.0.1', ca: first.cert, ...options });
  sockets.push(socket);
  await once(socket, 'secureConnect');
  return socket;
}

test('the same routes are served over TLS, and the metrics say until when', async () => {
  expect((await write(client(first), 'abc')).body).toBe('{"bytes":3}\n');
  expect(await sample('http_tls_expiry_timestamp_seconds')).toBe(String(first.expiresMs / 1_000));
  await expect(write(client(second), 'abc')).rejects.toMatchObject({ code: 'DEPTH_ZERO_SELF_SIGNED_CERT' });
});

test('TLS 1.2 is taken, what is older is not', async () => {
  expect((await handshake({ maxVersion: 'TLSv1.2' })).getProtocol()).toBe('TLSv1.2');
  await expect(handshake({ maxVersion: 'TLSv1.1' })).rejects.toThrow();
});

test('new files are served to new connections, while those that are open go on', async () => {
  const before = client(first);
  await write(before, 'abc');
  inFiles = second;
  http.reloadTls();
  expect(await write(before, 'abcd')).toEqual({ body: '{"bytes":4}\n', reused: true });
  expect((await write(client(second), 'abc')).body).toBe('{"bytes":3}\n');
  await expect(write(client(first), 'abc')).rejects.toMatchObject({ code: 'DEPTH_ZERO_SELF_SIGNED_CERT' });
  expect(await sample('http_tls_reloads_total{result="done"}')).toBe('1');
});

test('files that cannot be used change nothing but a count', async () => {
  inFiles = undefined;
  http.reloadTls();
  expect((await write(client(first), 'abc')).body).toBe('{"bytes":3}\n');
  expect(await sample('http_tls_reloads_total{result="failed"}')).toBe('1');
});

test('a client that speaks no TLS, or stops in the handshake, is cut off and counted', async () => {
  const plain = connect(port(), '127.0.0.1');
  const silent = connect(port(), '127.0.0.1');
  sockets.push(plain, silent);
  plain.on('error', () => undefined).write('GET /livez HTTP/1.1\r\nhost: a\r\n\r\n');
  await Promise.all([once(plain, 'close'), once(silent.resume(), 'close')]);
  await eventually(async () => (await sample('http_refusals_total{reason="tls"}')) === '2', { what: 'both refusals' });
  await eventually(async () => (await sample('http_connections')) === '0', { what: 'no connection' });
});

test('a client that waits for no answer is cut off over TLS too', async () => {
  const socket = await handshake();
  let text = '';
  socket.on('data', (piece) => {
    text += piece;
  });
  socket
    .on('error', () => undefined)
    .write('POST /write HTTP/1.1\r\nhost: a\r\ncontent-length: 1\r\n\r\nx'.repeat(100));
  await once(socket, 'close');
  expect(text.match(/200 OK/g)?.length ?? 0).toBeLessThan(100);
  expect(await sample('http_refusals_total{reason="pipelining"}')).toBe('1');
});

test('a stop answers what is in hand, and waits for no handshake and no idle connection', async () => {
  const idle = await handshake();
  const silent = connect(port(), '127.0.0.1');
  sockets.push(silent);
  await once(silent, 'connect');
  const agent = client(first);
  const asked = request(`https://127.0.0.1:${port()}/write`, { method: 'POST', agent });
  asked.write('abc');
  await eventually(async () => (await sample('http_connections')) === '3', { what: 'all to be connected' });
  const stopped = http.stop();
  await Promise.all([once(idle.resume(), 'close'), once(silent.resume(), 'close')]);
  asked.end('d');
  const [response] = await once(asked, 'response');
  let text = '';
  for await (const chunk of response) text += chunk;
  expect({ text, connection: response.headers.connection }).toEqual({ text: '{"bytes":4}\n', connection: 'close' });
  await stopped;
});
