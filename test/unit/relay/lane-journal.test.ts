import { silentLogger } from '@weir/common/logger';
import { DiskJournal } from '@weir/relay/disk-journal';
import { type Arrival, Lane, type LaneOptions } from '@weir/relay/lane';
import { Receipt } from '@weir/relay/receipt';
import { RelayCounts } from '@weir/relay/relay-metrics';
import { FakeClock, settle } from '../../support/fake-clock.ts';
import { FakeDisk } from '../../support/fake-disk.ts';

/** A lane whose journal is durable: what goes there without Redis, and what the next start does with it. */
const line = Buffer.from('event_type=a,product=b value=u 5');

function journalOn(disk: FakeDisk, incarnation: string) {
  return new DiskJournal({
    files: disk,
    clock: new FakeClock(),
    head: { relayId: 'r', incarnation },
    maxBytes: 1e6,
    ageMs: 60_000,
    memoryBytes: 1e6,
    syncEveryMs: 1_000,
    counts: new RelayCounts({ observe: () => undefined }).journal,
    events: { synced: () => undefined, droppedEarly: () => undefined },
    logger: silentLogger,
  });
}

function laneOn(journal: LaneOptions['journal'], recovered?: { lastSequence: number }) {
  const seen = { lost: 0, gap: 0 };
  const lane = new Lane({
    partition: 0,
    journal,
    batchBytes: 300,
    lingerMs: 2,
    unattendedLingerMs: 2,
    probeEveryMs: 1_000,
    backoffMs: () => 500,
    ...(recovered ? { recovered } : {}),
    events: {
      work: () => undefined,
      journaled: () => undefined,
      confirmed: () => undefined,
      lostByRedis: (batches) => {
        seen.lost += batches;
      },
      gap: (batches) => {
        seen.gap += batches;
      },
    },
  });
  const add = (monotonicMs: number, receivedMs = 5_000) => {
    const receipt = new Receipt();
    const arrival: Arrival = { receivedMs, monotonicMs, lineNumber: 1, receipt };
    lane.add(line, 0, line.length, arrival);
    receipt.settle();
    let settled = false;
    void receipt.confirmed.then(() => {
      settled = true;
    });
    return async () => {
      await settle();
      return settled;
    };
  };
  const contact = (last: number, nowMs = 0, redisMs = 10_000) => {
    expect(lane.next(nowMs)).toEqual({ kind: 'probe' });
    lane.answered({ last, redisMs }, nowMs);
  };
  const sent = (nowMs: number) => {
    const step = lane.next(nowMs);
    return step.kind === 'append' ? [step.batch.sequence, step.afterGap] : step;
  };
  return { lane, seen, add, contact, sent };
}

async function sync(journal: DiskJournal, lane: Lane) {
  journal.requestSync();
  await settle();
  lane.synced();
}

describe('lines that Redis does not take', () => {
  test('go into the journal soon while it fails, and their receipt settles when that is synced', async () => {
    const journal = journalOn(new FakeDisk(), '1');
    const { lane, add, contact } = laneOn(journal);
    contact(0);
    add(0);
    expect(lane.next(2).kind).toBe('append');
    lane.failed(3);
    const settled = add(4);
    lane.secure(20);
    expect(journal.find(0, 2)).toBeUndefined();
    expect(lane.secure(24)).toBe(true);
    expect(journal.find(0, 2)).toBeDefined();
    expect(await settled()).toBe(false);
    await sync(journal, lane);
    expect(await settled()).toBe(true);
    expect(lane.secure(25)).toBe(false);
    expect(lane.empty).toBe(false);
  });

  test('go there later while it only hangs, so that batches grow in ordinary operation', async () => {
    const journal = journalOn(new FakeDisk(), '1');
    const { lane, add, contact } = laneOn(journal);
    contact(0);
    const first = add(0);
    expect(lane.next(2).kind).toBe('append');
    expect(lane.secure(50)).toBe(false);
    expect(lane.secure(102)).toBe(true);
    add(10);
    lane.secure(200);
    expect(journal.find(0, 2)).toBeUndefined();
    lane.secure(260);
    expect(journal.find(0, 2)).toBeDefined();
    await sync(journal, lane);
    expect(await first()).toBe(true);
    lane.answered({ last: 1, redisMs: 11_000 }, 300);
    expect(lane.next(300).kind).toBe('append');
  });

  test('are there when the relay stops, however short they were open', () => {
    const journal = journalOn(new FakeDisk(), '1');
    const { lane, add } = laneOn(journal);
    lane.shelve(0);
    expect(journal.find(0, 1)).toBeUndefined();
    add(0);
    lane.shelve(0);
    expect(journal.find(0, 1)?.receivedMs).toBe(5_000);
  });

  test('wait for Redis alone when the disk has them not, and have one receipt for both ways', async () => {
    const disk = new FakeDisk();
    const journal = journalOn(disk, '1');
    const { lane, add, contact, sent } = laneOn(journal);
    contact(0);
    disk.refusing = true;
    const settled = add(0);
    expect(sent(2)).toEqual([1, false]);
    await sync(journal, lane);
    expect(await settled()).toBe(false);
    lane.answered({ last: 1, redisMs: 11_000 }, 5);
    expect(await settled()).toBe(true);
    await sync(journal, lane);
    expect(await settled()).toBe(true);
  });
});

