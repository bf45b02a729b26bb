import { HttpServer } from '@weir/common/http';
import { silentLogger } from '@weir/common/logger';
import { Metrics } from '@weir/common/metrics';
import type { ApiRoute, Gate } from '@weir/relay/api/route';
import { type Answer, V1_WORDS, V2_WORDS } from '@weir/relay/api/words';
import { FrontDoor } from '@weir/relay/front-door';
import { RelayCounts } from '@weir/relay/relay-metrics';
import { HTTP_LIMITS } from '../../support/http-limits.ts';

const servers: HttpServer[] = [];
afterEach(async () => {
  await Promise.all(servers.splice(0).map((server) => server.stop()));
});

async function open(routes: readonly ApiRoute[], gate: Gate) {
  const address = { host: '127.0.0.1', port: 0 };
  const metrics = new Metrics();
  const more = { logger: silentLogger, metrics, metricPrefix: 'weir_relay', readyChecks: {}, limits: HTTP_LIMITS };
  const server = new HttpServer({ address, ...more });
  servers.push(server);
  const counts = new RelayCounts({ observe: () => undefined });
  new FrontDoor({ routes, gate, headers: { 'x-door': 'front' }, counts }).addTo(server);
  await server.start();
  return { url: `http://${server.address()}`, counts };
}

const route = (kind: ApiRoute['kind'], path: string, handle: () => Answer, words = V1_WORDS): ApiRoute => ({
  method: 'POST',
  path,
  kind,
  words,
  handle,
});
const done: Answer = { status: 200, headers: { 'x-sign': 'yes' }, body: { fine: true } };

test('whoever the gate stops never reaches the handler, and is told in the words of the API', async () => {
  const handle = jest.fn(() => done);
  const { url } = await open([route('write', '/v1', handle), route('write', '/v2', handle, V2_WORDS)], () => ({
    status: 400,
    message: 'not you',
  }));
  const [v1, v2] = await Promise.all(['/v1', '/v2'].map((path) => fetch(url + path, { method: 'POST', body: 'x' })));
  expect([v1!.status, await v1!.json()]).toEqual([400, { error: 'not you' }]);
  expect(v1!.headers.get('x-door')).toBe('front');
  expect([v2!.status, await v2!.json()]).toEqual([400, { code: 'invalid', message: 'not you' }]);
  expect(handle).not.toHaveBeenCalled();
});

test('the gate is asked once for each request, with the route', async () => {
  const asked: string[] = [];
  const gate: Gate = (request, query, { kind, path }) => {
    asked.push(`${request.method} ${kind} ${path} ${query}`);
    return undefined;
  };
  const { url } = await open([route('write', '/a', () => done), route('health', '/b', () => done)], gate);
  const answer = await fetch(`${url}/a?db=x`, { method: 'POST' });
  expect([answer.status, answer.headers.get('x-sign'), await answer.json()]).toEqual([200, 'yes', { fine: true }]);
  expect(answer.headers.get('x-door')).toBe('front');
  await fetch(`${url}/b`, { method: 'POST' });
  expect(asked).toEqual(['POST write /a db=x', 'POST health /b ']);
});

test('answers to writes are counted, refused ones too, and no others', async () => {
  const gate: Gate = (_, query) => (query.has('refuse') ? { status: 503, message: 'full' } : undefined);
  const { url, counts } = await open([route('write', '/a', () => done), route('query', '/b', () => done)], gate);
  for (const path of ['/a', '/a?refuse', '/b', '/b?refuse']) await fetch(url + path, { method: 'POST' });
  expect([...counts.answers]).toEqual([
    [200, 1],
    [503, 1],
  ]);
});
