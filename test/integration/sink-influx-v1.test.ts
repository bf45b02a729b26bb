import { UNIQUE_USER_EVENT } from '@weir/common/line-encode';
import { DEFAULT_SHAPE, formatPointTags, measurementName, type PointShape, pointTags } from '@weir/common/point-shape';
import { type InfluxV1Spec, parseSinkUrl } from '@weir/common/sink-url';
import { InfluxV1Sink } from '@weir/sinks/influx-v1';
import type { SinkPoint } from '@weir/sinks/sink';
import fc from 'fast-check';
import { cleanup } from '../support/cleanup.ts';
import { type Influxd, startInfluxd } from '../support/influxd.ts';

const MINUTE = { startSec: 1478507520, windowSec: 60 };
const T = '1478507520000000000';

let influxd: Influxd;
let databases = 0;
beforeAll(async () => {
  influxd = await startInfluxd();
});

/** A sink on a database of its own, which exists unless told. */
async function openSink({
  parameters = '',
  exists = true,
  shape = DEFAULT_SHAPE,
} = {}): Promise<{ sink: InfluxV1Sink; db: string }> {
  const db = `events ${++databases}`;
  if (exists) await influxd.createDatabase(db);
  const sink = new InfluxV1Sink(
    parseSinkUrl(`${influxd.url}?db=${encodeURIComponent(db)}${parameters}`) as InfluxV1Spec,
    shape,
  );
  cleanup(`sink ${sink.name}`, () => sink.close());
  return { sink, db };
}

function totals(eventType: string, product: string, users: number, events: number): SinkPoint[] {
  return [
    { measurement: 'unique_user_event', eventType, product, value: users },
    { measurement: 'cumulative_user_event', eventType, product, value: events },
  ];
}

function sorted(points: readonly SinkPoint[]): string[] {
  return points.map((p) => JSON.stringify([p.measurement, p.eventType, p.product, p.value])).sort();
}

const tag = fc
  .oneof(
    fc.string({ unit: fc.constantFrom('\\', ',', ' ', '=', '"', 'a', '😀', '<'), minLength: 1, maxLength: 10 }),
    fc.string({ unit: 'grapheme', minLength: 1, maxLength: 20 }),
    fc.constantFrom('__proto__', 'constructor', 'value', 'time', 'event_type', '#', '0', 'null'),
  )
  // biome-ignore lint/suspicious/noControlCharactersInRegex: what the relay refuses
  .filter((text) => !/[\u0000-\u001f\u007f]|\\$/.test(text));