describe('what an earlier start left', () => {
  async function leftBehind(batches: number) {
    const disk = new FakeDisk();
    const first = laneOn(journalOn(disk, '1'));
    for (let i = 0; i < batches; i++) {
      first.add(i, 1_000 * (i + 1));
      first.lane.shelve(i);
    }
    const [part] = journalOn(disk, '2').recover();
    return { disk, ...laneOn(part!.journal, { lastSequence: part!.lastSequences.get(0)! }), journal: part!.journal };
  }

  test('is asked for before anything is sent, and then sent in order under its own sequences', async () => {
    const { lane, contact, sent } = await leftBehind(4);
    expect([lane.empty, lane.drainedMs, lane.owedSinceMs]).toEqual([false, undefined, 1_000]);
    contact(2);
    expect([lane.drainedMs, lane.owedSinceMs]).toEqual([3_000, 3_000]);
    expect(sent(0)).toEqual([3, false]);
    lane.answered({ last: 3, redisMs: 10_000 }, 0);
    expect(sent(0)).toEqual([4, false]);
    lane.answered({ last: 4, redisMs: 10_000 }, 0);
    expect([lane.empty, lane.drainedMs]).toEqual([true, 10_000]);
    expect(lane.next(0)).toEqual({ kind: 'wait', ms: 1_000 });
  });

  test('may be what Redis lacks, from its first line on, until Redis has answered, and again after the connection was lost', async () => {
    const { lane, contact } = await leftBehind(4);
    expect(lane.unsureSinceMs).toBe(1_000);
    contact(4);
    expect([lane.unsureSinceMs, lane.owedSinceMs]).toEqual([Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY]);
    lane.disconnected();
    expect([lane.unsureSinceMs, lane.owedSinceMs]).toEqual([1_000, Number.POSITIVE_INFINITY]);
    contact(2, 1_000);
    expect(lane.unsureSinceMs).toBe(3_000);
  });

  test('is sent again when Redis forgets it', async () => {
    const { lane, contact, sent, seen } = await leftBehind(2);
    contact(2);
    contact(0, 1_000);
    expect(seen.lost).toBe(2);
    expect(sent(1_000)).toEqual([1, false]);
    expect(lane.empty).toBe(false);
  });

  test('may be less than Redis has, for its torn end was sent; what only Redis had and lost is a gap', async () => {
    const { lane, contact, sent, seen } = await leftBehind(2);
    contact(5);
    expect([lane.empty, seen.gap]).toEqual([true, 0]);
    contact(1, 1_000);
    expect([seen.lost, seen.gap]).toEqual([4, 3]);
    expect(sent(1_000)).toEqual([2, false]);
  });

  test('that goes bad on disk is passed over, and counted as a gap', async () => {
    const { lane, disk, contact, sent, seen, journal } = await leftBehind(3);
    const second = journal.find(0, 2);
    expect(second).toBeDefined();
    const [name] = [...disk.files.keys()];
    const bytes = disk.files.get(name!)!.written;
    disk.rot(name!, bytes.indexOf('event_type', bytes.indexOf('event_type') + 1));
    contact(1);
    expect(sent(0)).toEqual([3, true]);
    lane.answered({ last: 3, redisMs: 10_000 }, 0);
    expect([lane.empty, seen.gap]).toEqual([true, 1]);
  });
});
