import { DEFAULT_SHAPE } from '@weir/common/point-shape';
import { type InfluxV1Spec, parseSinkUrl } from '@weir/common/sink-url';
import { InfluxV1Sink } from '@weir/sinks/influx-v1';
import { LINES_PER_REQUEST } from '@weir/sinks/line-requests';
import fc from 'fast-check';
import { cleanup } from '../support/cleanup.ts';
import type { Series } from '../support/influx-points.ts';
import { type Influxd, startInfluxd } from '../support/influxd.ts';
import { startSinkProxy } from '../support/sink-proxy.ts';

/** Other lines through a real InfluxDB: what is there afterwards has to be what each line by itself would have left. */
const T = '1478507520000000000';

let influxd: Influxd;
let databases = 0;
beforeAll(async () => {
  influxd = await startInfluxd();
});

async function openSink(url = influxd.url): Promise<{ sink: InfluxV1Sink; db: string }> {
  const db = `lines ${++databases}`;
  await influxd.createDatabase(db);
  const sink = new InfluxV1Sink(parseSinkUrl(`${url}?db=${encodeURIComponent(db)}`) as InfluxV1Spec, DEFAULT_SHAPE);
  cleanup(`sink ${sink.name}`, () => sink.close());
  return { sink, db };
}

function everything(db: string): Promise<Series[]> {
  return influxd.query(db, 'SELECT * FROM /.*/ GROUP BY *');
}

