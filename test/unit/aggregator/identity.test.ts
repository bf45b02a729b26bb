import { hashArrival, hashArrivalHead, hashContent, hashUser } from '@weir/aggregator/identity';
import { type HashKey, hashHi, hashLo } from '@weir/common/hash';
import { Span } from '@weir/common/line-protocol';
import fc from 'fast-check';

const KEY: HashKey = { k0: 0x1234, k1: 0x5678 };
const LAST_SEC = 9_223_372_036;

function span(text: string): Span {
  const made = new Span();
  made.bytes = Buffer.from(`..${text}..`);
  made.start = 2;
  made.end = made.bytes.length - 2;
  return made;
}

function user(username: string, group: readonly [number, number] = [1, 2], key = KEY): string {
  hashUser(key, ...group, span(username));
  return `${hashHi}:${hashLo}`;
}

function content(sec: number, nanos: number, id?: string, userHash: readonly [number, number] = [3, 4]): string {
  hashContent(KEY, ...userHash, sec, nanos, id === undefined ? undefined : span(id));
  return `${hashHi}:${hashLo}`;
}

function arrival(head: { hi: number; lo: number }, lineNumber: number, line = ''): string {
  const bytes = Buffer.from(line);
  hashArrival(KEY, head, lineNumber, bytes, 0, bytes.length);
  return `${hashHi}:${hashLo}`;
}

describe('a user', () => {
  test('is another one in every group, by every name and under every key', () => {
    const users = [user('a'), user('b'), user('a', [1, 3]), user('a', [2, 2]), user('a', [1, 2], { k0: 0, k1: 0 })];
    expect(new Set(users).size).toBe(users.length);
    expect(user('a')).toBe(users[0]);
  });
});

describe('content identity', () => {
  test('is the same for the same user, time and id', () => {
    expect(content(1_478_507_534, 415_525_888)).toBe(content(1_478_507_534, 415_525_888));
    expect(content(1_478_507_534, 415_525_888, 'order 7')).toBe(content(1_478_507_534, 415_525_888, 'order 7'));
  });

  test('differs in every nanosecond, from 1970 to the last one that fits', () => {
    const time = fc.tuple(fc.integer({ min: 0, max: LAST_SEC }), fc.integer({ min: 0, max: 999_999_999 }));
    fc.assert(
      fc.property(time, time, ([secA, nanosA], [secB, nanosB]) => {
        expect(content(secA, nanosA) === content(secB, nanosB)).toBe(secA === secB && nanosA === nanosB);
      }),
    );
    const near = [0, 1, 2 ** 32 - 1, 2 ** 32, 2 ** 32 + 1, 2 ** 33, LAST_SEC].flatMap((sec) =>
      [0, 1, 2 ** 29, 999_999_999].map((nanos) => content(sec, nanos)),
    );
    expect(new Set(near).size).toBe(near.length);
  });

  test('tells an empty id from none, and ids from each other', () => {
    const ids = [undefined, '', '0', '1', 'a', 'A'].map((id) => content(1, 2, id));
    expect(new Set(ids).size).toBe(ids.length);
  });

  test('differs between users', () => {
    expect(content(1, 2, undefined, [3, 4])).not.toBe(content(1, 2, undefined, [3, 5]));
    expect(content(1, 2, undefined, [3, 4])).not.toBe(content(1, 2, undefined, [4, 4]));
  });
});

describe('arrival identity', () => {
  test('is the batch and the place in it', () => {
    const head = hashArrivalHead(KEY, 'relay-1:0011223344556677:1', false);
    const other = hashArrivalHead(KEY, 'relay-1:0011223344556677:2', false);
    expect(arrival(head, 1)).toBe(arrival(head, 1));
    expect(new Set([arrival(head, 1), arrival(head, 2), arrival(other, 1), arrival(other, 2)]).size).toBe(4);
  });

  test('with an Idempotency-Key is the key, the line’s number and the line', () => {
    const head = hashArrivalHead(KEY, 'order 7', true);
    const same = arrival(head, 1, 'line');
    expect(arrival(hashArrivalHead(KEY, 'order 7', true), 1, 'line')).toBe(same);
    expect(arrival(head, 2, 'line')).not.toBe(same);
    expect(arrival(head, 1, 'lime')).not.toBe(same);
    expect(arrival(hashArrivalHead(KEY, 'order 8', true), 1, 'line')).not.toBe(same);
  });

  test('keeps a key apart from a batch of the same name', () => {
    expect(hashArrivalHead(KEY, 'a:0011223344556677:1', true)).not.toEqual(
      hashArrivalHead(KEY, 'a:0011223344556677:1', false),
    );
  });
});
