import type { Books } from '../../support/ledger.ts';
import { accountedFor } from '../../support/ledger.ts';
import type { Bounds } from './books-of-truth.ts';
import type { Peaks } from './watch.ts';

/** Judges a region that has come to rest. Pure: everything it goes by was gathered before. */
export interface Evidence {
  /** By InfluxDB, point → value. */
  sinks: readonly ReadonlyMap<string, number>[];
  /** Points of other lines: by InfluxDB, and what clients know of them. */
  others: { sinks: readonly ReadonlySet<string>[]; sent: ReadonlySet<string>; acked: ReadonlySet<string> };
  bounds: ReadonlyMap<string, Bounds>;
  /** By InfluxDB, point → the highest value ever seen of it. */
  highest: readonly ReadonlyMap<string, number>[];
  books: readonly Books[];
  /** What looks at the books found while it ran. */
  imbalances: readonly string[];
  deadLetters: readonly DeadLine[];
  /** Lines in the dead-letter streams that no client sent. */
  strangeLines: readonly string[];
  /** Redis lost data on the way: what is counted in the books is then no longer what sinks were told. */
  redisLostData: boolean;
  /** Sealing did not wait for a relay, because `--hold` was shorter than the fault. */
  holdExceeded: boolean;
  windowSec: number;
  latenessSec: number;
  /** Why it did not come to rest. */
  notQuiet: readonly string[];
  endedByThemselves: readonly string[];
  /** Good lines that a relay refused for good. */
  refusals: readonly string[];
  peaks: Peaks;
  redisKeysAtRest: number;
}

/** One line of a dead letter. */
export interface DeadLine {
  reason: string;
  /** The event's name in the books of truth. */
  name: string;
  /** When the relay received it, Unix milliseconds. */
  receivedMs: number;
  windowStartSec: number;
}

export type Rule =
  | 'lost'
  | 'other-lost'
  | 'other-strange'
  | 'over-counted'
  | 'unequal'
  | 'shrunk'
  | 'unbalanced'
  | 'books-differ'
  | 'not-drained'
  | 'sealed-early'
  | 'dead-letter'
  | 'refused'
  | 'ended'
  | 'unbounded';

export interface Violation {
  rule: Rule;
  text: string;
}

/** Far above what a region of this size needs, and far below what a leak reaches. */
export const LIMITS = {
  rssBytes: 700 * 1024 * 1024,
  redisConnections: 200,
  redisKeys: 3_000,
  redisKeysAtRest: 200,
  journalBytes: 64 * 1024 * 1024,
};
const EVENTS = 'cumulative_user_event,';
/** Relays follow Redis's clock, not to the millisecond. */
const CLOCK_SLACK_MS = 500;

export function judge(evidence: Evidence): Violation[] {
  return [
    ...totals(evidence),
    ...otherLines(evidence),
    ...equality(evidence),
    ...regress(evidence),
    ...ledger(evidence),
    ...deadLetters(evidence),
    ...sizes(evidence),
    ...evidence.notQuiet.map((text): Violation => ({ rule: 'not-drained', text })),
    ...evidence.endedByThemselves.map((text): Violation => ({ rule: 'ended', text })),
    ...evidence.refusals.map((text): Violation => ({ rule: 'refused', text })),
  ];
}

/** G1, G2, G3: every total between what must and what may be counted; the two are the same where every request was answered. */
function* totals({ sinks, bounds }: Evidence): Iterable<Violation> {
  for (const [i, points] of sinks.entries()) {
    const sink = `az${i + 1}`;
    for (const [name, { min, max }] of bounds) {
      const value = points.get(name) ?? 0;
      if (value < min) yield { rule: 'lost', text: `${sink}: ${name} is ${value}, at least ${min} were answered 2xx` };
      if (value > max) yield { rule: 'over-counted', text: `${sink}: ${name} is ${value}, only ${max} were sent` };
    }
    for (const [name, value] of points) {
      if (!bounds.has(name)) yield { rule: 'over-counted', text: `${sink}: ${name} is ${value}, none was sent` };
    }
  }
}

/** Other lines pass through at least once, and each of these is a point of its own. */
function* otherLines({ others: { sinks, sent, acked } }: Evidence): Iterable<Violation> {
  for (const [i, points] of sinks.entries()) {
    for (const line of acked) {
      if (!points.has(line)) yield { rule: 'other-lost', text: `az${i + 1} lacks ${line}, which was answered 2xx` };
    }
    for (const line of points) {
      if (!sent.has(line)) yield { rule: 'other-strange', text: `az${i + 1} holds ${line}, which nobody sent` };
    }
  }
}

