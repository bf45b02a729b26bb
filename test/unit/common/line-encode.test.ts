import { PointLines, pointSec, type TotalsPoint } from '@weir/common/line-encode';
import { DEFAULT_SHAPE, type PointShape } from '@weir/common/point-shape';
import fc from 'fast-check';

const MINUTE = 1478507520;

/** A line in the default shape, or in one that differs in what is given. */
function encoded(point: TotalsPoint, startSec = MINUTE, shape: Partial<PointShape> = {}): string {
  return new PointLines({ ...DEFAULT_SHAPE, ...shape }).line(point, { startSec, windowSec: 60 });
}

function point(fields: Partial<TotalsPoint>): TotalsPoint {
  return { measurement: 'unique_user_event', eventType: 'http-5xx', product: 'productA', value: 1, ...fields };
}

/** Reads a line as InfluxDB's models/points.go does: a delimiter counts unless the one character before it is a backslash. */
function readTags(line: string): { measurement: string; tags: Map<string, string>; rest: string } {
  const parts: string[] = [];
  let from = 0;
  let at = 0;
  for (; line[at] !== ' ' || line[at - 1] === '\\'; at++) {
    if (line[at] === ',' && line[at - 1] !== '\\') {
      parts.push(line.slice(from, at));
      from = at + 1;
    }
  }
  parts.push(line.slice(from, at));
  const [measurement = '', ...pairs] = parts;
  const tags = new Map<string, string>();
  for (const pair of pairs) {
    const equals = [...pair.matchAll(/=/g)].map(({ index }) => index).filter((index) => pair[index - 1] !== '\\');
    expect(equals).toHaveLength(1);
    // unescapeTag: one pass for each of the three, in this order.
    const value = pair
      .slice(equals[0]! + 1)
      .replaceAll('\\,', ',')
      .replaceAll('\\ ', ' ')
      .replaceAll('\\=', '=');
    tags.set(pair.slice(0, equals[0]), value);
  }
  return { measurement, tags, rest: line.slice(at + 1) };
}

const tag = fc
  .oneof(
    fc.string({ unit: fc.constantFrom('\\', ',', ' ', '=', '"', "'", 'a', 'é', '😀'), minLength: 1, maxLength: 12 }),
    fc.string({ unit: 'grapheme', minLength: 1, maxLength: 30 }),
    fc.constantFrom('__proto__', 'constructor', 'value', 'event_type', '#', '1', 'true'),
  )
  // biome-ignore lint/suspicious/noControlCharactersInRegex: what the relay refuses
  .filter((text) => !/[\u0000-\u001f\u007f]|\\$/.test(text));

describe('totals as line protocol', () => {
  test('are the lines of the contract: event type before product, a float, nanoseconds', () => {
    expect(encoded(point({ value: 2 }))).toBe(
      'unique_user_event,event_type=http-5xx,product=productA value=2 1478507520000000000',
    );
    expect(encoded(point({ measurement: 'cumulative_user_event' }), 0)).toBe(
      'cumulative_user_event,event_type=http-5xx,product=productA value=1 0',
    );
  });

  test.each([
    ['a comma', 'a,b', 'a\\,b'],
    ['a space', 'a b', 'a\\ b'],
    ['an equals sign', 'a=b', 'a\\=b'],
    ['a backslash, which stays as it is', 'a\\b', 'a\\b'],
    ['a backslash before a comma', 'a\\,b', 'a\\\\,b'],
    ['quotes', '"a"', '"a"'],
    ['an emoji', '🦦', '🦦'],
    ['a name that JavaScript objects lose', '__proto__', '__proto__'],
  ])('write %s as InfluxDB reads it', (_what, value, written) => {
    expect(encoded(point({ eventType: value }))).toContain(`event_type=${written},product=productA `);
    expect(encoded(point({ product: value }))).toContain(`,product=${written} value=`);
  });

  test('come back unchanged from InfluxDB’s way of reading tags, whatever the names', () => {
    fc.assert(
      fc.property(tag, tag, (eventType, product) => {
        const { measurement, tags, rest } = readTags(encoded(point({ eventType, product })));
        expect(measurement).toBe('unique_user_event');
        expect([...tags]).toEqual([
          ['event_type', eventType],
          ['product', product],
        ]);
        expect(rest).toBe('value=1 1478507520000000000');
      }),
      { numRuns: 2_000 },
    );
  });

  test.each(['', 'a\\', 'a\nb', 'a\0b', '\t'])('are not made from a tag the relay lets nobody use: %j', (value) => {
    expect(() => encoded(point({ product: value }))).toThrow(RangeError);
  });

  test.each([Number.NaN, Number.POSITIVE_INFINITY])('are not made from %s', (value) => {
    expect(() => encoded(point({ value }))).toThrow(RangeError);
  });

  test('carry the names, tags and time that the deployment gives them, tags sorted by key', () => {
    const shape: PointShape = {
      names: { unique_user_event: 'users, all', cumulative_user_event: 'events' },
      tags: [
        { key: 'a', value: '1' },
        { key: 'host', value: 'h 1' },
        { key: 'z=', value: '2' },
      ],
      time: 'end',
    };
    expect(encoded(point({}), MINUTE, shape)).toBe(
      'users\\,\\ all,a=1,event_type=http-5xx,host=h\\ 1,product=productA,z\\==2 value=1 1478507580000000000',
    );
    expect(encoded(point({ measurement: 'cumulative_user_event' }), MINUTE, shape)).toMatch(/^events,a=1,event_type/);
    expect(pointSec({ startSec: MINUTE, windowSec: 60 }, shape)).toBe(MINUTE + 60);
    expect(pointSec({ startSec: MINUTE, windowSec: 60 }, DEFAULT_SHAPE)).toBe(MINUTE);
  });

  test.each(['', 'a\\', 'a\\"b', 'a\nb', '#a'])('have no measurement that would be none: %j', (name) => {
    const names = { unique_user_event: name, cumulative_user_event: 'b' };
    expect(() => encoded(point({}), MINUTE, { names })).toThrow(RangeError);
  });
});
