import { articleLines, articlePoints } from '../support/article.ts';
import { send } from '../support/client.ts';
import { eventuallyHolds } from '../support/eventually.ts';
import { startInfluxd } from '../support/influxd.ts';
import { startRegion } from '../support/region.ts';

/** Names, tags and time of points as a deployment wants them, through the real programs. */
test('a deployment with names, tags and a time of its own writes these points, and finds them again', async () => {
  const names = ['all events', 'users'];
  const region = await startRegion({
    influxds: [await startInfluxd()],
    relays: 1,
    aggregators: 1,
    aggregatorSettings: [
      ...['--unique-measurement', 'users', '--cumulative-measurement', 'all events'],
      ...['--point-tags', 'region=eu\\,1,env=prod', '--point-time', 'end'],
    ],
  });
  const [influxd] = region.influxds;
  const expected = articlePoints().map((line) =>
    line
      .replace('unique_user_event,', 'users,env=prod,')
      .replace('cumulative_user_event,', 'all\\ events,env=prod,')
      .replace(' value=', ',region=eu\\,1 value=')
      .replace('1478507520000000000', '1478507580000000000'),
  );
  const untilHeld = (points: readonly string[]) =>
    eventuallyHolds(async () => expect(await influxd!.points(region.name, names)).toEqual([...points].sort()), {
      what: 'the points',
      timeoutMs: 15_000,
    });
  await send(region.relays[0]!, articleLines());
  await untilHeld(expected);
  expect(await influxd!.points(region.name)).toEqual([]);

  // The next aggregator reads what is there before it writes, so a total that is larger there stays.
  await region.aggregator('aggregator-1').stop();
  const [first, ...others] = expected;
  const larger = first!.replace(/value=\d+/, 'value=9');
  await influxd!.write(region.name, [larger]);
  await region.startAggregator('aggregator-1');
  await send(
    region.relays[0]!,
    ['os_error,productA', 'browser_error,productB', 'http-5xx,productA'].map((group) => {
      const [eventType, product] = group.split(',');
      return `event_type=${eventType},product=${product} value=ada 1478507534415525888`;
    }),
  );
  await untilHeld([larger, ...others.map((line) => line.replace(/value=(\d+)/, (_, n) => `value=${Number(n) + 1}`))]);
  expect(await region.aggregatorMetric('weir_aggregator_sink_points_shrunk_total{sink="az1"}')).toBe(1);
  await region.aggregator('aggregator-1').stop();
});
