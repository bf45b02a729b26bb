import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Writable } from 'node:stream';
import { silentLogger } from '@weir/common/logger';
import { DEFAULT_SHAPE } from '@weir/common/point-shape';
import { parseSinkUrls } from '@weir/common/sink-url';
import { FileSink } from '@weir/sinks/file';
import { InfluxV1Sink } from '@weir/sinks/influx-v1';
import { InfluxV2Sink } from '@weir/sinks/influx-v2';
import { openSink } from '@weir/sinks/open-sink';
import type { SinkPoint } from '@weir/sinks/sink';
import { StdoutSink } from '@weir/sinks/stdout';
import { tempDir } from '../support/temp-dir.ts';

const MINUTE = { startSec: 1478507520, windowSec: 60 };
const POINTS: SinkPoint[] = [
  { measurement: 'unique_user_event', eventType: 'a b', product: 'p', value: 1 },
  { measurement: 'cumulative_user_event', eventType: 'a b', product: 'p', value: 2 },
];
const LINES =
  'unique_user_event,event_type=a\\ b,product=p value=1 1478507520000000000\n' +
  'cumulative_user_event,event_type=a\\ b,product=p value=2 1478507520000000000\n';

async function openFile(): Promise<{ sink: FileSink; path: string }> {
  const path = join(await tempDir('sink'), 'totals.lp');
  return { sink: new FileSink({ kind: 'file', name: 'file:totals.lp', path }, DEFAULT_SHAPE), path };
}

describe('a file sink', () => {
  test('appends its lines in the order of the points', async () => {
    const { sink, path } = await openFile();
    await expect(sink.write(MINUTE, POINTS)).resolves.toEqual({ rejected: [] });
    expect(await readFile(path, 'utf8')).toBe(LINES);
    await sink.write(MINUTE, POINTS);
    expect(await readFile(path, 'utf8')).toBe(LINES + LINES);
    expect(sink.readable).toBe(false);
    await sink.close();
  });

  test('appends other lines as they are, and refuses what is none', async () => {
    const { sink, path } = await openFile();
    const lines = ['clicks,host=a\\ b n=3i,t="x" 1478507520000000000', 'cpu value=1 1478507520000000001'];
    await expect(sink.writeLines([lines[0]!, 'a\nb', lines[1]!, '# no line'])).resolves.toEqual({
      rejected: [
        { line: 'a\nb', reason: expect.stringContaining('newline') },
        { line: '# no line', reason: expect.stringContaining('comment') },
      ],
    });
    expect(await readFile(path, 'utf8')).toBe(`${lines[0]}\n${lines[1]}\n`);
    const calledOff = sink.writeLines(lines, AbortSignal.abort());
    await expect(calledOff).rejects.toMatchObject({ code: 'sink-aborted', outcome: 'not-applied' });
  });

  test('keeps the lines of windows written at the same time apart', async () => {
    const { sink, path } = await openFile();
    const many = Array.from({ length: 3_000 }, (_, at): SinkPoint => ({ ...POINTS[0]!, product: `p${at}` }));
    const windows = Array.from({ length: 5 }, (_, at) => ({ startSec: 60 * (at + 1), windowSec: 60 }));
    await Promise.all(windows.map((window) => sink.write(window, many)));
    const lines = (await readFile(path, 'utf8')).trimEnd().split('\n');
    expect(lines).toHaveLength(15_000);
    expect(new Set(lines.map((line) => /value=1 (\d+)$/.exec(line)?.[1]))).toEqual(
      new Set(windows.map(({ startSec }) => `${startSec}000000000`)),
    );
  });

  test('begins a new line where an earlier write was cut in the middle of one', async () => {
    const { sink, path } = await openFile();
    await writeFile(path, 'unique_user_event,event_ty');
    await sink.write(MINUTE, POINTS);
    expect(await readFile(path, 'utf8')).toBe(`unique_user_event,event_ty\n${LINES}`);
  });

  test('follows its path when the file is moved away', async () => {
    const { sink, path } = await openFile();
    await sink.write(MINUTE, POINTS);
    await rename(path, `${path}.1`);
    await sink.write(MINUTE, POINTS);
    expect(await readFile(path, 'utf8')).toBe(LINES);
  });

  test('says what is wrong with the path, and works once it is right', async () => {
    const { sink, path } = await openFile();
    await mkdir(path);
    const fault = { code: 'sink-unavailable', retryable: true, outcome: 'not-applied' };
    await expect(sink.write(MINUTE, POINTS)).rejects.toMatchObject(fault);
    await expect(sink.write(MINUTE, POINTS)).rejects.toThrow(`cannot append to ${path} (EISDIR)`);
    await rename(path, `${path}.dir`);
    await sink.write(MINUTE, POINTS);
    expect(await readFile(path, 'utf8')).toBe(LINES);
  });
});

describe('a stdout sink', () => {
  test('prints its lines and does not end the stream', async () => {
    const printed: string[] = [];
    const stream = new Writable({
      write(chunk, _encoding, done) {
        printed.push(String(chunk));
        done();
      },
    });
    const sink = new StdoutSink({ kind: 'stdout', name: 'stdout' }, stream, DEFAULT_SHAPE);
    await expect(sink.write(MINUTE, POINTS)).resolves.toEqual({ rejected: [] });
    await expect(sink.writeLines(['cpu value=1 1', 'cpu value=2 2'])).resolves.toEqual({ rejected: [] });
    await sink.close();
    expect(printed.join('')).toBe(`${LINES}cpu value=1 1\ncpu value=2 2\n`);
    expect(stream.writable).toBe(true);
    expect(stream.listenerCount('error')).toBe(0);
  });

  test('reports a closed pipe to the write that met it', async () => {
    const stream = new Writable({
      write(_chunk, _encoding, done) {
        done(Object.assign(new Error('write EPIPE'), { code: 'EPIPE' }));
      },
    });
    const sink = new StdoutSink({ kind: 'stdout', name: 'stdout' }, stream, DEFAULT_SHAPE);
    await expect(sink.write(MINUTE, POINTS)).rejects.toMatchObject({
      code: 'sink-unavailable',
      message: 'sink stdout: the output is closed (EPIPE)',
    });
    await expect(sink.writeLines(['cpu value=1 1'])).rejects.toMatchObject({ code: 'sink-unavailable' });
  });
});

test('every kind of sink URL opens its sink, and none needs its server for that', async () => {
  const specs = parseSinkUrls([
    'http://127.0.0.1:1?db=x',
    'https://127.0.0.1:1?org=o&bucket=b&readback=off',
    'file:/nowhere/x.lp',
    'stdout:',
  ]);
  const stdout = new Writable();
  const sinks = specs.map((spec) => openSink(spec, { shape: DEFAULT_SHAPE, stdout, logger: silentLogger }));
  expect(sinks.map((sink) => [sink.constructor, sink.name, sink.readable])).toEqual([
    [InfluxV1Sink, '127.0.0.1:1/x', true],
    [InfluxV2Sink, '127.0.0.1:1/b', false],
    [FileSink, 'file:x.lp', false],
    [StdoutSink, 'stdout', false],
  ]);
  await Promise.all(sinks.map((sink) => sink.close()));
});
