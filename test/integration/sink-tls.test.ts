import { rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Writable } from 'node:stream';
import { createLogger } from '@weir/common/logger';
import { DEFAULT_SHAPE } from '@weir/common/point-shape';
import { parseSinkUrl } from '@weir/common/sink-url';
import { openSink } from '@weir/sinks/open-sink';
import type { Sink, SinkPoint } from '@weir/sinks/sink';
import { articleLines, articlePoints } from '../support/article.ts';
import { makeCertificate, type TestCertificate } from '../support/certificate.ts';
import { cleanup } from '../support/cleanup.ts';
import { send } from '../support/client.ts';
import type { Daemon } from '../support/daemon.ts';
import { eventually } from '../support/eventually.ts';
import { type Influxd, startInfluxd } from '../support/influxd.ts';
import { startRegion } from '../support/region.ts';
import { tempDir } from '../support/temp-dir.ts';
import { startTlsProxy, type TlsProxy } from '../support/tls-proxy.ts';

/** Sinks behind TLS: a real InfluxDB, and before it a server that ends TLS. */
const MINUTE = { startSec: 1478507520, windowSec: 60 };
const POINTS: SinkPoint[] = [{ measurement: 'unique_user_event', eventType: 'a', product: 'p', value: 1 }];

let influxd: Influxd;
let dir: string;
let names = 0;

beforeAll(async () => {
  influxd = await startInfluxd();
  await influxd.createDatabase('events');
});

beforeEach(async () => {
  dir = await tempDir('sink-tls');
});

async function file(text: string, name = `file-${++names}.pem`): Promise<string> {
  await writeFile(join(dir, `${name}.new`), text);
  await rename(join(dir, `${name}.new`), join(dir, name));
  return join(dir, name);
}

function proxyBefore(certificate: TestCertificate, client?: TestCertificate): Promise<TlsProxy> {
  return startTlsProxy({ upstream: influxd.url, certificate, ...(client ? { client } : {}) });
}

async function sinkAt(url: string, parameters: string): Promise<{ sink: Sink; logs: string[] }> {
  const logs: string[] = [];
  const logger = await createLogger({ name: 'test', level: 'info', format: 'json', write: (line) => logs.push(line) });
  const sink = openSink(parseSinkUrl(`${url}?db=events${parameters}`), {
    shape: DEFAULT_SHAPE,
    stdout: new Writable(),
    logger,
  });
  cleanup(`sink ${sink.name}`, () => sink.close());
  return { sink, logs };
}

