import { MemoryJournal } from '@weir/relay/journal';
import { type Arrival, Lane, type LaneStep } from '@weir/relay/lane';
import { Receipt } from '@weir/relay/receipt';
import fc from 'fast-check';

type Command = { sequence: number; afterGap: boolean };

/** A partition in Redis as append.lua treats it; the sequences of one incarnation, in the order they were appended. */
class PartitionModel {
  appended: number[] = [];
  #earlier: number[][] = [];

  append({ sequence, afterGap }: Command): number {
    const last = this.appended.at(-1) ?? 0;
    if (sequence !== last + 1 && !(afterGap && last < sequence)) return last;
    this.#earlier.push([...this.appended]);
    this.appended.push(sequence);
    return sequence;
  }

  get last(): number {
    return this.appended.at(-1) ?? 0;
  }

  /** Goes back in time by so many appends. */
  rollBack(appends: number): void {
    this.appended = this.#earlier[Math.max(0, this.#earlier.length - appends)] ?? [];
    this.#earlier = this.#earlier.slice(0, Math.max(0, this.#earlier.length - appends));
  }
}

const line = Buffer.from('event_type=a,product=b value=u 5');

function build({ journalBytes = 1_000_000, batchBytes = 300, lingerMs = 2 } = {}) {
  const journal = new MemoryJournal({ maxBytes: journalBytes });
  const seen = { work: 0, journaled: [] as number[], confirmed: 0, again: 0, lost: 0, gap: 0 };
  const lane = new Lane({
    partition: 0,
    journal,
    batchBytes,
    lingerMs,
    unattendedLingerMs: lingerMs,
    probeEveryMs: 1000,
    backoffMs: (failures) => failures * 10,
    events: {
      work: () => seen.work++,
      journaled: (lines) => seen.journaled.push(lines),
      confirmed: (_, again) => {
        seen.confirmed++;
        if (again) seen.again++;
      },
      lostByRedis: (batches) => {
        seen.lost += batches;
      },
      gap: (batches) => {
        seen.gap += batches;
      },
    },
  });
  const arrival = (fields: Partial<Arrival> = {}): Arrival => ({
    receivedMs: 5000,
    monotonicMs: 0,
    lineNumber: 1,
    ...fields,
  });
  const add = (how: Arrival = arrival()) => lane.add(line, 0, line.length, how);
  /** The first answer, so that no probe is due. */
  const contact = (nowMs = 0) => {
    expect(lane.next(nowMs)).toEqual({ kind: 'probe' });
    lane.answered({ last: 0, redisMs: 1000 }, nowMs);
  };
  return { journal, lane, seen, arrival, add, contact };
}

function expectAppend(step: LaneStep, sequence: number) {
  if (step.kind !== 'append') throw new Error(`expected an append, got ${step.kind}`);
  expect(step.batch.sequence).toBe(sequence);
  return step;
}

