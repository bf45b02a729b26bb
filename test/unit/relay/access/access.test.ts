import { createHash } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { SettingsError } from '@weir/common/errors';
import { silentLogger } from '@weir/common/logger';
import { Access } from '@weir/relay/access/access';
import { AccessCounts } from '@weir/relay/access/access-counts';
import type { TokenEntry } from '@weir/relay/access/token-file';
import type { ApiRoute } from '@weir/relay/api/route';
import { V1_WORDS, V2_WORDS } from '@weir/relay/api/words';

const entry = (name: string, more: Partial<TokenEntry> = {}): TokenEntry => ({
  name,
  digest: createHash('sha256').update(`${name}-token`).digest(),
  ...more,
});

function open(entries?: TokenEntry[]) {
  const counts = new AccessCounts();
  const world = { nowMs: 1_000, entries };
  const readTokens = () => {
    if (world.entries === undefined) throw new SettingsError('--tokens: no good');
    return world.entries;
  };
  const access = new Access({
    ...(entries ? { readTokens } : {}),
    counts,
    monotonicMs: () => world.nowMs,
    logger: silentLogger,
  });
  const ask = (token: string | undefined, kind: ApiRoute['kind'] = 'write', words = V1_WORDS) => {
    const headers = token === undefined ? {} : { authorization: `Token ${token}` };
    const request = { headers } as IncomingMessage;
    const route = { kind, words } as ApiRoute;
    return { request, refusal: access.gate(request, new URLSearchParams(), route) };
  };
  return { access, counts, world, ask };
}

test('without a file everybody may do everything', () => {
  const { access, counts, ask } = open();
  const { request, refusal } = ask(undefined);
  expect(refusal).toBeUndefined();
  expect(access.tokenOf(request)).toBeUndefined();
  access.wrote(access.tokenOf(request), 5);
  expect(access.overRate(undefined)).toBeUndefined();
  expect([access.tokens, counts.lines.size]).toEqual([0, 0]);
});

test('with one, writes and queries need a token, health does not', () => {
  const { access, counts, ask } = open([entry('shop'), entry('cart')]);
  for (const kind of ['write', 'query'] as const) {
    expect(ask(undefined, kind).refusal).toMatchObject({ status: 401, message: 'authorization failed' });
    expect(ask('guess', kind, V2_WORDS).refusal).toMatchObject({ status: 401, message: 'unauthorized access' });
    const { request, refusal } = ask('cart-token', kind);
    expect(refusal).toBeUndefined();
    expect(access.tokenOf(request)?.name).toBe('cart');
  }
  expect(ask(undefined, 'health').refusal).toBeUndefined();
  expect(Object.fromEntries(counts.unauthorized)).toEqual({ missing: 2, unknown: 2 });
});

test('an empty list lets nobody in', () => {
  const { ask } = open([]);
  expect(ask('shop-token').refusal).toMatchObject({ status: 401 });
});

test('every token is compared, wherever the one that fits stands', () => {
  const crypto = jest.requireActual<typeof import('node:crypto')>('node:crypto');
  const compared = jest.spyOn(crypto, 'timingSafeEqual');
  const { ask } = open([entry('a'), entry('b'), entry('c')]);
  for (const token of ['a-token', 'c-token', 'guess']) {
    compared.mockClear();
    ask(token);
    expect(compared).toHaveBeenCalledTimes(3);
  }
  compared.mockRestore();
});

test('a token beyond its rate is told when to come again; the others write on', () => {
  const { access, counts, world, ask } = open([
    entry('slow', { rate: { linesPerSec: 10, burstLines: 20 } }),
    entry('free'),
  ]);
  const { request } = ask('slow-token');
  access.wrote(access.tokenOf(request), 50);
  const { refusal } = ask('slow-token');
  expect(refusal).toMatchObject({ status: 503, headers: { 'retry-after': '4' } });
  expect(access.overRate(access.tokenOf(request))).toEqual(refusal);
  expect(ask('slow-token', 'query').refusal).toBeUndefined();
  expect(ask('free-token').refusal).toBeUndefined();
  world.nowMs += 3_100;
  expect(ask('slow-token').refusal).toBeUndefined();
  expect(Object.fromEntries(counts.lines)).toEqual({ slow: 50 });
  expect(Object.fromEntries(counts.overRate)).toEqual({ slow: 2 });
});

test('a reload takes tokens away and brings new ones, and gives nobody a new burst', () => {
  const slow = entry('slow', { rate: { linesPerSec: 10, burstLines: 20 } });
  const { access, counts, world, ask } = open([entry('old'), slow]);
  access.wrote(access.tokenOf(ask('slow-token').request), 100);
  world.entries = [entry('new'), slow];
  access.reload();
  expect(ask('old-token').refusal).toMatchObject({ status: 401 });
  expect(ask('new-token').refusal).toBeUndefined();
  expect(ask('slow-token').refusal).toMatchObject({ status: 503 });
  expect(counts.reloads.get('done')).toBe(1);
});

test('a file that cannot be used stops the start, and later changes nothing but a count', () => {
  const { access, counts, world, ask } = open([entry('shop')]);
  world.entries = undefined;
  access.reload();
  expect(ask('shop-token').refusal).toBeUndefined();
  expect(access.tokens).toBe(1);
  expect(Object.fromEntries(counts.reloads)).toEqual({ done: 0, failed: 1 });
  const options = { counts, monotonicMs: () => 0, logger: silentLogger };
  const readTokens = () => {
    throw new SettingsError('--tokens: no good');
  };
  expect(() => new Access({ ...options, readTokens })).toThrow('--tokens: no good');
});