describe('a self-signed sink', () => {
  test('is refused before it is shown anything, in one line that names the remedy', async () => {
    const proxy = await proxyBefore(makeCertificate());
    const { sink } = await sinkAt(proxy.url, '');
    const asks = [() => sink.write(MINUTE, POINTS), () => sink.read(MINUTE), () => sink.writeLines(['m v=1 1'])];
    for (const ask of asks) {
      await expect(ask()).rejects.toMatchObject({
        code: 'sink-untrusted',
        outcome: 'not-applied',
        retryable: true,
        message: expect.stringMatching(/^sink [^\n]* vouches for its certificate: [^\n]*&ca=<file>[^\n]*$/),
      });
    }
    expect(proxy.requests).toBe(0);
  });

  test('is taken with its certificate as ca=, for writes, reads and lines', async () => {
    const certificate = makeCertificate();
    const proxy = await proxyBefore(certificate);
    const { sink, logs } = await sinkAt(proxy.url, `&ca=${await file(certificate.cert)}`);
    await expect(sink.write(MINUTE, POINTS)).resolves.toEqual({ rejected: [] });
    await expect(sink.read(MINUTE)).resolves.toEqual(POINTS);
    await expect(sink.writeLines([`m f="${'x'.repeat(100_000)}" 1`])).resolves.toEqual({ rejected: [] });
    expect(proxy.requests).toBe(3);
    expect(logs).toEqual([]);
  });

  test('is taken by whoever asks for it, which is said loudly', async () => {
    const proxy = await proxyBefore(makeCertificate());
    const { sink, logs } = await sinkAt(proxy.url, '&insecure=on&name=open');
    await expect(sink.write(MINUTE, POINTS)).resolves.toEqual({ rejected: [] });
    expect(logs.map((line) => JSON.parse(line))).toMatchObject([
      { level: 'warn', sink: 'open', msg: expect.stringMatching(/^INSECURE SINK/) },
    ]);
  });

  test('that is another one than trusted, or has ended, is refused', async () => {
    const trusted = makeCertificate();
    const proxy = await proxyBefore(makeCertificate());
    const { sink } = await sinkAt(proxy.url, `&ca=${await file(trusted.cert)}`);
    await expect(sink.write(MINUTE, POINTS)).rejects.toMatchObject({ code: 'sink-untrusted' });
    const ended = makeCertificate({ expiresMs: Date.now() - 1_000 });
    proxy.renew(ended);
    const { sink: other } = await sinkAt(proxy.url, `&ca=${await file(ended.cert)}`);
    await expect(other.write(MINUTE, POINTS)).rejects.toMatchObject({
      code: 'sink-untrusted',
      message: expect.stringContaining('has ended'),
    });
    expect(proxy.requests).toBe(0);
  });

  test('that gets another certificate is taken again once its file was read again', async () => {
    const [old, renewed] = [makeCertificate(), makeCertificate()];
    const proxy = await proxyBefore(old);
    const ca = await file(old.cert, 'ca.pem');
    const { sink } = await sinkAt(proxy.url, `&ca=${ca}`);
    await sink.write(MINUTE, POINTS);
    proxy.renew(renewed);
    // The first request may still find the connection that was closed.
    await sink.write(MINUTE, POINTS).catch(() => undefined);
    await expect(sink.write(MINUTE, POINTS)).rejects.toMatchObject({ code: 'sink-untrusted' });
    await file('no certificate', 'ca.pem');
    expect(() => sink.reload!()).toThrow(`got ca=${ca} of sink`);
    await file(renewed.cert, 'ca.pem');
    sink.reload!();
    await expect(sink.write(MINUTE, POINTS)).resolves.toEqual({ rejected: [] });
  });
});

test('a sink that asks who is there is shown a certificate', async () => {
  const [server, own, other] = [makeCertificate(), makeCertificate(), makeCertificate()];
  const proxy = await proxyBefore(server, own);
  const ca = await file(server.cert);
  const shows = async ({ cert, key }: TestCertificate) => `&cert=${await file(cert)}&key=${await file(key)}`;
  const { sink } = await sinkAt(proxy.url, `&ca=${ca}${await shows(own)}`);
  await expect(sink.write(MINUTE, POINTS)).resolves.toEqual({ rejected: [] });
  const { sink: unknown } = await sinkAt(proxy.url, `&ca=${ca}`);
  await expect(unknown.write(MINUTE, POINTS)).rejects.toMatchObject({
    code: 'sink-unauthorized',
    message: expect.stringContaining('&cert=<file>&key=<file>'),
  });
  // Node's server hangs up on a certificate it does not trust, and says nothing.
  const { sink: wrong } = await sinkAt(proxy.url, `&ca=${ca}${await shows(other)}`);
  await expect(wrong.write(MINUTE, POINTS)).rejects.toMatchObject({ code: expect.stringMatching(/^sink-un/) });
  expect(proxy.requests).toBe(1);
});

test('a sink that speaks no TLS is told apart from one that is away', async () => {
  const { sink } = await sinkAt(influxd.url.replace('http:', 'https:'), '');
  await expect(sink.write(MINUTE, POINTS)).rejects.toMatchObject({
    code: 'sink-unreachable',
    message: expect.stringContaining('is it http:// there?'),
  });
});