describe('an open batch', () => {
  test('waits for more lines, but not for long', () => {
    const { lane, add, contact } = build();
    contact();
    add();
    expect(lane.next(0)).toEqual({ kind: 'wait', ms: 2 });
    add();
    expect(lane.next(1.5)).toEqual({ kind: 'wait', ms: 0.5 });
    const { batch, afterGap } = expectAppend(lane.next(2), 1);
    expect(batch).toMatchObject({ lineCount: 2, receivedMs: 5000, lines: Buffer.from(`${line}\n${line}\n`) });
    expect(afterGap).toBe(false);
  });

  test('grows while another is under way, and then goes at once', () => {
    const { lane, add, arrival, contact } = build();
    contact();
    add();
    expectAppend(lane.next(2), 1);
    add(arrival({ monotonicMs: 3 }));
    add(arrival({ monotonicMs: 4 }));
    expect(lane.next(9)).toEqual({ kind: 'wait', ms: Number.POSITIVE_INFINITY });
    lane.answered({ last: 1, redisMs: 6000 }, 9);
    expect(expectAppend(lane.next(9), 2).batch.lineCount).toBe(2);
  });

  test('is closed before it grows too large, even while another is under way', () => {
    const { lane, add, journal, contact } = build({ batchBytes: 100 });
    contact();
    for (let i = 0; i < 7; i++) add();
    expect(lane.openBytes).toBe(line.length + 1);
    for (let sequence = 1; sequence <= 2; sequence++) {
      expect(journal.read(0, sequence)?.lineCount).toBe(3);
      expectAppend(lane.next(0), sequence);
      lane.answered({ last: sequence, redisMs: 6000 }, 0);
    }
    expect(lane.next(0)).toEqual({ kind: 'wait', ms: 2 });
  });

  test('does not linger when the relay drains', () => {
    const { lane, add, contact, seen } = build({ lingerMs: 10_000 });
    contact();
    add();
    lane.drain();
    expect({ empty: lane.empty, journaled: seen.journaled }).toEqual({ empty: false, journaled: [] });
    expectAppend(lane.next(0), 1);
    lane.answered({ last: 1, redisMs: 6000 }, 0);
    expect({ empty: lane.empty, journaled: seen.journaled }).toEqual({ empty: true, journaled: [1] });
  });

  test('tells its driver when there is something new to do', () => {
    const { add, seen } = build({ batchBytes: 100 });
    add();
    expect(seen.work).toBe(1);
    add();
    add();
    expect(seen.work).toBe(1);
    add();
    expect(seen.work).toBeGreaterThan(1);
  });
});

describe('a request with an Idempotency-Key', () => {
  test('shares no batch with others, and its batches say key and line numbers', () => {
    const { lane, add, arrival, journal } = build();
    add();
    const keyed = arrival({ idempotencyKey: 'k' });
    for (const lineNumber of [2, 5, 6, 9, 11, 12, 13, 14, 15]) {
      keyed.lineNumber = lineNumber;
      add(keyed);
    }
    add();
    add(arrival({ idempotencyKey: 'k', lineNumber: 1 }));
    add(arrival({ idempotencyKey: 'k', lineNumber: 1 }));
    lane.drain();
    for (let sequence = 1; !lane.empty; sequence++) {
      lane.next(0);
      lane.answered({ last: sequence, redisMs: 6000 }, 0);
    }
    const batches = [1, 2, 3, 4, 5, 6].map((sequence) => journal.read(0, sequence)!);
    expect(
      batches.map(({ lineCount, idempotencyKey, lineNumbers }) => [lineCount, idempotencyKey, lineNumbers]),
    ).toEqual([
      [1, undefined, undefined],
      [7, 'k', '2,5,6,9,11,12,13'],
      [2, 'k', '14,15'],
      [1, undefined, undefined],
      [1, 'k', '1'],
      [1, 'k', '1'],
    ]);
  });
});

describe('a receipt', () => {
  test('settles once every batch that holds its lines is confirmed', async () => {
    const { lane, add, arrival, contact } = build({ batchBytes: 100 });
    contact();
    const receipt = new Receipt();
    const settled = jest.fn();
    void receipt.confirmed.then(settled);
    for (let i = 0; i < 4; i++) add(arrival({ receipt }));
    receipt.settle();
    expectAppend(lane.next(2), 1);
    lane.answered({ last: 1, redisMs: 6000 }, 2);
    await Promise.resolve();
    expect(settled).not.toHaveBeenCalled();
    expectAppend(lane.next(2), 2);
    lane.answered({ last: 2, redisMs: 6000 }, 2);
    await Promise.resolve();
    expect(settled).toHaveBeenCalledTimes(1);
  });

  test('of a request without lines settles at once', async () => {
    const receipt = new Receipt();
    receipt.settle();
    await expect(receipt.confirmed).resolves.toBeUndefined();
  });
});