function* equality({ sinks }: Evidence): Iterable<Violation> {
  const [first, ...others] = sinks;
  for (const [i, other] of others.entries()) {
    for (const name of new Set([...first!.keys(), ...other.keys()])) {
      const [a, b] = [first!.get(name), other.get(name)];
      if (a !== b) yield { rule: 'unequal', text: `${name} is ${a} in az1 and ${b} in az${i + 2}` };
    }
  }
}

function* regress({ sinks, highest }: Evidence): Iterable<Violation> {
  for (const [i, points] of sinks.entries()) {
    for (const [name, high] of highest[i]!) {
      const value = points.get(name) ?? 0;
      if (value < high) yield { rule: 'shrunk', text: `az${i + 1}: ${name} was ${high} and ended as ${value}` };
    }
  }
}

/**
 * G5, and beside it: what the books count is what clients sent, also where Redis has forgotten it meanwhile and relays had
 * to send it again; databases alone would not tell, because they keep what they were told before.
 */
function* ledger({ books, bounds, imbalances, sinks, redisLostData }: Evidence): Iterable<Violation> {
  for (const text of imbalances) yield { rule: 'unbalanced', text };
  for (const [partition, page] of books.entries()) {
    const accounted = accountedFor(page);
    if (accounted !== page.received) {
      const text = `partition ${partition} at rest: received ${page.received}, accounted for ${accounted}`;
      yield { rule: 'unbalanced', text };
    }
  }
  const counted = books.reduce((sum, page) => sum + page.counted, 0);
  const events = [...bounds].filter(([name]) => name.startsWith(EVENTS)).map(([, bound]) => bound);
  const min = events.reduce((sum, bound) => sum + bound.min, 0);
  const max = events.reduce((sum, bound) => sum + bound.max, 0);
  if (counted < min) {
    yield { rule: 'books-differ', text: `the books counted ${counted} events, at least ${min} were answered 2xx` };
  }
  if (counted > max) yield { rule: 'books-differ', text: `the books counted ${counted} events, only ${max} were sent` };
  // A database may now hold more than the books: events of clients that gave up, and that nobody sent again.
  if (redisLostData) return;
  for (const [i, points] of sinks.entries()) {
    let told = 0;
    for (const [name, value] of points) if (name.startsWith(EVENTS)) told += value;
    if (told !== counted) {
      yield { rule: 'books-differ', text: `the books counted ${counted} events, az${i + 1} was told of ${told}` };
    }
  }
}

/** A late event is one that came to a relay when its window was due to be sealed; any other had a right to be counted. */
function* deadLetters(evidence: Evidence): Iterable<Violation> {
  const { windowSec, latenessSec, holdExceeded } = evidence;
  for (const line of evidence.strangeLines) yield { rule: 'dead-letter', text: `nobody sent ${line}` };
  for (const { reason, name, receivedMs, windowStartSec } of evidence.deadLetters) {
    if (reason !== 'late') {
      yield { rule: 'dead-letter', text: `${reason}: ${name}` };
      continue;
    }
    const dueMs = (windowStartSec + windowSec + latenessSec) * 1000;
    if (holdExceeded || receivedMs >= dueMs - CLOCK_SLACK_MS) continue;
    const text = `${name} was received ${((dueMs - receivedMs) / 1000).toFixed(1)} s before its window was due, and is late`;
    yield { rule: 'sealed-early', text };
  }
}

function* sizes({ peaks, redisKeysAtRest }: Evidence): Iterable<Violation> {
  const all: [string, number, number][] = [
    ...[...peaks.rssBytes].map(([id, bytes]): [string, number, number] => [`memory of ${id}`, bytes, LIMITS.rssBytes]),
    ['connections to Redis', peaks.redisConnections, LIMITS.redisConnections],
    ['keys in Redis', peaks.redisKeys, LIMITS.redisKeys],
    ['keys in Redis at rest', redisKeysAtRest, LIMITS.redisKeysAtRest],
    ['bytes in a journal', peaks.journalBytes, LIMITS.journalBytes],
  ];
  for (const [what, value, limit] of all) {
    if (value > limit) yield { rule: 'unbounded', text: `${what}: ${value}, at most ${limit}` };
  }
}
