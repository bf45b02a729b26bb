import { partitionKeys } from '@weir/common/keys';
import { FakeRelay } from '../support/fake-relay.ts';
import { freePort } from '../support/free-port.ts';
import { eventLine, Letters } from '../support/letters.ts';
import { expectPublished } from '../support/published-schema.ts';
import { startRedis } from '../support/redis-server.ts';

/** `weir dead replay`: what it sends to relays, and what becomes of a letter after each answer. */
let letters: Letters;

beforeAll(async () => {
  const server = await startRedis();
  letters = new Letters(server.client(), server.url);
});
beforeEach(() => letters.begin());

describe('weir dead replay', () => {
  test('sends the lines asked for, each at its place, and takes them away after 204 only', async () => {
    const relay = await FakeRelay.start();
    await letters.add(0, 'window-full', [eventLine('mail', 'login', 'bob'), eventLine('shop', 'login', 'ada')]);
    await letters.add(1, 'too-many-windows', [eventLine('shop', 'login', 'eve')]);
    const report = await letters.json('dead', 'replay', '--product', 'shop', '--relay', relay.url, '--yes');
    expect(report.plan).toMatchObject({ relays: [relay.url], lateAgain: 0, unreadableLetters: 0 });
    expect(report.outcome).toEqual({ letters: 2, lines: 2, goneBefore: 0, kept: [], keptLetters: 0, requests: 2 });
    expectPublished('dead replay', JSON.stringify(report));
    expect(relay.requests.map(({ url, body }) => [url, body])).toEqual([
      ['/write?precision=ns', `#\n${eventLine('shop', 'login', 'ada')}\n`],
      ['/write?precision=ns', `${eventLine('shop', 'login', 'eve')}\n`],
    ]);
    expect((await letters.weir('dead', 'export')).out).toBe(`${eventLine('mail', 'login', 'bob')}\n`);
    expect([await letters.counter(0, 'dead-replayed'), await letters.counter(1, 'dead-replayed')]).toEqual([1, 1]);
    await letters.expectBooksRight();
  });

  test('goes to the other relay where one does not confirm, the same bytes under the same key, with the token', async () => {
    const [away, full, well] = [
      `http://127.0.0.1:${await freePort()}`,
      await FakeRelay.start(),
      await FakeRelay.start(),
    ];
    full.answer = () => ({ status: 503, body: { error: 'the journal is full' }, headers: { 'retry-after': '1' } });
    await letters.add(0, 'window-full', [eventLine('shop', 'login', 'ada')]);
    const relays = [away, full.url, well.url].flatMap((url) => ['--relay', url]);
    const { outcome } = await letters.json('dead', 'replay', ...relays, '--token', 'hush', '--yes');
    expect(outcome).toMatchObject({ letters: 1, lines: 1, requests: 3 });
    expect(full.requests[0]!.body).toBe(well.requests[0]!.body);
    expect(full.requests[0]!.headers['idempotency-key']).toMatch(/^weir-dead-[0-9a-f]{40}$/);
    expect(full.requests[0]!.headers['idempotency-key']).toBe(well.requests[0]!.headers['idempotency-key']);
    expect(well.requests[0]!.headers.authorization).toBe('Token hush');
  });

  test('called again after it lost Redis in between, it sends the same under the same key', async () => {
    const relay = await FakeRelay.start();
    await letters.add(0, 'window-full', [eventLine('shop', 'login', 'ada')]);
    relay.answer = async () => {
      const clients = String(await letters.redis.client('LIST')).split('\n');
      const cli = clients.find((text) => text.includes('name=weir-cli'))!;
      await letters.redis.client('KILL', 'ID', Number(/\bid=(\d+)/.exec(cli)![1]));
      return { status: 204 };
    };
    const first = await letters.weir('dead', 'replay', '--relay', relay.url, '--yes');
    expect(first.code).toBe(1);
    expect(first.err).toContain('weir dead replay: Redis at 127.0.0.1');
    expect(await letters.redis.xlen(partitionKeys('weir', 0).dead)).toBe(1);
    relay.answer = () => ({ status: 204 });
    await letters.json('dead', 'replay', '--relay', relay.url, '--yes');
    const [before, after] = relay.requests;
    expect(after!.body).toBe(before!.body);
    expect(after!.headers['idempotency-key']).toBe(before!.headers['idempotency-key']);
    expect(await letters.redis.xlen(partitionKeys('weir', 0).dead)).toBe(0);
  });

  test('a letter whose lines are rejected stays, and the others go', async () => {
    const relay = await FakeRelay.start();
    const kept = await letters.add(0, 'window-full', [eventLine('shop', 'login', 'ada')]);
    await letters.add(0, 'window-full', [eventLine('shop', 'login', 'bob')]);
    relay.answer = ({ body }) =>
      body.includes('ada')
        ? {
            status: 400,
            body: {
              error: 'partial write: 1 of 1 lines rejected: line 1: forbidden-product: no dropped=1',
              rejected: [{ line: 1, reason: 'forbidden-product', detail: 'no' }],
            },
          }
        : { status: 204 };
    const { code, out, err } = await letters.weir('dead', 'replay', '--relay', relay.url, '--yes', '--json');
    expect(code).toBe(1);
    expect(err).toBe('weir dead replay: relays reject lines of 1 letters, which stay\n');
    expect(JSON.parse(out).outcome).toMatchObject({
      letters: 1,
      keptLetters: 1,
      kept: [{ letter: kept, rejectedLines: 1, why: 'line 1: forbidden-product: no' }],
    });
    expect(await letters.redis.xlen(partitionKeys('weir', 0).dead)).toBe(1);
  });

  test('gives up where no relay takes anything, or all refuse the client; nothing is taken away', async () => {
    const relay = await FakeRelay.start();
    await letters.add(0, 'window-full', [eventLine('shop', 'login', 'ada')]);
    relay.answer = () => undefined;
    const away = await letters.weir('dead', 'replay', '--relay', relay.url, '--yes', '--patience', '300ms');
    expect(away.code).toBe(1);
    expect(away.err).toMatch(/^weir dead replay: no relay took the lines within 0.3s; http:\S+ no answer \(\w+\)\n$/);
    relay.answer = () => ({ status: 401, body: { error: 'authorization failed' } });
    const refused = await letters.weir('dead', 'replay', '--relay', relay.url, '--yes');
    expect(refused.err).toBe(`weir dead replay: ${relay.url}: HTTP 401: authorization failed\n`);
    expect(await letters.redis.xlen(partitionKeys('weir', 0).dead)).toBe(1);
  });

  test('leaves unreadable letters out unless they are asked for', async () => {
    const relay = await FakeRelay.start();
    await letters.add(0, 'unreadable', ['what is this']);
    const none = await letters.weir('dead', 'replay', '--relay', relay.url, '--yes');
    expect(none.err).toContain('no dead letters match that could be sent again');
    expect(relay.requests).toEqual([]);
    await letters.json('dead', 'replay', '--reason', 'unreadable', '--relay', relay.url, '--yes');
    expect(relay.requests).toHaveLength(1);
    await letters.expectBooksRight();
  });
});