describe('at the start a file that cannot be used is named', () => {
  test.each<[string, () => Promise<string>, RegExp]>([
    [
      'none',
      async () => `&ca=${join(dir, 'none.pem')}`,
      /got ca=\S+none\.pem of sink .* \(ENOENT\), expected a readable/,
    ],
    ['no PEM', async () => `&ca=${await file('x')}`, /got ca=\S+ of sink .*, expected certificates in PEM$/],
    [
      'a chain with a broken link',
      async () => {
        const { cert, key } = makeCertificate();
        const broken = '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n';
        return `&cert=${await file(cert + broken)}&key=${await file(key)}`;
      },
      /got cert=\S+ of sink .*, expected certificates that OpenSSL can use$/,
    ],
    [
      'no key',
      async () => `&cert=${await file(makeCertificate().cert)}&key=${await file('x')}`,
      /got key=\S+ of sink .*, expected a private key in PEM/,
    ],
    [
      'the key of another certificate',
      async () => `&cert=${await file(makeCertificate().cert)}&key=${await file(makeCertificate().key)}`,
      /got key=\S+ of sink .*, expected the key of cert=$/,
    ],
  ])('%s', async (_, parameters, words) => {
    const url = `https://127.0.0.1:1?db=events${await parameters()}`;
    const opening = sinkAt('https://127.0.0.1:1', url.split('?db=events')[1]!);
    await expect(opening).rejects.toMatchObject({ code: 'bad-setting', message: expect.stringMatching(words) });
  });
});

test('a region writes through TLS what it counted, and says what it does not trust', async () => {
  const [one, two] = [makeCertificate(), makeCertificate({ name: 'two' })];
  const [proxy, refused] = [await proxyBefore(one), await proxyBefore(two)];
  const ca = await file(one.cert, 'region.pem');
  const region = await startRegion({
    influxds: [influxd, influxd],
    sinkUrls: [proxy.url, refused.url],
    sinkParameters: `&ca=${ca}`,
    relays: 1,
    aggregators: 1,
  });
  await send(region.relays[0]!, await articleLines());
  const expected = await articlePoints();
  await eventually(async () => String(await influxd.points('weir')) === String(expected), {
    what: 'the points behind TLS',
    timeoutMs: 15_000,
  });
  const failures = 'weir_aggregator_sink_failures_total{sink="az2",code="sink-untrusted"}';
  await eventually(async () => (await region.aggregatorMetric(failures)) > 0, { what: 'the other sink to be refused' });
  expect(refused.requests).toBe(0);
  const [aggregator] = region.aggregators as [Daemon];
  expect(await (await aggregator.get('/readyz')).text()).toMatch(
    /az1: well; az2: failing \(sink-untrusted: sink az2: \w+ at https:[^)]* vouches for its certificate: /,
  );
  const of = (name: string, sink: string) => region.aggregatorMetric(`weir_aggregator_sink_${name}{sink="${sink}"}`);
  const nowSec = Date.now() / 1000;
  const lastError = 'weir_aggregator_sink_last_error_timestamp_seconds{sink="az2",code="sink-untrusted"}';
  expect(Math.abs((await region.aggregatorMetric(lastError)) - nowSec)).toBeLessThan(60);
  expect(Math.abs((await of('last_write_timestamp_seconds', 'az1')) - nowSec)).toBeLessThan(60);
  await eventually(async () => (await of('oldest_unwritten_seconds', 'az2')) > 1, { what: 'the window to be late' });
  expect(await of('oldest_unwritten_seconds', 'az1')).toBe(0);
  // Both are trusted once the file says so and the process was told.
  await file(one.cert + two.cert, 'region.pem');
  process.kill(region.aggregators[0]!.pid, 'SIGHUP');
  const confirmed = 'weir_aggregator_sink_windows_confirmed_total{sink="az2"}';
  await eventually(async () => (await region.aggregatorMetric(confirmed)) > 0, {
    what: 'the other sink to get its window',
    timeoutMs: 20_000,
  });
  await eventually(async () => (await of('oldest_unwritten_seconds', 'az2')) === 0, { what: 'no window to be late' });
  await rm(ca);
  process.kill(region.aggregators[0]!.pid, 'SIGHUP');
  await eventually(() => region.aggregators[0]!.logged('the files of a sink cannot be used: going on as before'), {
    what: 'the missing file to be said',
  });
  expect(await region.aggregatorMetric('weir_aggregator_sink_reload_failures_total{sink="az1"}')).toBe(1);
});
