import { parseRelayState } from '@weir/common/daemon-state';
import type { RelayTotals } from '@weir/common/relay-counts';
import { RelayCounts } from '@weir/relay/relay-metrics';
import { RelayStates } from '@weir/relay/relay-state';

const counts = new RelayCounts({ observe: () => undefined }).totals;
const journal = {
  kind: 'disk',
  bytes: 5,
  maxBytes: 9,
  keepMs: 60,
  unconfirmedBytes: 1,
  oldestMs: 3,
  failing: false,
} as const;

function states() {
  const world = { redisMs: 1_000, totals: counts as RelayTotals, owedSinceMs: Number.POSITIVE_INFINITY };
  const relay = new RelayStates({
    now: () => ({ redisMs: world.redisMs, aheadMs: 12.4 }),
    totals: () => world.totals,
    journal: () => journal,
    owedSinceMs: () => world.owedSinceMs,
    udp: () => null,
  });
  const after = (more: Partial<RelayTotals>) => {
    world.redisMs += 1_000;
    world.totals = { ...world.totals, ...more };
    return relay.next();
  };
  return { world, relay, after };
}

test('a relay says what it holds and owes, as whoever reads it understands', () => {
  const { world, relay } = states();
  world.owedSinceMs = 900.6;
  const said = relay.next();
  expect(said).toMatchObject({ clockAheadMs: 12, journal, owedSinceMs: 901, udp: null, lastDropMs: null });
  const text = JSON.stringify({ v: 1, incarnation: 'f'.repeat(16), lastMs: 1_000, ...said });
  expect(parseRelayState(text)).toMatchObject(said);
});

test('what was counted recently is what came in the last ten seconds', () => {
  const { relay, after } = states();
  relay.next();
  expect(after({ received: 100, rejected: { syntax: 7, past: 1 } }).recent).toMatchObject({
    ms: 1_000,
    received: 100,
    rejected: 8,
  });
  for (let i = 0; i < 9; i++) after({});
  expect(after({ received: 130 }).recent).toMatchObject({ ms: 10_000, received: 30, rejected: 0 });
});

test('when datagrams were lost last is remembered', () => {
  const { relay, after } = states();
  relay.next();
  expect(after({ kernelDrops: 3 })).toMatchObject({ lastDropMs: 2_000, recent: { kernelDrops: 3 } });
  for (let i = 0; i < 20; i++) after({});
  expect(after({})).toMatchObject({ lastDropMs: 2_000, recent: { kernelDrops: 0 } });
  expect(after({ datagramsDropped: 1 }).lastDropMs).toBe(24_000);
});

test('what is no state is none', () => {
  for (const text of ['', '{', '[]', '{"v":2}', '{"v":1,"incarnation":"x"}'])
    expect(parseRelayState(text)).toBeUndefined();
});
