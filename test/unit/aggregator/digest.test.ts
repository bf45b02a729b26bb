import { type Digest, type DigestContext, digestEntry } from '@weir/aggregator/digest';
import { GroupTable } from '@weir/aggregator/group-table';
import { windowStartSec } from '@weir/common/window';
import fc from 'fast-check';
import { entryOf, eventOf, lineOf, type TestEvent } from '../../support/event-lines.ts';

const KEY = { k0: 11, k1: 22 };

function context(fields: Partial<DigestContext> = {}): DigestContext {
  const key = fields.key ?? KEY;
  return { key, groups: new GroupTable(key), identity: 'content', windowSec: 60, ...fields };
}

function digest(lines: readonly (TestEvent | string)[], how: Partial<DigestContext> = {}): Digest {
  const made = digestEntry(entryOf('1-0', lines), context(how));
  if (!made) throw new Error('the entry is unreadable as a whole');
  return made;
}

function identities({ length, identityHi, identityLo }: Digest): string[] {
  return Array.from({ length }, (_, i) => `${identityHi[i]}:${identityLo[i]}`);
}

function users({ length, userHi, userLo }: Digest): string[] {
  return Array.from({ length }, (_, i) => `${userHi[i]}:${userLo[i]}`);
}

const name = fc
  .oneof(
    fc.constantFrom('__proto__', 'a b', 'a,b', 'a=b', 'a\\b', '🦦', 'constructor', 'é'),
    fc.string({ unit: fc.constantFrom('a', 'b', ' ', ',', '=', '\\', '"', '🦦'), minLength: 1, maxLength: 6 }),
  )
  .filter((text) => !text.endsWith('\\'));
const anEvent: fc.Arbitrary<TestEvent> = fc.record(
  {
    eventType: name,
    product: name,
    username: name,
    sec: fc.integer({ min: 0, max: 600 }),
    nanos: fc.integer({ min: 0, max: 999_999_999 }),
    id: fc.oneof(name, fc.constant('')),
  },
  { requiredKeys: ['eventType', 'product', 'username', 'sec'] },
);

