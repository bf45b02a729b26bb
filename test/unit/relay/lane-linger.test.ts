import { MemoryJournal } from '@weir/relay/journal';
import { type Arrival, Lane } from '@weir/relay/lane';
import { Receipt } from '@weir/relay/receipt';

const line = Buffer.from('event_type=a,product=b value=u 5');

function build() {
  let work = 0;
  const nothing = () => undefined;
  const events = { work: () => work++, journaled: nothing, confirmed: nothing, lostByRedis: nothing, gap: nothing };
  const lane = new Lane({
    partition: 0,
    journal: new MemoryJournal({ maxBytes: 1_000_000 }),
    batchBytes: 1_000,
    lingerMs: 2,
    unattendedLingerMs: 20,
    probeEveryMs: 1_000,
    backoffMs: () => 10,
    events,
  });
  expect(lane.next(0)).toEqual({ kind: 'probe' });
  lane.answered({ last: 0, redisMs: 1_000 }, 0);
  const add = (monotonicMs: number, more: Partial<Arrival> = {}) =>
    lane.add(line, 0, line.length, { receivedMs: 5_000, monotonicMs, lineNumber: 1, ...more });
  return { lane, add, work: () => work };
}

test('a batch that nobody waits for lingers longer', () => {
  const { lane, add } = build();
  add(0);
  add(1);
  expect(lane.next(2)).toEqual({ kind: 'wait', ms: 18 });
  expect(lane.next(20)).toMatchObject({ kind: 'append', batch: { lineCount: 2 } });
});

test('until somebody does: then it is due as any other, and its driver is told', () => {
  const { lane, add, work } = build();
  add(0);
  const before = work();
  const receipt = new Receipt();
  add(1, { receipt });
  expect(work()).toBe(before + 1);
  add(1, { receipt });
  expect(work()).toBe(before + 1);
  expect(lane.next(1)).toEqual({ kind: 'wait', ms: 1 });
  expect(lane.next(2)).toMatchObject({ kind: 'append', batch: { lineCount: 3 } });
  lane.answered({ last: 1, redisMs: 6_000 }, 2);
  add(3);
  expect(lane.next(3)).toEqual({ kind: 'wait', ms: 20 });
});

test('a batch that somebody waits for from the start does not', () => {
  const { lane, add } = build();
  add(0, { receipt: new Receipt() });
  expect(lane.next(0)).toEqual({ kind: 'wait', ms: 2 });
});
