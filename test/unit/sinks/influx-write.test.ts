import { HttpError } from '@influxdata/influxdb-client';
import { PointLines } from '@weir/common/line-encode';
import { DEFAULT_SHAPE } from '@weir/common/point-shape';
import { writeLines, writePoints } from '@weir/sinks/influx-write';
import { LINES_PER_REQUEST } from '@weir/sinks/line-requests';
import { SinkError, type SinkPoint } from '@weir/sinks/sink';
import fc from 'fast-check';

const WINDOW = { startSec: 1478507520, windowSec: 60 };
const LINES = new PointLines(DEFAULT_SHAPE);

function pointsOf(count: number, measurement: SinkPoint['measurement'] = 'unique_user_event'): SinkPoint[] {
  return Array.from({ length: count }, (_, at) => ({ measurement, eventType: `t${at}`, product: 'p', value: at + 1 }));
}

function answered(status: number, error: string, outcome: 'not-applied' | 'unknown' = 'not-applied'): SinkError {
  const cause = new HttpError(status, 'refused', JSON.stringify({ error }), null, 'application/json');
  return new SinkError(status >= 500 ? 'sink-unavailable' : 'sink-refused', error, { outcome, cause });
}

/** InfluxDB as far as a partial write goes: keeps the good lines of a request and refuses the others in one answer. */
class Database {
  readonly kept = new Set<string>();
  requests = 0;
  readonly #isBad: (line: string) => boolean;
  readonly #saysDropped: boolean;

  constructor(isBad: (line: string) => boolean, { saysDropped }: { saysDropped: boolean }) {
    this.#isBad = isBad;
    this.#saysDropped = saysDropped;
  }

  send = async (lines: string[]): Promise<void> => {
    this.requests++;
    const bad = lines.filter(this.#isBad);
    for (const line of lines) if (!this.#isBad(line)) this.kept.add(line);
    if (bad.length === 0) return;
    throw answered(400, `partial write: no good dropped=${this.#saysDropped ? bad.length : 0}`);
  };
}

const nameOf = (line: string) => /event_type=(\w+),/.exec(line)?.[1] ?? '';

describe('points written to InfluxDB', () => {
  test('are split into good and refused ones, whichever InfluxDB refuses and whether or not it counts them', async () => {
    const someBad = fc.array(fc.nat(99), { maxLength: 20 });
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 1, max: 100 }), someBad, fc.boolean(), async (count, badAt, saysDropped) => {
        const bad = new Set(badAt.filter((at) => at < count).map((at) => `t${at}`));
        const database = new Database((line) => bad.has(nameOf(line)), { saysDropped });
        const { rejected } = await writePoints(LINES, WINDOW, pointsOf(count), database.send);
        expect(rejected.map(({ point }) => point.eventType).sort()).toEqual([...bad].sort());
        expect([...database.kept].map(nameOf).sort()).toEqual(
          pointsOf(count)
            .map(({ eventType }) => eventType)
            .filter((name) => !bad.has(name))
            .sort(),
        );
      }),
    );
  });

  test('that are all refused cost one request where InfluxDB counts them, and keep its words', async () => {
    const database = new Database((line) => line.startsWith('unique'), { saysDropped: true });
    const points = [...pointsOf(100), ...pointsOf(100, 'cumulative_user_event')];
    const { rejected } = await writePoints(LINES, WINDOW, points, database.send);
    expect(rejected).toHaveLength(100);
    expect(rejected[0]).toEqual({
      point: points[0],
      line: 'unique_user_event,event_type=t0,product=p value=1 1478507520000000000',
      reason: 'partial write: no good dropped=100',
    });
    expect(database.requests).toBe(2);
    expect(database.kept.size).toBe(100);
  });

  test('go in requests of a bounded size', async () => {
    const sizes: number[] = [];
    const result = await writePoints(LINES, WINDOW, pointsOf(2 * LINES_PER_REQUEST + 1), async (lines) => {
      sizes.push(lines.length);
    });
    expect(sizes).toEqual([LINES_PER_REQUEST, LINES_PER_REQUEST, 1]);
    expect(result.rejected).toEqual([]);
  });

  test('go in smaller requests to a server that finds them too large', async () => {
    const kept: string[] = [];
    const { rejected } = await writePoints(LINES, WINDOW, pointsOf(10), async (lines) => {
      if (lines.length > 3) throw answered(413, 'Request Entity Too Large');
      kept.push(...lines);
    });
    expect(kept).toHaveLength(10);
    expect(rejected).toEqual([]);
  });

  test('are never given up for an answer that is not about points', async () => {
    for (const fault of [
      answered(400, 'database is required'),
      answered(404, 'unable to parse'),
      answered(413, 'too large'),
    ]) {
      const writing = writePoints(LINES, WINDOW, pointsOf(1), () => Promise.reject(fault));
      await expect(writing).rejects.toBe(fault);
    }
  });

  test('may be there when a later request fails, so the failure says that the outcome is unknown', async () => {
    let requests = 0;
    const fault = answered(429, 'slow down');
    const writing = writePoints(LINES, WINDOW, pointsOf(LINES_PER_REQUEST + 1), async () => {
      if (++requests > 1) throw fault;
    });
    await expect(writing).rejects.toMatchObject({ code: fault.code, outcome: 'unknown', cause: fault });
    const first = writePoints(LINES, WINDOW, pointsOf(2), () => Promise.reject(fault));
    await expect(first).rejects.toMatchObject({ outcome: 'not-applied' });
  });

  test('let a bug of ours through as it is', async () => {
    const bug = new TypeError('not a fault of the world');
    await expect(writePoints(LINES, WINDOW, pointsOf(2), () => Promise.reject(bug))).rejects.toBe(bug);
  });
});