describe('Redis', () => {
  test('that is idle is asked every second what it holds', () => {
    const { lane, contact } = build();
    contact(0);
    expect(lane.next(0)).toEqual({ kind: 'wait', ms: 1000 });
    expect(lane.next(1000)).toEqual({ kind: 'probe' });
  });

  test('that fails is tried again after a pause that grows, with the same batch', () => {
    const { lane, add, contact, seen } = build();
    contact();
    add();
    expectAppend(lane.next(2), 1);
    lane.failed(3);
    expect(lane.failing).toBe(true);
    expect(lane.next(3)).toEqual({ kind: 'wait', ms: 10 });
    expectAppend(lane.next(13), 1);
    lane.failed(13);
    expect(lane.next(13)).toEqual({ kind: 'wait', ms: 20 });
    expectAppend(lane.next(33), 1);
    lane.answered({ last: 1, redisMs: 6000 }, 34);
    expect(lane.failing).toBe(false);
    expect(seen).toMatchObject({ confirmed: 1, again: 0, lost: 0, gap: 0 });
  });

  test('that lost data is sent it again, from the first missing batch', () => {
    const { lane, add, contact, seen } = build({ lingerMs: 0 });
    contact();
    for (let sequence = 1; sequence <= 3; sequence++) {
      add();
      expectAppend(lane.next(0), sequence);
      lane.answered({ last: sequence, redisMs: 6000 }, 0);
    }
    expect(lane.next(1000)).toEqual({ kind: 'probe' });
    lane.answered({ last: 1, redisMs: 7000 }, 1000);
    expect(seen.lost).toBe(2);
    expectAppend(lane.next(1000), 2);
    lane.answered({ last: 2, redisMs: 7000 }, 1000);
    expectAppend(lane.next(1000), 3);
    lane.answered({ last: 3, redisMs: 7000 }, 1000);
    expect(seen).toMatchObject({ confirmed: 5, again: 2, gap: 0 });
    expect(lane.empty).toBe(true);
  });

  test('that lost more than the journal holds gets what is left, and the gap is counted', () => {
    const { lane, add, contact, seen } = build({ lingerMs: 0, journalBytes: 600 });
    contact();
    for (let sequence = 1; sequence <= 5; sequence++) {
      add();
      expectAppend(lane.next(0), sequence);
      lane.answered({ last: sequence, redisMs: 6000 }, 0);
    }
    expect(lane.next(1000)).toEqual({ kind: 'probe' });
    lane.answered({ last: 0, redisMs: 7000 }, 1000);
    const step = expectAppend(lane.next(1000), 4);
    expect(step.afterGap).toBe(true);
    lane.answered({ last: 4, redisMs: 7000 }, 1000);
    expect(seen).toMatchObject({ lost: 5, gap: 3, again: 1 });
  });

  test('cannot hold what was never sent: that is a bug, not a fault', () => {
    const { lane } = build();
    lane.next(0);
    expect(() => lane.answered({ last: 1, redisMs: 0 }, 0)).toThrow('never sent');
  });
});

describe('drained is', () => {
  test('unknown before Redis ever answered', () => expect(build().lane.drainedMs).toBeUndefined());

  test('the moment of the last answer when nothing is in hand', () => {
    const { lane, contact } = build();
    contact();
    expect(lane.drainedMs).toBe(1000);
  });

  test('no later than the first line that Redis does not hold, open, closed or lost again', () => {
    const { lane, add, arrival, contact } = build();
    contact();
    add(arrival({ receivedMs: 900 }));
    expect(lane.drainedMs).toBe(900);
    expectAppend(lane.next(2), 1);
    add(arrival({ receivedMs: 950 }));
    expect(lane.drainedMs).toBe(900);
    lane.answered({ last: 1, redisMs: 1100 }, 3);
    expect(lane.drainedMs).toBe(950);
    expectAppend(lane.next(3), 2);
    lane.answered({ last: 0, redisMs: 1200 }, 3);
    expect(lane.drainedMs).toBe(900);
  });

  test('unknown again once the connection was lost, until Redis was asked anew, and that is done at once', () => {
    const { lane, contact } = build();
    contact();
    lane.disconnected();
    expect([lane.drainedMs, lane.next(1).kind]).toEqual([undefined, 'probe']);
  });
});

