import { COMMANDS } from '@weir/cli/command-list';
import type { StatusFacts } from '@weir/cli/status-report';
import { judge } from '@weir/cli/verdict';
import { FINDING_CODES, severityOf } from '@weir/cli/verdict-codes';
import { FACTS, PARTITION, RELAY, SINK } from '../../support/status-facts.ts';

const JUDGING = { lateAfterMs: 10_000, time: (ms: number) => `T${ms}` };
const judged = (facts: Partial<StatusFacts> = {}) => judge({ ...FACTS, ...facts }, JUDGING);
const dead = (id: string, seenAgoMs: number) => ({
  ...FACTS.aggregators[0]!,
  id,
  alive: false,
  seenAgoMs,
  partitions: [],
});

test('all is well where all is well', () => {
  expect(judged()).toMatchObject({ schema: 'weir.status/1', verdict: 'ok', findings: [] });
});

const redis = (spoiled: Partial<StatusFacts['redis']>): Partial<StatusFacts> => ({
  redis: { ...FACTS.redis, ...spoiled },
});
const relay = (spoiled: Partial<typeof RELAY>): Partial<StatusFacts> => ({ relays: [{ ...RELAY, ...spoiled }] });
const sink = (spoiled: Partial<typeof SINK>): Partial<StatusFacts> => ({ sinks: [{ ...SINK, ...spoiled }] });
const partition = (spoiled: Partial<typeof PARTITION>): Partial<StatusFacts> => ({
  partitions: [{ ...PARTITION, ...spoiled }],
});
const aggregator = (spoiled: Partial<StatusFacts['aggregators'][number]>): Partial<StatusFacts> => ({
  aggregators: [{ ...FACTS.aggregators[0]!, ...spoiled }],
});

const CASES: [code: string, facts: Partial<StatusFacts>, sentence: RegExp][] = [
  [
    'books-unbalanced',
    { books: { ...FACTS.books, balanced: false, wrong: [{ partition: 3, difference: 7, missingEntries: 2 }] } },
    /^the books do not balance: partition 3: 7 lines received and not accounted for \(2 pending entries were deleted\)/,
  ],
  ['redis-evicts', redis({ policy: 'allkeys-lru' }), /maxmemory-policy allkeys-lru/],
  [
    'batches-lost',
    relay({ journalGapBatches: 3 }),
    /^3 batches are gone: .* the journal of relay-1 no longer held them/,
  ],
  [
    'datagrams-lost',
    relay({ datagramsLost: 50, datagramsLostLately: 5, lastLossAgoMs: 2_000 }),
    /^relay-1 loses datagrams: 50 since its start, 5 of them in the last ten seconds, the last 2\.0s ago/,
  ],
  ['points-refused', sink({ refusedPoints: 4 }), /^az1 refuses 4 points for good/],
  ['windows-given-up', sink({ givenUpWindows: 9 }), /^9 windows are lost to az1/],
  ['sink-holds-more', sink({ shrunkPoints: 1 }), /^az1 holds more than Redis knows of 1 points/],
  [
    'dead-letters',
    {
      ...partition({ deadLetters: 2, newestDeadAgoMs: 120_000 }),
      books: { ...FACTS.books, dead: { late: 12, 'window-full': 0 } },
    },
    /the last 2m00s ago, 12 in all \(late 12\)/,
  ],
  [
    'no-aggregator',
    {
      aggregators: [dead('a', 90_000), dead('b', 12_000)],
      ...partition({ lagEvents: 120, lagSeconds: 187, owner: null }),
    },
    /^no aggregator is alive \(b was last seen 12\.0s ago\): 120 events wait, the oldest for 3m07s\. Start one$/,
  ],
  ['redis-full', redis({ usedMemoryBytes: 99_000 }), /^Redis is full \(97 KiB of 98 KiB\)/],
  ['redis-disk', redis({ lastWriteToDiskFailed: true }), /^Redis cannot write to its disk/],
  [
    'cannot-fold',
    aggregator({ interrupted: { 'redis-oom': 4 } }),
    /^aggregator-1 cannot fold 4 partitions: Redis is full \(redis-oom\)/,
  ],
  ['held-back', aggregator({ heldBack: true, rollbackAgoMs: 5_000 }), /^Redis lost data 5\.0s ago: flushes wait/],
  [
    'dead-consumer',
    {
      aggregators: [FACTS.aggregators[0]!, dead('b', 12_000)],
      ...partition({ pendingEntries: 10, pendingOfDead: [{ consumer: 'b', entries: 10 }] }),
    },
    /^10 entries are held by b, which was last seen 12\.0s ago; those alive take them over/,
  ],
  [
    'behind',
    partition({ lagEvents: 5, lagSeconds: 11 }),
    /^the aggregators are behind: 5 events wait, the oldest for 11\.0s$/,
  ],
  ['journal-disk', relay({ journalFailing: true }), /^relay-1 cannot write its journal/],
  [
    'relay-silent',
    relay({ alive: false, heardAgoMs: 187_000, unconfirmedBytes: 2_048 }),
    /^relay-1 was last heard of 3m07s ago and did not sign off: .* \(2\.0 KiB when it was heard of\)/,
  ],
  [
    'relay-behind',
    relay({ owedForMs: 40_000, unconfirmedBytes: 34 * 2 ** 20 }),
    /^relay-1 holds 34 MiB that Redis does not have, the oldest for 40\.0s$/,
  ],
  [
    'sink-away',
    sink({
      state: 'away',
      stateForMs: 60_000,
      errorCode: 'sink-timeout',
      errorText: 'no answer',
      unflushedWindows: 12,
    }),
    /^az1 takes nothing for 1m00s \(sink-timeout: no answer\): 12 windows wait for it/,
  ],
  [
    'sink-failing',
    sink({ state: 'failing', errorCode: 'sink-unavailable', failingWindows: 2 }),
    /^az1 does not take 2 windows/,
  ],
  [
    'sink-behind',
    sink({ unflushedWindows: 3, neverFlushedWindows: 1, overdueMs: 30_000 }),
    /^3 windows wait for az1, 1 never written there, for up to 30\.0s$/,
  ],
  [
    'others-behind',
    sink({ otherLines: 12, otherBytes: 3_072, otherOldestAgoMs: 120_000 }),
    /^12 other lines \(3\.0 KiB\) wait for az1, the oldest for 2m00s: counts are not affected$/,
  ],
  [
    'seal-waits',
    { windows: { ...FACTS.windows, waiting: [{ relay: 'relay-2', windows: 2, heardMs: 5, untilMs: 9 }] } },
    /^2 windows are due to be sealed and wait for relay-2, last heard of T5; they hold until T9\./,
  ],
  ['no-events', { books: { ...FACTS.books, received: 0 } }, /^no event was ever received$/],
];

