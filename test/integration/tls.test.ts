import { once } from 'node:events';
import { rename, writeFile } from 'node:fs/promises';
import { Agent, request } from 'node:https';
import { join } from 'node:path';
import { makeCertificate, type TestCertificate } from '../support/certificate.ts';
import { cleanup } from '../support/cleanup.ts';
import { type Daemon, type DaemonName, startDaemon } from '../support/daemon.ts';
import { eventually } from '../support/eventually.ts';
import { type RedisServer, startRedis } from '../support/redis-server.ts';
import { runProgram } from '../support/run-program.ts';
import { tempDir } from '../support/temp-dir.ts';

/** HTTPS of the real daemons, and certificates that are replaced while they run. */
let redis: RedisServer;
let dir: string;
let files: string[];

beforeAll(async () => {
  redis = await startRedis();
});

beforeEach(async () => {
  dir = await tempDir('certificates');
  files = ['--http-tls-cert', join(dir, 'cert.pem'), '--http-tls-key', join(dir, 'key.pem')];
});

async function place({ cert, key }: TestCertificate): Promise<void> {
  for (const [name, text] of [
    ['cert.pem', cert],
    ['key.pem', key],
  ] as const) {
    await writeFile(join(dir, `${name}.new`), text);
    await rename(join(dir, `${name}.new`), join(dir, name));
  }
}

/** Keeps one connection. */
function client({ cert: ca }: TestCertificate): Agent {
  const agent = new Agent({ keepAlive: true, maxSockets: 1, ca });
  cleanup('client', () => agent.destroy());
  return agent;
}

async function ask(daemon: Daemon, agent: Agent, path: string, body?: string) {
  const asked = request(`https://${daemon.http}${path}`, { agent, method: body === undefined ? 'GET' : 'POST' });
  asked.end(body);
  const [response] = await once(asked, 'response');
  let text = '';
  for await (const chunk of response) text += chunk;
  return { status: response.statusCode as number, text, reused: asked.reusedSocket };
}

const placeOf = (name: DaemonName) => [
  ...['--redis', redis.url, '--http', '127.0.0.1:0'],
  ...(name === 'weir-relay' ? ['--udp', 'off'] : []),
];
const line = 'event_type=a,product=b value=u 1478507534415525888';

test('a relay takes lines over HTTPS, before, while and after its certificate is replaced', async () => {
  const [old, renewed] = [makeCertificate(), makeCertificate()];
  await place(old);
  const relay = await startDaemon('weir-relay', [...placeOf('weir-relay'), ...files]);
  const before = client(old);
  expect(await ask(relay, before, '/write', line)).toMatchObject({ status: 204 });

  await place(renewed);
  process.kill(relay.pid, 'SIGHUP');
  const after = client(renewed);
  await eventually(async () => (await ask(relay, after, '/write', line)).status === 204, { what: 'the new one' });
  expect(await ask(relay, before, '/write', line)).toMatchObject({ status: 204, reused: true });

  await writeFile(join(dir, 'key.pem'), old.key);
  process.kill(relay.pid, 'SIGHUP');
  const failed = 'the TLS files cannot be used: serving with those before';
  await eventually(() => relay.logged(failed), { what: 'the relay to say so' });
  expect(relay.logged(failed)).toMatchObject({
    err: { message: expect.stringContaining('expected the key of --http-tls-cert') },
  });
  expect(await ask(relay, client(renewed), '/write', line)).toMatchObject({ status: 204 });
  const { text } = await ask(relay, after, '/metrics');
  expect(text).toContain('weir_relay_http_tls_reloads_total{result="done"} 1');
  expect(text).toContain('weir_relay_http_tls_reloads_total{result="failed"} 1');
  await relay.stop();
});

test('an aggregator answers its health over HTTPS', async () => {
  const certificate = makeCertificate();
  await place(certificate);
  const aggregator = await startDaemon('weir-aggregator', [...placeOf('weir-aggregator'), ...files]);
  expect(await ask(aggregator, client(certificate), '/livez')).toMatchObject({ status: 200 });
  process.kill(aggregator.pid, 'SIGHUP');
  const agent = client(certificate);
  const reloaded = 'weir_aggregator_http_tls_reloads_total{result="done"} 1';
  await eventually(async () => (await ask(aggregator, agent, '/metrics')).text.includes(reloaded), {
    what: 'the certificate to be read again',
  });
  await aggregator.stop();
});

test.each<DaemonName>(['weir-relay', 'weir-aggregator'])(
  '%s does not start with files that do not fit',
  async (name) => {
    await place({ cert: makeCertificate().cert, key: makeCertificate().key });
    const { code, stderr } = await runProgram(name, [...placeOf(name), ...files]);
    expect(code).toBe(78);
    const said = stderr.split('\n').filter((text) => text !== '' && !text.startsWith('{'));
    expect(said).toEqual([
      `${name}: --http-tls-key: got ${JSON.stringify(join(dir, 'key.pem'))}, expected the key of --http-tls-cert`,
    ]);
  },
);
