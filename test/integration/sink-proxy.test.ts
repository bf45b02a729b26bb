import { gzipSync } from 'node:zlib';
import { eventually } from '../support/eventually.ts';
import { type Influxd, startInfluxd } from '../support/influxd.ts';
import type { SinkBehaviour } from '../support/sink-behaviour.ts';
import { type SinkProxy, startSinkProxy } from '../support/sink-proxy.ts';

let influxd: Influxd;
let proxy: SinkProxy;
let databases = 0;
let db = '';

beforeAll(async () => {
  influxd = await startInfluxd();
});

beforeEach(async () => {
  proxy = await startSinkProxy({ upstream: influxd.url });
  db = `proxied-${++databases}`;
  await influxd.createDatabase(db);
});

const POINT = 'm,k=a value=1 60000000000';
const OTHER = 'm,k=b value=2 60000000000';

const write = (body: string | Buffer = POINT, init: RequestInit = {}) =>
  fetch(`${proxy.url}/write?db=${db}`, { method: 'POST', body: body as string, ...init });
const stored = () => influxd.points(db, ['m']);

test('passes writes and queries, and counts them apart', async () => {
  expect((await write()).status).toBe(204);
  const answer = await fetch(`${proxy.url}/query?db=${db}&q=${encodeURIComponent('SELECT * FROM m')}`);
  expect(await answer.json()).toMatchObject({ results: [{ series: [{ name: 'm' }] }] });
  expect(proxy.seen.write).toEqual({ requests: 1, forwarded: 1, applied: 1, by: { pass: 1 } });
  expect(proxy.seen.query).toEqual({ requests: 1, forwarded: 1, applied: 0, by: { pass: 1 } });
});

test.each([401, 500, 503])('answers %d to writes alone, without forwarding them', async (status) => {
  proxy.behave('write', { kind: 'answer', status });
  expect((await write()).status).toBe(status);
  expect((await fetch(`${proxy.url}/ping`)).status).toBe(204);
  await proxy.heal();
  expect(await stored()).toEqual([]);
  expect((await write()).status).toBe(204);
});

test('refuses connections, and is there again on the same port', async () => {
  await write();
  await proxy.refuseConnections();
  await expect(write()).rejects.toMatchObject({ cause: { code: 'ECONNREFUSED' } });
  await proxy.heal();
  expect((await write()).status).toBe(204);
});

test.each<[string, SinkBehaviour, string[]]>([
  ['before it is forwarded', { kind: 'reset-before' }, []],
  ['after it was applied', { kind: 'reset-after' }, [POINT]],
])('resets a write %s, as often as told', async (_, behaviour, expected) => {
  proxy.behave('write', behaviour, { times: 1 });
  await expect(write()).rejects.toThrow('fetch failed');
  expect(await stored()).toEqual(expected);
  expect((await write(OTHER)).status).toBe(204);
  expect(proxy.seen.write.by).toEqual({ [behaviour.kind]: 1, pass: 1 });
});

test('hangs until told, and what hung was never forwarded', async () => {
  proxy.behave('all', { kind: 'hang' });
  const writing = write();
  await eventually(() => proxy.hanging === 1, { what: 'the write to hang' });
  await Promise.all([proxy.heal(), expect(writing).rejects.toThrow('fetch failed')]);
  expect(await stored()).toEqual([]);
});

test('hangs for as long as told', async () => {
  proxy.behave('write', { kind: 'hang', ms: 20 });
  await expect(write()).rejects.toThrow('fetch failed');
  expect(proxy.hanging).toBe(0);
});

test('forwards late what its writer gave up long ago', async () => {
  proxy.behave('write', { kind: 'forward-late' });
  await expect(write(POINT, { signal: AbortSignal.timeout(50) })).rejects.toThrow('timeout');
  await proxy.heal();
  expect((await write(OTHER)).status).toBe(204);
  expect(await stored()).toEqual([OTHER]);
  expect(proxy.late).toBe(1);
  proxy.landLate();
  await eventually(() => proxy.late === 0, { what: 'the late write to land' });
  expect(await stored()).toEqual([POINT, OTHER]);
});

test('forwards late by itself', async () => {
  proxy.behave('write', { kind: 'forward-late', ms: 20 });
  await expect(write()).rejects.toThrow('fetch failed');
  expect(await stored()).toEqual([POINT]);
});

test('drips an answer, which is whole for whoever is patient', async () => {
  proxy.behave('all', { kind: 'drip', everyMs: 0 });
  expect((await write()).status).toBe(204);
  const answer = await fetch(`${proxy.url}/query?db=${db}&q=${encodeURIComponent('SHOW DATABASES')}`);
  expect(JSON.stringify(await answer.json())).toContain(db);
});

test.each(['plain', 'gzipped'])(
  'refuses some lines of a %s body as InfluxDB does, and keeps the others',
  async (form) => {
    proxy.behave('write', { kind: 'refuse-lines', refuses: (line) => line.includes('k=a') });
    const text = `${POINT}\n${OTHER}\n`;
    const gzipped = form === 'gzipped';
    const answer = await write(
      gzipped ? gzipSync(text) : text,
      gzipped ? { headers: { 'content-encoding': 'gzip' } } : {},
    );
    expect(answer.status).toBe(400);
    expect(await answer.json()).toEqual({ error: expect.stringMatching(/^partial write: .* dropped=1$/) });
    expect(await stored()).toEqual([OTHER]);
    expect((await write(OTHER)).status).toBe(204);
  },
);

test('is like its InfluxDB when that is away', async () => {
  const away = await startSinkProxy({ upstream: 'http://127.0.0.1:1' });
  await expect(fetch(`${away.url}/ping`)).rejects.toThrow('fetch failed');
  expect(away.seen.query).toMatchObject({ requests: 1, forwarded: 0 });
});
