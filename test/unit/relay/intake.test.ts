import { partitionOf } from '@weir/common/partition';
import { Stamps } from '@weir/common/stamps';
import { Intake } from '@weir/relay/intake';
import { MemoryJournal } from '@weir/relay/journal';
import { Lane } from '@weir/relay/lane';

const PARTITIONS = 4;

function build(maxBytes = 1_000_000) {
  const journal = new MemoryJournal({ maxBytes });
  const nothing = () => undefined;
  const lanes = Array.from(
    { length: PARTITIONS },
    (_, partition) =>
      new Lane({
        partition,
        journal,
        batchBytes: 10_000,
        lingerMs: 0,
        unattendedLingerMs: 0,
        probeEveryMs: 1e9,
        backoffMs: () => 0,
        events: { work: nothing, journaled: nothing, confirmed: nothing, lostByRedis: nothing, gap: nothing },
      }),
  );
  const intake = new Intake({ lanes, journal, stamps: new Stamps(0), nowMs: () => 9000.7, monotonicMs: () => 0 });
  /** Appends and confirms whatever there is; answers the lines of each partition. */
  const flush = () =>
    lanes.map((lane) => {
      let lines = '';
      for (let step = lane.next(1); step.kind !== 'wait'; step = lane.next(1)) {
        if (step.kind === 'append') lines += step.batch.lines.toString();
        lane.answered({ last: step.kind === 'append' ? step.batch.sequence : lane.lastSequence, redisMs: 0 }, 1);
      }
      return lines;
    });
  return { intake, journal, lanes, flush };
}

const lineOf = (user: string) => `event_type=a,product=b value=${user} 5`;

test('the lines of a user go to one partition, however the name is written', () => {
  const { intake, flush } = build();
  const users = Array.from({ length: 50 }, (_, i) => `user ${i}`);
  for (const user of users) {
    intake.take(Buffer.from(lineOf(user.replace(' ', '\\ '))), 'ns');
    intake.takeUnattended(Buffer.from(`m,product=b,event_type=a value="${user}" 5`));
  }
  const partitions = flush();
  expect(partitions.every((lines) => lines !== '')).toBe(true);
  for (const user of users) {
    const name = Buffer.from(user);
    const lines = partitions[partitionOf(name, 0, name.length, PARTITIONS)]!.split('\n');
    expect(lines).toContain(lineOf(user.replace(' ', '\\ ')));
    expect(lines).toContain(`m,product=b,event_type=a value="${user}" 5`);
  }
});

test('a request is confirmed when the batches of all its partitions are', async () => {
  const { intake, flush } = build();
  const taken = intake.take(Buffer.from(['a', 'b', 'c', 'd', 'e', 'f'].map(lineOf).join('\n')), 'ns');
  const confirmed = jest.fn();
  void taken.confirmed.then(confirmed);
  await Promise.resolve();
  expect(taken.accepted).toBe(6);
  expect(confirmed).not.toHaveBeenCalled();
  flush();
  await Promise.resolve();
  expect(confirmed).toHaveBeenCalledTimes(1);
});

test('a request without a good line has nothing to wait for', async () => {
  const { intake } = build();
  const { accepted, rejected, confirmed } = intake.take(Buffer.from('bad'), 'ns');
  expect([accepted, rejected]).toEqual([0, 1]);
  await expect(confirmed).resolves.toBeUndefined();
});

test('a request with an Idempotency-Key says the number that each line has in its body', () => {
  const { intake, lanes, journal, flush } = build();
  intake.take(Buffer.from(`\n${lineOf('u')}\nbad\n${lineOf('u')}`), 'ns', 'key-1');
  flush();
  const name = Buffer.from('u');
  const partition = partitionOf(name, 0, 1, PARTITIONS);
  expect(lanes[partition]!.lastSequence).toBe(1);
  expect(journal.read(partition, 1)).toMatchObject({ idempotencyKey: 'key-1', lineNumbers: '2,4', receivedMs: 9000 });
});

test('open batches count against the room of the journal', () => {
  const { intake, flush } = build(2000);
  expect(intake.hasRoom(1900)).toBe(true);
  intake.take(Buffer.from(`${lineOf('u')}\n`.repeat(5)), 'ns');
  expect(intake.hasRoom(1900)).toBe(false);
  flush();
  expect(intake.hasRoom(1900)).toBe(true);
});