describe('an InfluxDB 1.x sink', () => {
  test('stores the points as the contract shows them', async () => {
    const { sink, db } = await openSink();
    const points = [...totals('http-5xx', 'productA', 1, 2), ...totals('browser_error', 'productB', 2, 2)];
    await expect(sink.write(MINUTE, points)).resolves.toEqual({ rejected: [] });
    expect(await influxd.points(db)).toEqual([
      `cumulative_user_event,event_type=browser_error,product=productB value=2 ${T}`,
      `cumulative_user_event,event_type=http-5xx,product=productA value=2 ${T}`,
      `unique_user_event,event_type=browser_error,product=productB value=2 ${T}`,
      `unique_user_event,event_type=http-5xx,product=productA value=1 ${T}`,
    ]);
  });

  test('gives back what was written, whatever the names', async () => {
    const { sink } = await openSink();
    let startSec = 0;
    const group = fc.record({ eventType: tag, product: tag, users: fc.nat(1e6), events: fc.nat(1e9) });
    const groups = fc.uniqueArray(group, { maxLength: 25, selector: (g) => JSON.stringify([g.eventType, g.product]) });
    await fc.assert(
      fc.asyncProperty(groups, async (all) => {
        startSec += 60;
        const window = { startSec, windowSec: 60 };
        const points = all.flatMap((g) => totals(g.eventType, g.product, g.users, g.events));
        expect(await sink.write(window, points)).toEqual({ rejected: [] });
        expect(sorted(await sink.read(window))).toEqual(sorted(points));
      }),
      { numRuns: 60 },
    );
  });

  test('gives back what was written in any shape, and nothing of another one', async () => {
    const name = tag.filter((text) => measurementName.schema.safeParse(text).success);
    const key = tag.filter((text) => pointTags.schema.safeParse(formatPointTags([{ key: text, value: 'x' }])).success);
    const shapeOf = fc.record({
      names: fc
        .tuple(name, name)
        .filter(([unique, cumulative]) => unique !== cumulative)
        .map(([unique_user_event, cumulative_user_event]) => ({ unique_user_event, cumulative_user_event })),
      tags: fc
        .uniqueArray(fc.record({ key, value: tag }), { maxLength: 4, selector: (one) => one.key })
        .map((tags) => pointTags.schema.parse(formatPointTags(tags))),
      time: fc.constantFrom('start' as const, 'end' as const),
    });
    const { sink: plain, db } = await openSink();
    let startSec = 0;
    await fc.assert(
      fc.asyncProperty(shapeOf, tag, tag, fc.nat(1e9), async (shape: PointShape, eventType, product, events) => {
        startSec += 600;
        const window = { startSec, windowSec: 60 };
        const points = totals(eventType, product, 1, events);
        const sink = new InfluxV1Sink(
          parseSinkUrl(`${influxd.url}?db=${encodeURIComponent(db)}`) as InfluxV1Spec,
          shape,
        );
        expect(await sink.write(window, points)).toEqual({ rejected: [] });
        expect(sorted(await sink.read(window))).toEqual(sorted(points));
        const other = new InfluxV1Sink(parseSinkUrl(`${influxd.url}?db=${encodeURIComponent(db)}`) as InfluxV1Spec, {
          ...shape,
          tags: [...shape.tags, { key: 'zzz', value: 'other' }],
        });
        expect(await other.read(window)).toEqual([]);
        expect(await other.write(window, points)).toEqual({ rejected: [] });
        expect(sorted(await sink.read(window))).toEqual(sorted(points));
        await sink.close();
        await other.close();
      }),
      { numRuns: 60 },
    );
    expect(await plain.read({ startSec: 600, windowSec: 60 })).toEqual([]);
  });

  test('holds the last value written', async () => {
    const { sink } = await openSink();
    await sink.write(MINUTE, totals('a', 'p', 1, 1));
    await sink.write(MINUTE, totals('a', 'p', 3, 7));
    expect(sorted(await sink.read(MINUTE))).toEqual(sorted(totals('a', 'p', 3, 7)));
  });

  test('reads no points of other series, other moments, other fields or other measurements', async () => {
    const { sink, db } = await openSink();
    await influxd.write(db, [
      `unique_user_event,event_type=a,product=p,host=x value=9 ${T}`,
      `unique_user_event,event_type=a,product=p,value=tag value=9 ${T}`,
      `unique_user_event,event_type=a value=9 ${T}`,
      `unique_user_event value=9 ${T}`,
      `unique_user_event,event_type=a,product=p value=9 1478507520000000001`,
      `unique_user_event,event_type=b,product=p other=9,product="field" ${T}`,
      `clicks,event_type=a,product=p value=9 ${T}`,
    ]);
    await sink.write(MINUTE, totals('a', 'p', 1, 2));
    expect(sorted(await sink.read(MINUTE))).toEqual(sorted(totals('a', 'p', 1, 2)));
  });

  test('reads nothing from a window it has nothing of', async () => {
    const { sink } = await openSink();
    expect(await sink.read(MINUTE)).toEqual([]);
  });

  test('keeps to its retention policy', async () => {
    const { sink, db } = await openSink({ parameters: '&rp=two%20weeks' });
    await expect(sink.write(MINUTE, totals('a', 'p', 1, 2))).rejects.toMatchObject({
      code: 'sink-unavailable',
      message: expect.stringContaining('retention policy not found'),
    });
    await influxd.query(db, `CREATE RETENTION POLICY "two weeks" ON "${db}" DURATION INF REPLICATION 1`);
    await sink.write(MINUTE, totals('a', 'p', 1, 2));
    expect(await sink.read(MINUTE)).toHaveLength(2);
    expect(await influxd.points(db)).toEqual([]);
  });

  test('writes lines at which InfluxDB loses the line’s end without harm to their neighbours', async () => {
    const { sink } = await openSink();
    // A backslash before a space or an equals sign, then a quote: alone in its request InfluxDB reads it rightly.
    const points = Array.from({ length: 40 }, (_, at) =>
      totals(at % 13 === 5 ? `\\ \\="${at}` : `plain ${at}`, 'p', at, 2 * at),
    ).flat();
    await influxd.createDatabase('trap');
    const together = influxd.write('trap', [
      `m,event_type=\\\\ \\\\=",product=p value=1 ${T}`,
      `m,event_type=b,product=p value=1 ${T}`,
    ]);
    await expect(together).rejects.toThrow('400');
    expect(await sink.write(MINUTE, points)).toEqual({ rejected: [] });
    expect(sorted(await sink.read(MINUTE))).toEqual(sorted(points));
  });

  test('rejects all points of a measurement whose field has another type there, and writes the others', async () => {
    const { sink, db } = await openSink();
    await influxd.write(db, [`unique_user_event,event_type=a,product=p value=5i 1478507521000000000`]);
    const points = [...totals('a', 'p', 1, 2), ...totals('b', 'p', 3, 4)];
    const { rejected } = await sink.write(MINUTE, points);
    expect(sorted(rejected.map(({ point }) => point))).toEqual(
      sorted(points.filter(({ measurement }) => measurement === UNIQUE_USER_EVENT)),
    );
    expect(rejected[0]?.reason).toContain('field type conflict');
    expect(await sink.read(MINUTE)).toHaveLength(2);
  });

  test('tells refused points from good ones in between', async () => {
    const { sink, db } = await openSink();
    // InfluxDB takes at most 100,000 values of a tag (max-values-per-tag): known products go on, new ones are refused.
    const full = Array.from(
      { length: 100_000 },
      (_, at) => `unique_user_event,event_type=a,product=p${at} value=1 ${T}`,
    );
    await influxd.write(db, full);
    const point = (product: string): SinkPoint => ({
      measurement: 'unique_user_event',
      eventType: 'a',
      product,
      value: 2,
    });
    const good = Array.from({ length: 100 }, (_, at) => point(`p${at * 7}`));
    const bad = [point('new 1'), point('new 2'), point('new 3')];
    const mixed = [...good.slice(0, 31), bad[0]!, ...good.slice(31, 77), bad[1]!, bad[2]!, ...good.slice(77)];
    const { rejected } = await sink.write(MINUTE, mixed);
    expect(sorted(rejected.map((one) => one.point))).toEqual(sorted(bad));
    expect(rejected[0]?.reason).toContain('max-values-per-tag');
    const held = await sink.read(MINUTE);
    expect(held).toHaveLength(100_000);
    expect(sorted(held.filter(({ value }) => value === 2))).toEqual(sorted(good));
  });

  test('names the remedy where the database does not exist, and works once it does', async () => {
    const { sink, db } = await openSink({ exists: false });
    const refusal = {
      code: 'sink-refused',
      retryable: true,
      outcome: 'not-applied',
      message: expect.stringContaining(`CREATE DATABASE "${db}"`),
    };
    await expect(sink.write(MINUTE, totals('a', 'p', 1, 2))).rejects.toMatchObject(refusal);
    await expect(sink.read(MINUTE)).rejects.toMatchObject(refusal);
    await influxd.createDatabase(db);
    await sink.write(MINUTE, totals('a', 'p', 1, 2));
    expect(await sink.read(MINUTE)).toHaveLength(2);
  });

  test('that is down refuses at once, applies nothing, and works again when it is back', async () => {
    const { sink } = await openSink();
    await sink.write(MINUTE, totals('a', 'p', 1, 2));
    await influxd.kill();
    const refusal = { code: 'sink-unreachable', retryable: true };
    // The first request may still find the socket of the dead server.
    await expect(sink.write(MINUTE, totals('a', 'p', 3, 4))).rejects.toMatchObject(refusal);
    await expect(sink.write(MINUTE, totals('a', 'p', 3, 4))).rejects.toMatchObject({
      ...refusal,
      outcome: 'not-applied',
    });
    await expect(sink.read(MINUTE)).rejects.toMatchObject(refusal);
    await influxd.start();
    expect(sorted(await sink.read(MINUTE))).toEqual(sorted(totals('a', 'p', 1, 2)));
  });

  test('that is paused is given up in time, with an unknown outcome, and delays no other sink', async () => {
    const other = await startInfluxd();
    await other.createDatabase('events');
    const otherSink = new InfluxV1Sink(parseSinkUrl(`${other.url}?db=events`) as InfluxV1Spec, DEFAULT_SHAPE);
    cleanup('other sink', () => otherSink.close());
    const { sink } = await openSink({ parameters: '&timeout=400ms' });
    await influxd.pause();
    try {
      const order: string[] = [];
      const write = sink.write(MINUTE, totals('a', 'p', 1, 2)).catch((error) => {
        order.push('paused');
        throw error;
      });
      const otherWrite = otherSink.write(MINUTE, totals('a', 'p', 1, 2)).then(() => order.push('other'));
      await expect(write).rejects.toMatchObject({ code: 'sink-timeout', outcome: 'unknown', retryable: true });
      await otherWrite;
      expect(order).toEqual(['other', 'paused']);
      await expect(sink.read(MINUTE)).rejects.toMatchObject({ code: 'sink-timeout' });
      const caller = new AbortController();
      const called = sink.write(MINUTE, totals('a', 'p', 1, 2), caller.signal);
      caller.abort();
      await expect(called).rejects.toMatchObject({ code: 'sink-aborted', outcome: 'unknown' });
    } finally {
      await influxd.resume();
    }
    await sink.write(MINUTE, totals('a', 'p', 3, 4));
    await expect(sink.write(MINUTE, totals('b', 'p', 1, 2), AbortSignal.abort())).rejects.toMatchObject({
      code: 'sink-aborted',
      outcome: 'not-applied',
    });
  });
});
