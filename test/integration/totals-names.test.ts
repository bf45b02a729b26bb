import { UNIQUE_USER_EVENT } from '@weir/common/line-encode';
import { LINE, LineScanner } from '@weir/common/line-protocol';
import { DEFAULT_SHAPE } from '@weir/common/point-shape';
import { type InfluxV1Spec, parseSinkUrl } from '@weir/common/sink-url';
import { InfluxV1Sink } from '@weir/sinks/influx-v1';
import fc from 'fast-check';
import { cleanup } from '../support/cleanup.ts';
import { userEventText } from '../support/generated-lines.ts';
import { escapeTag, formatKey, formatPoint } from '../support/influx-points.ts';
import { startInfluxd } from '../support/influxd.ts';

/** From the lines of clients to the points of totals: no name that the scanner takes is another one in InfluxDB. */
const START_SEC = 1_478_507_520;
const SEED = Number(process.env.WEIR_SEED ?? 20_161_107);
const LINES = 4_000;

/** Of each accepted line, event type and product. */
function groupsOf(lines: readonly string[]): [eventType: string, product: string][] {
  const scanner = new LineScanner();
  const groups = new Map<string, [string, string]>();
  for (const text of lines) {
    const line = Buffer.from(text);
    if (scanner.scan(line, 0, line.length, 'ns') !== LINE.userEvent) continue;
    const group: [string, string] = [scanner.eventType.toString(), scanner.product.toString()];
    groups.set(JSON.stringify(group), group);
  }
  return [...groups.values()];
}

test(`of ${LINES} lines from the seed ${SEED}, every event type and product is in InfluxDB what it is in the line`, async () => {
  const longest = ['x', 'é', '🦦', ',', ' ', '=', '"', '\\a'].map((unit) => {
    const name = escapeTag(unit.repeat(128 / Buffer.byteLength(unit)));
    return `event_type=${name},product=${name} value=u`;
  });
  const groups = groupsOf([...longest, ...fc.sample(userEventText, { seed: SEED, numRuns: LINES })]);
  expect(groups.length).toBeGreaterThan(1_000);
  expect(groups.filter(([name]) => Buffer.byteLength(name) === 128).length).toBe(8);

  const influxd = await startInfluxd();
  await influxd.createDatabase('events');
  const sink = new InfluxV1Sink(parseSinkUrl(`${influxd.url}?db=events`) as InfluxV1Spec, DEFAULT_SHAPE);
  cleanup('the sink', () => sink.close());
  const points = groups.map(([eventType, product], i) => {
    return { measurement: UNIQUE_USER_EVENT, eventType, product, value: i + 1 } as const;
  });
  expect(await sink.write({ startSec: START_SEC, windowSec: 60 }, points)).toEqual({ rejected: [] });
  const expected = points.map(({ measurement, eventType, product, value }) => {
    const tags: [string, string][] = [
      ['event_type', eventType],
      ['product', product],
    ];
    return formatPoint(formatKey(measurement, tags), [['value', String(value)]], `${START_SEC}000000000`);
  });
  expect(await influxd.points('events')).toEqual(expected.sort());
});