type Move =
  | { kind: 'lines'; count: number }
  /** A call whose command or reply may be lost, or whose command runs only later. */
  | { kind: 'call'; fate: 'answered' | 'reply lost' | 'command lost' | 'late' }
  | { kind: 'late command runs' }
  | { kind: 'rollback'; appends: number };

const move: fc.Arbitrary<Move> = fc.oneof(
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('lines' as const), count: fc.integer({ min: 1, max: 9 }) }) },
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constant('call' as const),
      fate: fc.constantFrom(
        'answered' as const,
        'answered' as const,
        'reply lost' as const,
        'command lost' as const,
        'late' as const,
      ),
    }),
  },
  { weight: 1, arbitrary: fc.constant({ kind: 'late command runs' as const }) },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constant('rollback' as const), appends: fc.integer({ min: 1, max: 9 }) }),
  },
);

/** Runs the moves, then lets the world heal and drains the lane. */
function simulate(moves: readonly Move[], journalBytes: number) {
  const redis = new PartitionModel();
  const { lane, add, arrival, journal, seen } = build({ journalBytes, lingerMs: 0 });
  const late: Command[] = [];
  let nowMs = 0;
  let broken = 0;
  const call = (fate: 'answered' | 'reply lost' | 'command lost' | 'late') => {
    nowMs += 1000;
    const step = lane.next(nowMs);
    if (step.kind === 'wait') return;
    const command = step.kind === 'append' ? { sequence: step.batch.sequence, afterGap: step.afterGap } : undefined;
    if (fate === 'late' && command) late.push(command);
    let last = redis.last;
    if (fate !== 'late' && fate !== 'command lost' && command) last = redis.append(command);
    if (fate === 'answered') lane.answered({ last, redisMs: nowMs }, nowMs);
    else lane.failed(nowMs);
  };
  for (const each of moves) {
    if (each.kind === 'lines') {
      const receipt = new Receipt();
      for (let i = 0; i < each.count; i++) add(arrival({ monotonicMs: nowMs, receivedMs: nowMs, receipt }));
      receipt.settle();
      void receipt.confirmed.then(() => undefined);
    } else if (each.kind === 'call') call(each.fate);
    else if (each.kind === 'rollback') redis.rollBack(each.appends);
    else {
      const command = late.shift();
      if (command) redis.append(command);
    }
    if (new Set(redis.appended).size < redis.appended.length) broken++;
  }
  for (const command of late) redis.append(command);
  lane.drain();
  // Two more calls than needed: the last probe must find nothing missing.
  for (let i = 0; i < 500 && !(lane.empty && i > 400); i++) call('answered');
  return { redis, lane, journal, seen, broken };
}

const RUNS = { numRuns: 1000 };

test('through lost replies, late commands and rollbacks Redis ends up with every batch once, in order', () => {
  fc.assert(
    fc.property(fc.array(move, { maxLength: 80 }), (moves) => {
      const { redis, lane, seen, broken } = simulate(moves, 1_000_000);
      expect(lane.empty).toBe(true);
      expect(broken).toBe(0);
      expect(redis.appended).toEqual(redis.appended.map((_, i) => i + 1));
      expect(seen.gap).toBe(0);
      expect(redis.last).toBe(lane.lastSequence);
    }),
    RUNS,
  );
});

test('with a journal too small for the rollbacks Redis still holds nothing twice, and all that the journal holds', () => {
  fc.assert(
    fc.property(fc.array(move, { maxLength: 80 }), (moves) => {
      const { redis, lane, journal, seen, broken } = simulate(moves, 1500);
      expect(lane.empty).toBe(true);
      expect(broken).toBe(0);
      expect(redis.appended).toEqual([...new Set(redis.appended)].sort((a, b) => a - b));
      expect(redis.last).toBe(lane.lastSequence);
      const missing = lane.lastSequence - redis.appended.length;
      if (missing > 0) expect(seen.gap).toBeGreaterThan(0);
      for (let sequence = journal.oldest(0); sequence <= lane.lastSequence; sequence++) {
        expect(redis.appended).toContain(sequence);
      }
    }),
    RUNS,
  );
});
