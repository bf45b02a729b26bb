import { eventuallyHolds } from '../support/eventually.ts';
import { FakeRelay } from '../support/fake-relay.ts';
import { expectPublished } from '../support/published-schema.ts';
import { startRegion } from '../support/region.ts';
import { runCli } from '../support/run-program.ts';
import { weir } from '../support/weir.ts';

/** `weir load`: the books and both InfluxDBs hold what it says that it sent. */
test('what it says it sent is what is counted, and what it sent twice are the duplicates', async () => {
  const region = await startRegion({ aggregatorSettings: ['--window', '2s'] });
  const relays = region.relays.flatMap(({ http }) => ['--relay', `http://${http}`]);
  const given = ['--events', '20000', '--duplicates', '10%', '--seed', '7'];
  const { code, stdout, stderr } = await runCli(['load', ...given, ...relays, '--json']);
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  expectPublished('load', stdout);
  const report = JSON.parse(stdout);
  expect(report).toMatchObject({
    events: 20_000,
    duplicates: 2_000,
    late: 0,
    accepted: 22_000,
    rejected: 0,
    unconfirmed: 0,
  });
  expect(report.answerMs.p50).toBeGreaterThan(0);
  expect(report.answerMs.p99).toBeGreaterThanOrEqual(report.answerMs.p50);
  expect(await region.untilFolded(22_000)).toMatchObject({ counted: 20_000, duplicate: 2_000 });
  for (const relay of region.relays) {
    expect(await relay.metric('weir_relay_lines_accepted_total{door="http"}')).toBe(11_000);
  }
  await eventuallyHolds(
    async () => {
      for (const points of await region.points()) {
        const cumulative = points.filter((point) => point.startsWith('cumulative_user_event,'));
        const sum = cumulative.reduce((total, point) => total + Number(/ value=(\d+)/.exec(point)![1]), 0);
        expect(sum).toBe(20_000);
        expect(cumulative.every((point) => /,product=load-\d+ /.test(point))).toBe(true);
      }
    },
    { timeoutMs: 30_000, what: '20000 events in every InfluxDB' },
  );
  expect((await region.ledger()).totals.balanced).toBe(true);
});

test('late events are sent only when that was agreed to', async () => {
  const relay = await FakeRelay.start();
  const given = ['load', '--events', '100', '--late', '10%', '--late-by', '2h', '--relay', relay.url];
  const refused = await weir(given);
  expect(refused).toMatchObject({ code: 2, out: '' });
  expect(refused.err).toMatch(
    /^weir load: --late: late events happened 2h00m ago: .*; --yes goes on without asking\n$/,
  );
  const asked = await weir(given, { ask: async () => 'n' });
  expect(asked.code).toBe(1);
  expect(relay.requests).toEqual([]);
  const agreed = await weir([...given, '--yes', '--json']);
  expect(agreed.code).toBe(0);
  expect(JSON.parse(agreed.out)).toMatchObject({ events: 100, late: 10, seed: expect.any(Number) });
});

test('it keeps to a rate and to a duration, and says what was not confirmed', async () => {
  const relay = await FakeRelay.start();
  const timed = await weir(['load', '--duration', '300ms', '--rate', '100/s', '--batch', '10', '--relay', relay.url]);
  expect(timed.code).toBe(0);
  expect(timed.out).toMatch(/^\d+ different events, 0 of them sent twice \(seed \d+\)\n\d+ lines confirmed in /);
  expect(relay.requests.length).toBeGreaterThanOrEqual(2);
  expect(relay.requests.length).toBeLessThanOrEqual(5);
  relay.answer = () => ({ status: 401, body: { error: 'authorization failed' } });
  const refused = await weir(['load', '--events', '10', '--relay', relay.url]);
  expect(refused).toMatchObject({ code: 1, err: `weir load: ${relay.url}: HTTP 401: authorization failed\n` });
  expect(refused.out).toContain('0 lines confirmed, 10 not confirmed in ');
  const neither = await weir(['load', '--relay', relay.url]);
  expect(neither).toMatchObject({ code: 2, err: 'weir load: expected --events <n> or --duration <duration>\n' });
});
