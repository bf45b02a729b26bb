import { createHash } from 'node:crypto';
import { rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseStreamEntry } from '@weir/common/batch';
import { partitionKeys } from '@weir/common/keys';
import type { Redis } from 'ioredis';
import { type Daemon, startDaemon } from '../support/daemon.ts';
import { eventually } from '../support/eventually.ts';
import { type RedisServer, startRedis } from '../support/redis-server.ts';
import { runProgram } from '../support/run-program.ts';
import { tempDir } from '../support/temp-dir.ts';

/** Tokens at a real relay: every way to say one, what each may write, and files that change while it runs. */
const hashOf = (token: string) => createHash('sha256').update(token).digest('hex');
const TOKENS = `
- {name: all, hash: ${hashOf('secret-all')}}
- {name: shop, hash: ${hashOf('secret-shop')}, products: [shop]}
- {name: slow, hash: ${hashOf('secret-slow')}, rate: 1, burst: 10}
- {name: pair, hash: ${hashOf('me:secret-pair')}}
`;

let server: RedisServer;
let redis: Redis;
let file: string;
let relay: Daemon;

beforeAll(async () => {
  server = await startRedis();
  redis = server.client();
  file = join(await tempDir('tokens'), 'tokens.yaml');
  await writeFile(file, TOKENS);
  relay = await startDaemon('weir-relay', [...place(), '--tokens', file, '--udp', '0.0.0.0:0', '--log-level', 'debug']);
});

const place = () => ['--redis', server.url, '--http', '127.0.0.1:0', '--id', 'az1'];
const line = (product: string, user: string) => `event_type=a,product=${product} value=${user} 1478507534415525888`;

interface Asked {
  path?: string;
  query?: string;
  authorization?: string;
  body?: string;
}

async function write({ path = '/write', query = '', authorization, body = line('shop', 'u') }: Asked) {
  const headers: Record<string, string> = authorization === undefined ? {} : { authorization };
  const response = await fetch(`http://${relay.http}${path}?db=x${query}`, { method: 'POST', headers, body });
  const text = await response.text();
  return { status: response.status, headers: response.headers, body: text === '' ? undefined : JSON.parse(text) };
}

async function taken(): Promise<string[]> {
  const lines: string[] = [];
  for (let partition = 0; partition < 8; partition++) {
    const { stream } = partitionKeys('weir', partition);
    for (const [id, fields] of await redis.xrangeBuffer(stream, '-', '+')) {
      lines.push(...parseStreamEntry(id.toString(), fields)!.lines.toString().split('\n').slice(0, -1));
      await redis.xdel(stream, id.toString());
    }
  }
  return lines.sort();
}

afterEach(taken);

const base64 = (text: string) => Buffer.from(text).toString('base64');

