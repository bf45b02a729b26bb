import { DEFAULT_SHAPE } from '@weir/common/point-shape';
import { type InfluxV2Spec, parseSinkUrl } from '@weir/common/sink-url';
import { TotalsReader } from '@weir/common/totals-line';
import { InfluxV2Sink } from '@weir/sinks/influx-v2';
import type { SinkPoint } from '@weir/sinks/sink';
import { articleLines } from '../support/article.ts';
import { cleanup } from '../support/cleanup.ts';
import { send } from '../support/client.ts';
import type { DebianProgram } from '../support/debian-package.ts';
import { eventuallyHolds } from '../support/eventually.ts';
import { startRegion } from '../support/region.ts';
import {
  findVictoriaMetrics,
  type Sample,
  startVictoriaMetrics,
  type VictoriaMetrics,
  whyUnavailable,
} from '../support/victoria-metrics.ts';

/**
 * A real server behind the 2.x API. VictoriaMetrics names a series `<measurement>_<field>`, has milliseconds, and no Flux,
 * so nothing is read back. Where the package cannot be had these tests say so, and that they did not run.
 */
const MINUTE = { startSec: 1478507520, windowSec: 60 };
const APT_MS = 300_000;

let program: DebianProgram | undefined;
let reason: string | undefined;

beforeAll(async () => {
  try {
    program = await findVictoriaMetrics();
  } catch (error) {
    reason = whyUnavailable(error);
    if (reason === undefined) throw error;
  }
}, APT_MS);

function againstVictoriaMetrics(name: string, run: (database: VictoriaMetrics) => Promise<void>): void {
  test(name, async () => {
    if (program) return run(await startVictoriaMetrics(program));
    process.stderr.write(`NOT RUN, VictoriaMetrics cannot be had from Debian's archive (${reason}): ${name}\n`);
  });
}

function openSink(database: VictoriaMetrics): InfluxV2Sink {
  const url = `${database.url}?org=o&bucket=b&readback=off&timeout=60s`;
  const sink = new InfluxV2Sink(parseSinkUrl(url) as InfluxV2Spec, DEFAULT_SHAPE);
  cleanup(`sink ${sink.name}`, () => sink.close());
  return sink;
}

function sampleOf({ measurement, eventType, product, value }: SinkPoint, startSec = MINUTE.startSec): Sample {
  const labels = { event_type: eventType, product };
  return { name: `${measurement}_value`, labels, value, timestampMs: startSec * 1_000 };
}

function sorted(samples: readonly Sample[]): string[] {
  return samples
    .map(({ name, labels, value, timestampMs }) => {
      return JSON.stringify([name, Object.entries(labels).sort(), value, timestampMs]);
    })
    .sort();
}

againstVictoriaMetrics(
  'a region fills it with the same numbers as an InfluxDB, also while it was away',
  async (database) => {
    const region = await startRegion({
      relays: 1,
      aggregators: 1,
      aggregatorSettings: ['--sink', `${database.url}?org=o&bucket=b&name=vm&readback=off`],
    });
    const reader = new TotalsReader(DEFAULT_SHAPE);
    const untilSame = (count: number) =>
      eventuallyHolds(
        async () => {
          const [points] = await region.points();
          const totals = points!.map((line) => reader.read(line, 60)!);
          expect(totals).toHaveLength(count);
          const expected = totals.map(({ point, startSec }) => sampleOf(point, startSec));
          expect(sorted(await database.samples())).toEqual(sorted(expected));
        },
        { what: `${count} points here and there`, timeoutMs: 40_000 },
      );
    await send(region.relays[0]!, articleLines());
    await untilSame(6);
    await send(region.relays[0]!, [
      'event_type=http-5xx,product=productA value=ada 1478507534415525888',
      'event_type=a\\ b\\,c\\=d,product=\\"é\\x value=ada 1478507534415525888',
    ]);
    await untilSame(8);
    await database.stop();
    await send(region.relays[0]!, [
      'event_type=http-5xx,product=productA value=bob 1478507534415525888',
      'event_type=http-5xx,product=productA value=bob 1478507594415525888',
    ]);
    await eventuallyHolds(async () => expect((await region.points())[0]).toHaveLength(10), {
      what: 'them in InfluxDB',
    });
    await database.start();
    await untilSame(10);
  },
);

againstVictoriaMetrics('holds large windows whole, and of two values for a point the larger one', async (database) => {
  const sink = openSink(database);
  const points = Array.from({ length: 12_000 }, (_, at): SinkPoint => {
    return { measurement: 'unique_user_event', eventType: `type ${at}`, product: 'p', value: at + 1 };
  });
  await expect(sink.write(MINUTE, points)).resolves.toEqual({ rejected: [] });
  expect(sorted(await database.samples())).toEqual(sorted(points.map((point) => sampleOf(point))));
  await sink.write(MINUTE, [{ ...points[0]!, value: 9 }]);
  await sink.write(MINUTE, [{ ...points[0]!, value: 5 }]);
  const [first] = (await database.samples()).filter(({ labels }) => labels.event_type === 'type 0');
  expect(first).toMatchObject({ value: 9 });
});

againstVictoriaMetrics('takes the numbers of other lines', async (database) => {
  const lines = [
    'cpu,host=web\\ 1 idle=98.5,cores=8i,note="text" 1478507520123000000',
    'mem free=1 1478507520124000000',
  ];
  await expect(openSink(database).writeLines(lines)).resolves.toEqual({ rejected: [] });
  expect(sorted(await database.samples())).toEqual(
    sorted([
      { name: 'cpu_idle', labels: { host: 'web 1' }, value: 98.5, timestampMs: 1478507520123 },
      { name: 'cpu_cores', labels: { host: 'web 1' }, value: 8, timestampMs: 1478507520123 },
      // A text is no number, and is taken for one.
      { name: 'cpu_note', labels: { host: 'web 1' }, value: 0, timestampMs: 1478507520123 },
      { name: 'mem_free', labels: {}, value: 1, timestampMs: 1478507520124 },
    ]),
  );
});