describe('a digest', () => {
  test('finds of every line its window, group, user and place', () => {
    const events = [
      eventOf(),
      eventOf({ product: 'b', sec: 1_478_507_595 }),
      eventOf({ username: 'u2', sec: 1_478_507_520 }),
    ];
    const made = digest(events);
    expect(made.length).toBe(3);
    expect(made.windows).toEqual([1_478_507_520, 1_478_507_580]);
    expect([...made.window]).toEqual([0, 1, 0]);
    expect(made.group.map(({ eventType, product }) => [eventType, product])).toEqual([
      ['http-5xx', 'productA'],
      ['http-5xx', 'b'],
      ['http-5xx', 'productA'],
    ]);
    for (const [i, event] of events.entries()) {
      expect(made.entry.lines.toString('utf8', made.lineStart[i], made.lineEnd[i])).toBe(lineOf(event));
    }
    expect(made.unreadable).toEqual([]);
    expect(made.key).toBe(KEY);
  });

  test('sees the same event in both forms of a line, with other tags and fields around it', () => {
    const event = eventOf({ product: 'a b', username: 'user 1', id: 'x' });
    const made = digest([
      lineOf(event),
      lineOf(event, 'quoted'),
      'm,host=h,product=a\\ b,z=1,event_type=http-5xx n=3i,id="x",value="user 1",f="," 1478507534000000000',
    ]);
    expect(new Set(identities(made)).size).toBe(1);
    expect(new Set(users(made)).size).toBe(1);
    expect(new Set(made.group).size).toBe(1);
  });

  test('gives two lines one identity exactly when group, user, nanosecond and id are the same, whatever the names', () => {
    fc.assert(
      fc.property(fc.array(anEvent, { minLength: 2, maxLength: 12 }), fc.array(fc.boolean()), (events, forms) => {
        const made = digest(events.map((event, i) => lineOf(event, forms[i] ? 'quoted' : 'bare')));
        expect(made.unreadable).toEqual([]);
        const keys = events.map(({ eventType, product, username, sec, nanos = 0, id }) =>
          JSON.stringify([eventType, product, username, sec, nanos, id ?? null]),
        );
        const seen = identities(made);
        for (let i = 0; i < events.length; i++) {
          expect(made.group[i]).toMatchObject({ eventType: events[i]!.eventType, product: events[i]!.product });
          expect(made.windows[made.window[i]!]).toBe(windowStartSec(events[i]!.sec, 60));
          for (let j = 0; j < i; j++) expect(seen[i] === seen[j]).toBe(keys[i] === keys[j]);
        }
      }),
      { numRuns: 300 },
    );
  });

  test('keeps lines that nobody can read apart, with their place, and digests the good ones around them', () => {
    const bad = ['', '# a comment', 'cpu usage=1 1478507534000000000', 'event_type=a,product=b value=u', '\u0001'];
    const good = [eventOf({ username: 'u1' }), eventOf({ username: 'u2' })];
    const made = digest([good[0]!, ...bad, good[1]!]);
    expect(made.length).toBe(2);
    expect(made.unreadable.map(({ start, end }) => made.entry.lines.toString('utf8', start, end))).toEqual(bad);
    expect(made.entry.lines.toString('utf8', made.lineStart[1], made.lineEnd[1])).toBe(lineOf(good[1]!));
  });

  test('reads a last line without its newline', () => {
    const entry = entryOf('1-0', [eventOf()]);
    const made = digestEntry({ ...entry, lines: entry.lines.subarray(0, -1) }, context());
    expect(made).toMatchObject({ length: 1, unreadable: [] });
  });

  test.each([
    ['more lines than it says', 1],
    ['fewer lines than it says', 3],
  ])('is not made of an entry with %s: its books could not balance', (_what, lineCount) => {
    expect(digestEntry(entryOf('1-0', [eventOf(), 'broken'], { lineCount }), context())).toBeUndefined();
  });

  test.each(['1', '1,2,3', undefined])('is not made of two lines of a request whose numbers are %p', (lineNumbers) => {
    const numbered = lineNumbers === undefined ? {} : { lineNumbers };
    const entry = entryOf('1-0', [eventOf(), eventOf()], { idempotencyKey: 'k', ...numbered });
    expect(digestEntry(entry, context())).toBeUndefined();
    expect(digestEntry({ ...entry, lineNumbers: '1,2' }, context())).toMatchObject({ length: 2 });
  });
});

describe('a digest by arrival', () => {
  const arrival = (id: string, lines: readonly (TestEvent | string)[], fields: object = {}) =>
    digestEntry(entryOf(id, lines, fields), context({ identity: 'arrival' }))!;

  test('makes an event of its own of every line, and the same ones when the batch comes again', () => {
    const made = identities(arrival('1-0', [eventOf(), eventOf(), eventOf()]));
    expect(new Set(made).size).toBe(3);
    expect(identities(arrival('9-9', [eventOf(), eventOf(), eventOf()], { batch: entryOf('1-0', []).batch }))).toEqual(
      made,
    );
  });

  test('counts the places of unreadable lines, so that the others keep theirs', () => {
    const whole = identities(arrival('1-0', [eventOf(), eventOf(), eventOf()]));
    expect(identities(arrival('1-0', [eventOf(), 'broken', eventOf()]))).toEqual([whole[0], whole[2]]);
  });

  test('of a request with an Idempotency-Key is the same however relays cut the request into batches', () => {
    const lines = [1, 2, 3, 4].map((n) => eventOf({ username: `u${n}` }));
    const keyed = (id: string, part: TestEvent[], lineNumbers: string) =>
      identities(arrival(id, part, { idempotencyKey: 'order 7', lineNumbers }));
    const once = keyed('1-0', lines, '1,2,5,9');
    const cut = [...keyed('2-0', lines.slice(0, 1), '1'), ...keyed('3-0', lines.slice(1), '2,5,9')];
    expect(cut).toEqual(once);
    expect(new Set(once).size).toBe(4);
    expect(keyed('4-0', lines, '1,2,5,10')[3]).not.toBe(once[3]);
  });

  test('still knows one user as one user', () => {
    expect(new Set(users(arrival('1-0', [eventOf(), eventOf({ nanos: 7 })]))).size).toBe(1);
  });
});
