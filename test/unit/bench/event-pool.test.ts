import { EventPool, type EventShape, weirLine } from '../../../bench/load/event-pool.ts';
import { ExpectedTotals, expectTotals, totalsKey } from '../../../bench/load/expected-totals.ts';
import { stampsOfNow, stampsWithin } from '../../../bench/load/stamps.ts';
import { statsdLine } from '../../../bench/peers/statsd.ts';

const SHAPE: EventShape = { groups: 6, users: 10, pairs: 30 };
const poolOf = (linesPerBody: number, connections = 1) =>
  new EventPool({ shape: SHAPE, form: weirLine, linesPerBody, connections });

describe('a pool of events', () => {
  test('has as many different pairs, groups and users as it is asked for', () => {
    const pool = poolOf(30);
    const lines = pool.bodies[0]!.bytes.toString().trim().split('\n');
    const heads = lines.map((line) => line.slice(0, line.lastIndexOf(' ')));
    expect(new Set(heads).size).toBe(30);
    expect(new Set(heads.map((head) => head.split(' ')[0])).size).toBe(6);
    expect(new Set(heads.map((head) => head.split('value=')[1])).size).toBe(10);
  });

  test('holds all pairs where bodies are small, in as many bodies for each connection', () => {
    const pool = poolOf(7, 3);
    expect(pool.bodies).toHaveLength(6);
    const lines = pool.bodies.flatMap(({ bytes }) => bytes.toString().trim().split('\n'));
    expect(new Set(lines).size).toBe(30);
  });

  test('patches nothing but the timestamps, each a nanosecond after the one before', () => {
    const [body] = poolOf(3).bodies;
    body!.stamp(1_478_507_534, 41);
    const first = body!.bytes.toString();
    body!.stamp(1_478_507_534, 999_999_997);
    const second = body!.bytes.toString();
    body!.stamp(1_478_507_535, 0);
    const third = body!.bytes.toString();
    const times = (text: string) => [...text.matchAll(/ (\d{19})\n/g)].map(([, time]) => time);
    expect(times(first)).toEqual(['1478507534000000041', '1478507534000000042', '1478507534000000043']);
    expect(times(second).at(-1)).toBe('1478507534999999999');
    expect(times(third)[0]).toBe('1478507535000000000');
    const heads = (text: string) => text.replace(/ \d{19}\n/g, '\n');
    expect(heads(third)).toBe(heads(first));
  });

  test('leaves lines without timestamps as they are', () => {
    const pool = new EventPool({ shape: SHAPE, form: statsdLine, linesPerBody: 2, connections: 1 });
    const before = pool.bodies[0]!.bytes.toString();
    pool.bodies[0]!.stamp(1_478_507_534, 1);
    expect(pool.bodies[0]!.bytes.toString()).toBe(before);
    expect(before).toMatch(/^product0\.type\d:1\|c\nproduct0\.type\d:user\d\|s\n/);
  });

  test.each([
    { groups: 6, users: 10, pairs: 9 },
    { groups: 2, users: 3, pairs: 7 },
  ])('refuses %j, which cannot be', (shape) => {
    expect(() => new EventPool({ shape, form: weirLine, linesPerBody: 1, connections: 1 })).toThrow(RangeError);
  });
});

describe('what must have been counted', () => {
  /** From the text of the bodies, line by line. */
  const countedByHand = (texts: readonly string[]) => {
    const groups = new Map<string, { events: number; users: Set<string> }>();
    for (const line of texts.flatMap((text) => text.trim().split('\n'))) {
      const [, eventType, product, user] = /^event_type=([^,]+),product=(\S+) value=(\S+) /.exec(line)!;
      const key = totalsKey({ windowSec: 60, eventType: eventType!, product: product! });
      const group = groups.get(key) ?? { events: 0, users: new Set() };
      group.events++;
      group.users.add(user!);
      groups.set(key, group);
    }
    return new Map([...groups].map(([key, { events, users }]) => [key, { events, users: users.size }]));
  };

  test('is what stands in the bodies that were sent', () => {
    const pool = poolOf(7, 3);
    const expected = new ExpectedTotals(pool);
    const sent = [0, 1, 1, 4];
    for (const body of sent) expected.add(60, body);
    expect(expected.events).toBe(28);
    expect(expected.totals()).toEqual(countedByHand(sent.map((body) => pool.bodies[body]!.bytes.toString())));
  });

  test('is apart per window, and adds up when loads are merged', () => {
    const pool = poolOf(30);
    const one = new ExpectedTotals(pool);
    one.add(60, 0);
    const other = new ExpectedTotals(pool);
    other.add(60, 0);
    other.add(120, 0);
    one.merge(other);
    const key = (windowSec: number) => totalsKey({ windowSec, eventType: 'type0', product: 'product0' });
    expect(one.totals().get(key(60))).toEqual({ events: 10, users: 5 });
    expect(one.totals().get(key(120))).toEqual({ events: 5, users: 5 });
  });

  test('names what differs', () => {
    const held = new Map([['60 a b', { events: 1, users: 1 }]]);
    expect(() => expectTotals('it', held, held)).not.toThrow();
    const more = new Map([...held, ['60 a c', { events: 2, users: 1 }]]);
    expect(() => expectTotals('it', held, more)).toThrow('60 a c: nothing, expected 2 events of 1 users');
    expect(() => expectTotals('it', more, held)).toThrow('60 a c: 2 events of 1 users, expected nothing');
  });
});

describe('stamps', () => {
  test('go on where the last request of that window ended, and stay within a second', () => {
    const next = stampsWithin([60, 120]);
    expect(next(5)).toEqual({ windowSec: 60, sec: 60, nanos: 0 });
    expect(next(5)).toEqual({ windowSec: 120, sec: 120, nanos: 0 });
    expect(next(999_999_996)).toEqual({ windowSec: 60, sec: 61, nanos: 0 });
    expect(next(1)).toEqual({ windowSec: 120, sec: 120, nanos: 5 });
    expect(next(4)).toEqual({ windowSec: 60, sec: 61, nanos: 999_999_996 });
    next(1);
    expect(next(1)).toEqual({ windowSec: 60, sec: 62, nanos: 0 });
  });

  test('of now are never the same twice, even where the clock stands still', () => {
    let nowMs = 90_000.25;
    const next = stampsOfNow(() => nowMs, 60);
    expect(next(10)).toEqual({ windowSec: 60, sec: 90, nanos: 250_000 });
    expect(next(10)).toEqual({ windowSec: 60, sec: 90, nanos: 250_010 });
    nowMs = 119_999.999_999;
    expect(next(10)).toEqual({ windowSec: 120, sec: 120, nanos: 0 });
  });
});