describe('other lines', () => {
  test('arrive unchanged, with all types of fields, names of any kind and their nanoseconds', async () => {
    const { sink, db } = await openSink();
    const lines = [
      `cpu,host=web\\ 1,zone=a\\=b idle=98.5,cores=8i,up=true,note="it said \\"x, y\\"" ${T}`,
      `a\\,b,__proto__=😀 value="\\\\" 1478507520000000001`,
      `cpu,host=web\\ 2 idle=1e-3 1478507520000000001`,
    ];
    await expect(sink.writeLines(lines)).resolves.toEqual({ rejected: [] });
    const oneByOne = `lines ${++databases}`;
    await influxd.createDatabase(oneByOne);
    for (const line of lines) await influxd.write(oneByOne, [line]);
    const there = await everything(db);
    expect(there).toHaveLength(3);
    expect(there).toEqual(await everything(oneByOne));
  });

  test('do and leave what each would by itself, whatever they are', async () => {
    // Pieces that InfluxDB's two ways of finding a line's end disagree about stand next to sound ones.
    const piece = fc.constantFrom(
      'a',
      'm,t=x',
      ' ',
      ' ',
      'f=1',
      'f="x"',
      'g=2i',
      '"',
      '\\',
      '\\ ',
      '\\=',
      ',',
      '=',
      'é',
    );
    const garbage = fc.array(piece, { minLength: 1, maxLength: 9 }).map((pieces) => pieces.join(''));
    const sound = fc.constantFrom('m f=1', 'm f="a b"', 'm,t=x f=2', 'm,t=\\\\ \\\\=" f="q"', 'n g="\\""', 'm f=3i');
    const cut = fc.constantFrom('m f="abc', 'n g="x', 'm,t=\\\\ \\\\=" f="q', 'm f=1\\');
    const stamp = fc.constantFrom(` ${T}`, ` ${T}`, ' 1478507520000000001', ` ${T}\\`);
    const line = fc.tuple(fc.oneof(garbage, sound, sound, cut), stamp).map(([text, end]) => text + end);
    let refused = 0;
    await fc.assert(
      fc.asyncProperty(fc.array(line, { minLength: 1, maxLength: 12 }), async (lines) => {
        const together = await openSink();
        const apart = await openSink();
        const { rejected } = await together.sink.writeLines(lines);
        const rejectedApart: string[] = [];
        for (const one of lines) {
          rejectedApart.push(...(await apart.sink.writeLines([one])).rejected.map((refusal) => refusal.line));
        }
        refused += rejected.length;
        expect(rejected.map((refusal) => refusal.line)).toEqual(rejectedApart);
        expect(await everything(together.db)).toEqual(await everything(apart.db));
      }),
      { numRuns: 60 },
    );
    expect(refused).toBeGreaterThan(60);
  });

  test('that InfluxDB would make one point of are refused apart, and their neighbours are written', async () => {
    const { sink, db } = await openSink();
    const cut = [`m f="abc ${T}`, `m2 g="x ${T}`];
    await influxd.createDatabase('swallowed');
    // Confirmed, and neither is what was sent.
    await influxd.write('swallowed', cut);
    const { rejected } = await sink.writeLines([`n a=1 ${T}`, cut[0]!, `n b=2 ${T}`, cut[1]!, `n c=3 ${T}`]);
    expect(rejected).toEqual(cut.map((line) => ({ line, reason: expect.stringContaining('unbalanced quotes') })));
    expect(await everything(db)).toEqual([
      { name: 'n', columns: ['time', 'a', 'b', 'c'], values: [['2016-11-07T08:32:00Z', 1, 2, 3]] },
    ]);
  });

  test('keep their order within a series over requests and refusals', async () => {
    const { sink, db } = await openSink();
    await influxd.write(db, [`typed value=1i 1478507520000000000`]);
    const count = 2 * LINES_PER_REQUEST + 500;
    const lines = Array.from({ length: count }, (_, at) => {
      return at % 2_000 === 1_000 ? `typed value=${at}.5 ${T}` : `m,s=${at % 3} value=${at} ${T}`;
    });
    const { rejected } = await sink.writeLines(lines);
    expect(rejected.map(({ line }) => line)).toEqual(lines.filter((line) => line.startsWith('typed')));
    expect(rejected[0]?.reason).toContain('field type conflict');
    const last = new Map(lines.filter((line) => line.startsWith('m')).map((line) => [line.split(' ')[0], line]));
    const held = (await influxd.query(db, 'SELECT * FROM m GROUP BY *')).map(({ tags, values }) => {
      return `m,s=${tags?.s} value=${values[0]?.[1]} ${T}`;
    });
    expect(held.sort()).toEqual([...last.values()].sort());
  });

  test('name the reason of a refused line also where the line itself is long', async () => {
    const { sink } = await openSink();
    const line = `m,t=${'x'.repeat(60_000)} f=1x ${T}`;
    const { rejected } = await sink.writeLines([line]);
    expect(rejected).toEqual([{ line, reason: expect.stringMatching(/^unable to parse 'm,t=x.* … .*invalid number/) }]);
    expect(rejected[0]!.reason.length).toBeLessThan(400);
  });

  test('may be there when the answer is lost, and are called off with an unknown outcome', async () => {
    const proxy = await startSinkProxy({ upstream: influxd.url });
    const { sink, db } = await openSink(proxy.url);
    proxy.behave('write', { kind: 'reset-after' }, { times: 1 });
    await expect(sink.writeLines([`m f=1 ${T}`])).rejects.toMatchObject({
      code: 'sink-unreachable',
      outcome: 'unknown',
    });
    expect(await everything(db)).toHaveLength(1);
    await proxy.refuseConnections();
    const refused = { code: 'sink-unreachable', outcome: 'not-applied', retryable: true };
    // The first request may still find the socket of the closed server.
    await sink.writeLines([`m f=2 ${T}`]).catch(() => undefined);
    await expect(sink.writeLines([`m f=2 ${T}`])).rejects.toMatchObject(refused);
    await proxy.heal();
    await expect(sink.writeLines([`m f=2 ${T}`])).resolves.toEqual({ rejected: [] });
    proxy.behave('write', { kind: 'hang' });
    const caller = new AbortController();
    const writing = sink.writeLines([`m f=3 ${T}`], caller.signal);
    setImmediate(() => caller.abort());
    await expect(writing).rejects.toMatchObject({ code: 'sink-aborted', outcome: 'unknown' });
  });
});
