import { BooksOfTruth } from '../../faults/runner/books-of-truth.ts';
import { type Evidence, judge, LIMITS } from '../../faults/runner/verdict.ts';

/** A region at rest with two events of two users in one window, both answered; each test spoils one thing. */
const COUNT = 'cumulative_user_event,event_type=login,product=shop 1000000000000';
const USERS = 'unique_user_event,event_type=login,product=shop 1000000000000';

function truthOf(answered: number): BooksOfTruth {
  const truth = new BooksOfTruth(5);
  for (const [i, username] of ['ada', 'bob'].entries()) {
    truth.addSent(username, { product: 'shop', eventType: 'login', username, timestamp: 1_001_000_000_000n });
    if (i < answered) truth.addAcked([username]);
  }
  return truth;
}

function evidence(changes: Partial<Evidence> = {}): Evidence {
  const totals = new Map([
    [COUNT, 2],
    [USERS, 2],
  ]);
  return {
    sinks: [totals, totals],
    others: { sinks: [new Set(), new Set()], sent: new Set(), acked: new Set() },
    bounds: truthOf(2).bounds(new Set()),
    highest: [totals, totals],
    books: [{ received: 3, counted: 2, duplicate: 1, dead: {}, unfolded: 0 }],
    imbalances: [],
    deadLetters: [],
    strangeLines: [],
    redisLostData: false,
    holdExceeded: false,
    windowSec: 5,
    latenessSec: 20,
    notQuiet: [],
    endedByThemselves: [],
    refusals: [],
    peaks: { rssBytes: new Map([['relay-1', 1]]), redisKeys: 1, redisConnections: 1, journalBytes: 1 },
    redisKeysAtRest: 1,
    ...changes,
  };
}

const rules = (changes: Partial<Evidence>) => [...new Set(judge(evidence(changes)).map(({ rule }) => rule))];
const both = (events: number, users = 2) => {
  const totals = new Map([
    [COUNT, events],
    [USERS, users],
  ]);
  return [totals, totals];
};

test('nothing is wrong where nothing is wrong', () => {
  expect(judge(evidence())).toEqual([]);
});

test('an answered event that is not counted is lost, unless it is a dead letter', () => {
  const books = [{ received: 2, counted: 1, duplicate: 1, dead: {}, unfolded: 0 }];
  const changes = { sinks: both(1, 1), highest: both(1, 1), books };
  expect(rules(changes)).toEqual(['lost', 'books-differ']);
  expect(rules({ ...changes, bounds: truthOf(2).bounds(new Set(['ada'])) })).toEqual([]);
});

test('an other line that was answered is in every database, and one that was not may be', () => {
  const [both, one] = [new Set(['a', 'b']), new Set(['a'])];
  expect(rules({ others: { sinks: [both, one], sent: both, acked: one } })).toEqual([]);
  expect(rules({ others: { sinks: [both, one], sent: both, acked: both } })).toEqual(['other-lost']);
  expect(rules({ others: { sinks: [both, one], sent: one, acked: one } })).toEqual(['other-strange']);
});

test('an event that was never answered may be in or out, but only once', () => {
  const bounds = truthOf(1).bounds(new Set());
  expect(rules({ bounds })).toEqual([]);
  expect(rules({ bounds, sinks: both(1, 1), highest: both(1, 1), redisLostData: true })).toEqual([]);
  expect(rules({ bounds, sinks: both(3), redisLostData: true })).toEqual(['over-counted']);
});

test('a point that nobody sent is over-counted', () => {
  const more = new Map([...both(2)[0]!, ['unique_user_event,event_type=x,product=y 5000000000', 1]]);
  expect(rules({ sinks: [more, more] })).toEqual(['over-counted']);
});

test('databases that differ are noticed, whatever the bounds allow', () => {
  const bounds = truthOf(0).bounds(new Set());
  expect(rules({ bounds, sinks: [both(2)[0]!, both(2, 1)[0]!], highest: [new Map(), new Map()] })).toEqual(['unequal']);
});

test('a total that ended smaller than it ever was has shrunk', () => {
  expect(rules({ highest: both(3) })).toEqual(['shrunk']);
});

test('books that do not balance, on the way or at the end, and books that tell another sum than the sinks', () => {
  expect(rules({ imbalances: ['partition 3'] })).toEqual(['unbalanced']);
  expect(rules({ books: [{ received: 4, counted: 2, duplicate: 1, dead: {}, unfolded: 0 }] })).toEqual(['unbalanced']);
  const page = { received: 2, counted: 2, duplicate: 0, dead: {}, unfolded: 0 };
  const bounds = truthOf(0).bounds(new Set());
  expect(rules({ bounds, sinks: both(1, 2), highest: [new Map(), new Map()] })).toEqual(['books-differ']);
  for (const redisLostData of [false, true]) {
    expect(rules({ books: [{ ...page, received: 1, counted: 1 }], redisLostData })).toEqual(['books-differ']);
    expect(rules({ books: [{ ...page, received: 3, counted: 3 }], redisLostData })).toEqual(['books-differ']);
  }
});

test('after Redis lost data a database may have been told more than the books count now', () => {
  const books = [{ received: 1, counted: 1, duplicate: 0, dead: {}, unfolded: 0 }];
  expect(rules({ bounds: truthOf(1).bounds(new Set()), books, redisLostData: true })).toEqual([]);
});

describe('a late dead letter', () => {
  const line = { reason: 'late', name: 'ada', windowStartSec: 1000 };
  const dueMs = 1_025_000;

  test('is right when its line came after the window was due', () => {
    expect(rules({ deadLetters: [{ ...line, receivedMs: dueMs }] })).toEqual([]);
  });

  test('is wrong when it came before, unless --hold was over', () => {
    const deadLetters = [{ ...line, receivedMs: dueMs - 5_000 }];
    expect(rules({ deadLetters })).toEqual(['sealed-early']);
    expect(rules({ deadLetters, holdExceeded: true })).toEqual([]);
  });
});

test('dead letters of other reasons, and of lines that nobody sent, are not expected', () => {
  const line = { reason: 'unreadable', name: 'ada', windowStartSec: 1000, receivedMs: 9_999_999 };
  expect(rules({ deadLetters: [line] })).toEqual(['dead-letter']);
  expect(rules({ strangeLines: ['x'] })).toEqual(['dead-letter']);
});

test('what did not come to rest, ended by itself, was refused or grew too large', () => {
  expect(rules({ notQuiet: ['left: 3'] })).toEqual(['not-drained']);
  expect(rules({ endedByThemselves: ['relay-1'] })).toEqual(['ended']);
  expect(rules({ refusals: ['400 x'] })).toEqual(['refused']);
  expect(rules({ redisKeysAtRest: LIMITS.redisKeysAtRest + 1 })).toEqual(['unbounded']);
  const rssBytes = new Map([['relay-1', LIMITS.rssBytes + 1]]);
  expect(rules({ peaks: { ...evidence().peaks, rssBytes } })).toEqual(['unbounded']);
});
