import { sendRequests } from '../support/client.ts';
import { eventually, eventuallyHolds } from '../support/eventually.ts';
import { startRegion } from '../support/region.ts';
import { makeTraffic } from '../support/traffic.ts';

/** The books of a whole region, read by the operator's command while it works and while its processes die. */
test('balance at every look while aggregators and a relay are killed under traffic, and come out at the truth', async () => {
  const region = await startRegion({ relays: 2, aggregators: 2 });
  const traffic = makeTraffic({ seed: 11, events: 20_000, windows: 3, linesPerRequest: 50, repeats: 0.2 });
  const half = traffic.requests.length / 2;
  let working = true;
  const balanced: (boolean | null)[] = [];
  const looking = (async () => {
    while (working) balanced.push((await region.ledger()).totals.balanced);
  })();

  const first = sendRequests(region.relays, traffic.requests.slice(0, half));
  await eventually(async () => (await region.totals()).counted > 0, { what: 'the first fold', everyMs: 5 });
  await region.aggregator('aggregator-1').kill();
  await first;
  await region.relay('relay-1').kill();
  await region.startRelay('relay-1');
  await sendRequests(region.relays, traffic.requests.slice(half));
  await region.startAggregator('aggregator-1');
  // Not only what is in the streams: the relay that was killed keeps what it takes in its journal until its id is free.
  const events = traffic.oracle.events;
  await eventuallyHolds(async () => expect(await region.totals()).toMatchObject({ counted: events, unfolded: 0 }), {
    timeoutMs: 30_000,
    what: 'all to be appended and folded',
  });
  working = false;
  await looking;
  expect(balanced.filter((each) => each === false)).toEqual([]);
  expect(balanced).toContain(true);

  for (const relay of region.relays) await relay.stop();
  await region.untilPoints(traffic.oracle.points());
  const { totals, windows, relays } = await region.ledger();
  expect(totals).toMatchObject({ counted: events, waiting: 0, difference: 0, balanced: true, deadDropped: 0 });
  expect(windows.map(({ current }) => current)).toEqual([true, true, true]);
  expect(windows.reduce((sum, window) => sum + window.events, 0)).toBe(events);
  expect(relays.map(({ id }) => id)).toEqual(['relay-1', 'relay-1', 'relay-2']);
  for (const { received, accepted, rejected } of relays) {
    expect(received).toBe(accepted + Object.values(rejected).reduce((sum, lines) => sum + lines, 0));
  }
  // A start that ended in order has told everything; the one that was killed may have kept its last second.
  const told = relays.reduce((sum, { appended }) => sum + appended, 0);
  expect(told).toBeLessThanOrEqual(totals.received);
  const ended = relays.find(({ id }) => id === 'relay-2')!;
  expect(ended).toMatchObject({ journaled: ended.accepted, appended: ended.accepted, abandoned: 0 });
});
