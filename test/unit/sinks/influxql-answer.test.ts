import { DEFAULT_SHAPE, type PointShape } from '@weir/common/point-shape';
import { InfluxqlAnswer } from '@weir/sinks/influxql-answer';
import { SinkError } from '@weir/sinks/sink';
import fc from 'fast-check';

const T = 1478507520000000000n;

function row(value: unknown, ...tags: unknown[]): string {
  return JSON.stringify(['TIME', value, ...tags]).replace('"TIME"', String(T));
}

/** One chunk as InfluxDB 1.6 sends it: a document and a newline. */
function chunk(name: string, columns: string[], rows: string[], { partial = false } = {}): string {
  const series = `{"name":"${name}","columns":${JSON.stringify(['time', 'value', ...columns])},"values":[${rows.join()}]}`;
  return `{"results":[{"statement_id":0,"series":[${series}]${partial ? ',"partial":true' : ''}}]}\n`;
}

function read(text: string, cutAt: readonly number[] = [], shape = DEFAULT_SHAPE): unknown {
  const bytes = Buffer.from(text);
  const answer = new InfluxqlAnswer('zone-a', shape, 'to make the database: CREATE DATABASE "x"');
  let from = 0;
  for (const at of [...cutAt].sort((a, b) => a - b).concat(bytes.length)) {
    answer.take(bytes.subarray(from, Math.max(from, at)));
    from = Math.max(from, at);
  }
  return answer.end();
}

const TAGS = ['event_type', 'product'];
const WHOLE =
  chunk('cumulative_user_event', TAGS, [row(5, 'a b', '🦦'), row(7, '__proto__', 'p')], { partial: true }) +
  chunk('unique_user_event', TAGS, [row(2, 'a b', '🦦')]);

describe('the answer to an InfluxQL query', () => {
  test('gives its points however the network cut it', () => {
    const expected = [
      { measurement: 'cumulative_user_event', eventType: 'a b', product: '🦦', value: 5 },
      { measurement: 'cumulative_user_event', eventType: '__proto__', product: 'p', value: 7 },
      { measurement: 'unique_user_event', eventType: 'a b', product: '🦦', value: 2 },
    ];
    expect(read(WHOLE)).toEqual(expected);
    fc.assert(
      fc.property(fc.array(fc.nat(Buffer.byteLength(WHOLE))), (cutAt) => {
        expect(read(WHOLE, cutAt)).toEqual(expected);
      }),
    );
  });

  test('gives only points of the two tags, whose value is a number', () => {
    const rows = [row(1, 'a', 'p', null, null), row(2, 'a', 'p', 'h', null), row(3, 'a', 'p', null, 'tag named value')];
    const columns = [...TAGS, 'host', 'value_1'];
    expect(
      read(chunk('unique_user_event', columns, [...rows, row('text', 'b', 'p', null, null), row(4, null, 'p')])),
    ).toEqual([{ measurement: 'unique_user_event', eventType: 'a', product: 'p', value: 1 }]);
    expect(read(chunk('unique_user_event', [], [row(1)]))).toEqual([]);
  });

  test('gives only points of the names and further tags of the deployment', () => {
    const shape: PointShape = {
      names: { unique_user_event: 'users', cumulative_user_event: 'events' },
      tags: [{ key: 'region', value: 'eu' }],
      time: 'start',
    };
    const rows = [row(1, 'a', null, 'p', 'eu'), row(2, 'b', null, 'p', null), row(3, 'c', null, 'p', 'us')];
    const columns = ['event_type', 'host', 'product', 'region'];
    const text =
      chunk('users', columns, [...rows, row(4, 'd', 'h', 'p', 'eu')]) +
      chunk('unique_user_event', TAGS, [row(5, 'a', 'p')]);
    expect(read(text, [], shape)).toEqual([
      { measurement: 'unique_user_event', eventType: 'a', product: 'p', value: 1 },
    ]);
    expect(read(chunk('users', TAGS, [row(1, 'a', 'p')]), [], shape)).toEqual([]);
  });

  test('may be empty, but only where it says so', () => {
    expect(read('{"results":[{"statement_id":0}]}\n')).toEqual([]);
    expect(() => read('')).toThrow(SinkError);
  });

  test.each([
    ['cut short between two chunks', WHOLE.slice(0, WHOLE.indexOf('\n') + 1), 'sink-bad-answer'],
    ['cut short within a chunk', WHOLE.slice(0, -20), 'sink-bad-answer'],
    ['of something that is no InfluxDB', '<html></html>', 'sink-bad-answer'],
    ['of another JSON service', '{"status":"ok"}', 'sink-bad-answer'],
    ['of the word null', 'null', 'sink-bad-answer'],
    ['that fails on the way', `${WHOLE.split('\n')[0]}\n{"results":[{"error":"timeout"}]}\n`, 'sink-refused'],
    ['that is an error as a whole', '{"error":"error parsing query"}', 'sink-refused'],
  ])('%s is an error, not a short list', (_what, text, code) => {
    expect(() => read(text)).toThrow(expect.objectContaining({ code }));
  });

  test('names the remedy when the database does not exist', () => {
    const text = '{"results":[{"statement_id":0,"error":"database not found: x"}]}';
    expect(() => read(text)).toThrow(
      'sink zone-a: query refused: database not found: x (to make the database: CREATE DATABASE "x")',
    );
  });
});