describe('other lines written to InfluxDB', () => {
  const at = (series: number, value: number) => `m,s=${series} value=${value} 1478507520000000000`;

  test('leave each series with its last good line, whichever are refused', async () => {
    const line = fc.record({ series: fc.nat(4), bad: fc.boolean() });
    await fc.assert(
      fc.asyncProperty(fc.array(line, { maxLength: 60 }), fc.boolean(), async (shapes, saysDropped) => {
        const lines = shapes.map(({ series }, value) => at(series, value));
        const bad = new Set(lines.filter((_, i) => shapes[i]!.bad));
        const series = new Map<string, string>();
        const database = new Database((text) => bad.has(text), { saysDropped });
        const { rejected } = await writeLines(lines, (sent) => {
          for (const text of sent) if (!bad.has(text)) series.set(text.split(' ')[0]!, text);
          return database.send(sent);
        });
        expect(rejected.map(({ line }) => line)).toEqual([...bad]);
        const expected = new Map<string, string>();
        for (const text of lines) if (!bad.has(text)) expected.set(text.split(' ')[0]!, text);
        expect(series).toEqual(expected);
      }),
    );
  });

  test('are refused where they are no line, or several, and are not sent then', async () => {
    const sent: string[] = [];
    const lines = ['', ' \t', '# a comment', '  #', 'm f="a\nb" 1', at(1, 1)];
    const { rejected } = await writeLines(lines, async (some) => {
      sent.push(...some);
    });
    expect(rejected.map(({ line }) => line)).toEqual(lines.slice(0, 5));
    expect(new Set(rejected.map(({ reason }) => reason))).toEqual(
      new Set(['is blank or a comment', 'holds a newline, so it is not one line']),
    );
    expect(sent).toEqual([at(1, 1)]);
  });

  test('that are none need no request', async () => {
    await expect(writeLines([], () => Promise.reject(new Error('sent')))).resolves.toEqual({ rejected: [] });
  });

  test('are refused one by one where one alone is too large, and hold nobody up', async () => {
    const lines = [at(1, 1), `m f="${'x'.repeat(2_000)}" 1`, at(2, 2)];
    const { rejected } = await writeLines(lines, async (some) => {
      if (some.join('\n').length > 1_000) throw answered(413, 'Request Entity Too Large');
    });
    expect(rejected).toEqual([{ line: lines[1], reason: 'Request Entity Too Large' }]);
  });
});