describe('a token', () => {
  test.each<Asked>([
    { authorization: 'Token secret-all' },
    { authorization: 'Bearer secret-all' },
    { authorization: `Basic ${base64('anybody:secret-all')}` },
    { authorization: `Basic ${base64('me:secret-pair')}` },
    { authorization: 'Token me:secret-pair' },
    { query: '&u=anybody&p=secret-all' },
    { query: '&u=me&p=secret-pair' },
  ])('is taken as clients of both APIs say it: %j', async (asked) => {
    expect(await write(asked)).toMatchObject({ status: 204 });
    expect(await write({ ...asked, path: '/api/v2/write' })).toMatchObject({ status: 204 });
    expect(await taken()).toEqual([line('shop', 'u'), line('shop', 'u')]);
  });

  test.each<Asked>([
    {},
    { authorization: 'Token secret-wrong' },
    { authorization: `Basic ${base64('you:secret-pair')}` },
    { authorization: 'Digest secret-all' },
    { query: '&u=secret-all' },
    { query: '&p=secret-wrong' },
    { authorization: `Token ${hashOf('secret-all')}` },
  ])('that is missing or wrong is told so in the words of the API: %j', async (asked) => {
    const v1 = await write(asked);
    expect(v1).toMatchObject({ status: 401, body: { error: 'authorization failed' } });
    expect(v1.headers.get('www-authenticate')).toBe('Basic realm="weir"');
    expect(await write({ ...asked, path: '/api/v2/write' })).toMatchObject({
      status: 401,
      body: { code: 'unauthorized', message: 'unauthorized access' },
    });
    expect(await taken()).toEqual([]);
  });

  test('is not asked for by health, ping and metrics', async () => {
    for (const path of ['/ping', '/livez', '/readyz', '/healthz', '/metrics']) {
      expect((await relay.get(path)).ok).toBe(true);
    }
    expect(await relay.metric('weir_relay_tokens')).toBe(4);
    expect(await relay.metric('weir_relay_unauthorized_total{reason="missing"}')).toBeGreaterThan(0);
    expect(await relay.metric('weir_relay_unauthorized_total{reason="unknown"}')).toBeGreaterThan(0);
  });

  test('of one product writes events of that, and the others are rejected', async () => {
    const body = [line('shop', 'a'), line('cart', 'b'), 'cpu usage=1', line('shop', 'c')].join('\n');
    const answer = await write({ authorization: 'Token secret-shop', body });
    expect(answer.status).toBe(400);
    expect(answer.body.rejected).toEqual([
      { line: 2, reason: 'forbidden-product', detail: expect.any(String) },
      { line: 3, reason: 'forbidden-product', detail: expect.any(String) },
    ]);
    expect(await taken()).toEqual([line('shop', 'a'), line('shop', 'c')]);
    expect(await relay.metric('weir_relay_lines_rejected_total{door="http",reason="forbidden-product"}')).toBe(2);
    expect(await relay.metric('weir_relay_token_lines_total{token="shop"}')).toBe(4);
  });

  test('beyond its rate is 503 with the time to come again, and nothing is taken', async () => {
    const body = Array.from({ length: 15 }, (_, i) => line('shop', `user-${i}`)).join('\n');
    expect(await write({ authorization: 'Token secret-slow', body })).toMatchObject({ status: 204 });
    expect(await taken()).toHaveLength(15);
    for (const path of ['/write', '/api/v2/write']) {
      const refused = await write({ path, authorization: 'Token secret-slow', body });
      expect(refused.status).toBe(503);
      expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(1);
    }
    expect(await taken()).toEqual([]);
    expect(await write({ authorization: 'Token secret-all', body })).toMatchObject({ status: 204 });
    expect(await relay.metric('weir_relay_token_over_rate_total{token="slow"}')).toBe(2);
  });
});

test('a file that is replaced is in force after SIGHUP, a broken one never', async () => {
  const replace = async (text: string, message: string) => {
    const before = relay.logs.filter(({ msg }) => msg === message).length;
    await writeFile(`${file}.new`, text);
    await rename(`${file}.new`, file);
    process.kill(relay.pid, 'SIGHUP');
    await eventually(() => relay.logs.filter(({ msg }) => msg === message).length > before, { what: message });
  };
  await replace(`- {name: next, hash: ${hashOf('secret-next')}}`, 'tokens read');
  expect(await write({ authorization: 'Token secret-next' })).toMatchObject({ status: 204 });
  expect(await write({ authorization: 'Token secret-all' })).toMatchObject({ status: 401 });

  await replace('- {name: next, hash: secret-next}', 'the file of tokens cannot be used: those before stay in force');
  expect(await write({ authorization: 'Token secret-next' })).toMatchObject({ status: 204 });
  expect(await relay.metric('weir_relay_tokens_reloads_total{result="failed"}')).toBe(1);

  await replace(TOKENS, 'tokens read');
  expect(await write({ authorization: 'Token secret-all' })).toMatchObject({ status: 204 });
});

test('no token was ever logged, and the relay warns of its open UDP', () => {
  const log = JSON.stringify(relay.logs) + relay.strayLines.join('\n');
  expect(log).not.toMatch(/secret-(all|shop|slow|pair|next|wrong)/);
  expect(relay.logs.filter(({ msg }) => msg.startsWith('UDP asks for no token'))).toHaveLength(1);
});

test.each<[string, string, RegExp]>([
  ['that is missing', '', /--tokens: got ".*none\.yaml" \(ENOENT\), expected a readable file$/],
  ['that is broken', '- {name: shop, hash: secret-all}', /--tokens: .*, entry 1: hash, expected 64 hexadecimal digits/],
])('a file %s ends the start with one line and 78', async (_, text, expected) => {
  const path = join(await tempDir('tokens'), 'none.yaml');
  if (text !== '') await writeFile(path, text);
  const { code, stderr } = await runProgram('weir-relay', [...place(), '--udp', 'off', '--tokens', path]);
  const said = stderr.split('\n').filter((one) => one !== '' && !one.startsWith('{'));
  expect({ code, said }).toEqual({ code: 78, said: [expect.stringMatching(expected)] });
  expect(stderr).not.toContain('secret-all');
});