test.each(CASES)('%s is said in one sentence', (code, facts, sentence) => {
  const { verdict, findings } = judged(facts);
  expect(findings.map((finding) => finding.code)).toEqual([code]);
  const [finding] = findings;
  expect(finding!.sentence).toMatch(sentence);
  expect(finding!.sentence).not.toMatch(/undefined|NaN|null|\n/);
  expect(verdict).toBe(finding!.severity === 'note' ? 'ok' : finding!.severity);
});

test('there is a case for everything that may be said', () => {
  expect(CASES.map(([code]) => code)).toEqual([...FINDING_CODES]);
});

test('the worst comes first, and decides', () => {
  const spoiled = {
    ...sink({ state: 'away' }),
    ...relay({ journalGapBatches: 1 }),
    books: { ...FACTS.books, received: 0 },
  };
  const { verdict, findings } = judged(spoiled);
  expect(verdict).toBe('wrong');
  expect(findings.map(({ code }) => code)).toEqual(['batches-lost', 'sink-away', 'no-events']);
});

test('every command that mends something begins with a program or says what to start', () => {
  for (const [, facts] of CASES) {
    for (const { command } of judged(facts).findings) {
      if (command !== null) expect(command).toMatch(/^(weir |weir-aggregator |redis-cli |df$|start )/);
    }
  }
});

test('what is not known alarms nobody', () => {
  const unknown = {
    ...partition({ lagEntries: null, lagEvents: null, lagSeconds: null }),
    ...sink({
      state: null,
      unflushedWindows: null,
      refusedPoints: null,
      neverFlushedWindows: null,
      givenUpWindows: null,
    }),
    ...relay({
      owedForMs: null,
      journalFailing: null,
      journalGapBatches: null,
      datagramsLost: null,
      lastLossAgoMs: null,
    }),
    books: { ...FACTS.books, balanced: null },
  };
  expect(judged(unknown)).toMatchObject({ verdict: 'ok', findings: [] });
});

test('what is behind for a moment is not late, and what was lost long ago was told then', () => {
  expect(judged(partition({ lagEvents: 5, lagSeconds: 9 })).findings).toEqual([]);
  expect(judged(relay({ owedForMs: 9_000 })).findings).toEqual([]);
  expect(judged(sink({ neverFlushedWindows: 1, overdueMs: 9_000 })).findings).toEqual([]);
  expect(judged(relay({ lastLossAgoMs: 16 * 60_000, datagramsLost: 5 })).findings).toEqual([]);
  expect(judged(partition({ deadLetters: 9, newestDeadAgoMs: 16 * 60_000 })).findings).toEqual([]);
});

test('every code has a severity, and the list is in that order', () => {
  const severities = FINDING_CODES.map(severityOf);
  expect(severities).toEqual([...severities].sort((a, b) => order(a) - order(b)));
});

const order = (severity: string) => ['wrong', 'late', 'note'].indexOf(severity);

test('every command of weir that is named exists', () => {
  for (const [, facts] of CASES) {
    for (const { command } of judged(facts).findings) {
      const words = /^weir ((?:[a-z]+ )*[a-z]+)/.exec(command ?? '')?.[1];
      if (words !== undefined) expect(COMMANDS.map(({ name }) => name)).toContain(words);
    }
  }
});
