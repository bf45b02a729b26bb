import { silentLogger } from '@weir/common/logger';
import { DiskJournal, type DiskJournalOptions, type JournalCounts } from '@weir/relay/disk-journal';
import fc from 'fast-check';
import { FakeClock, settle } from '../../support/fake-clock.ts';
import { FakeDisk } from '../../support/fake-disk.ts';

const MAX_BYTES = 160_000;
const AGE_MS = 80_000;
let starts = 0;

function start(disk = new FakeDisk(), options: Partial<DiskJournalOptions> = {}) {
  const clock = new FakeClock();
  const counts: JournalCounts = {
    syncs: 0,
    syncSeconds: { observe: () => undefined },
    writeFailures: 0,
    recoveredBatches: 0,
    tornRecords: 0,
    damagedSegments: 0,
    roomRefusals: 0,
  };
  const seen = { synced: 0, droppedEarly: [] as number[] };
  const journal = new DiskJournal({
    files: disk,
    clock,
    head: { relayId: 'r', incarnation: String(++starts).padStart(16, '0') },
    maxBytes: MAX_BYTES,
    ageMs: AGE_MS,
    memoryBytes: 1e6,
    syncEveryMs: 1_000,
    counts,
    events: {
      synced: () => {
        seen.synced++;
      },
      droppedEarly: (ageMs) => seen.droppedEarly.push(ageMs),
    },
    logger: silentLogger,
    ...options,
  });
  const recovered = journal.recover();
  const last = [0, 0];
  const add = (partition = 0, bytes = 1_000) => {
    const sequence = ++last[partition]!;
    const lines = Buffer.from(`${partition}/${sequence} `.padEnd(bytes, '.'));
    journal.append(partition, { sequence, receivedMs: 10 * sequence, lineCount: 2, lines });
    return sequence;
  };
  return { disk, clock, counts, seen, journal, recovered, add };
}

const text = (lines: Buffer | undefined) => lines?.toString().split(' ')[0];

describe('a batch', () => {
  test('is on disk when it is appended, and durable after a sync', async () => {
    const { disk, journal, add, seen } = start();
    add();
    expect([journal.synced(0), seen.synced]).toEqual([0, 0]);
    journal.requestSync();
    await settle();
    expect([journal.synced(0), seen.synced]).toEqual([1, 1]);
    add();
    disk.losePower();
    const { recovered } = start(disk);
    expect(recovered).toHaveLength(1);
    const [{ journal: part, lastSequences }] = recovered as [(typeof recovered)[0]];
    expect([...lastSequences]).toEqual([[0, 1]]);
    expect(text(part.read(0, 1)?.lines)).toBe('0/1');
    expect(part.find(0, 2)).toBeUndefined();
  });

  test('is synced once an interval without anybody asking, and not while there is nothing to sync', async () => {
    const { disk, clock, journal, add } = start();
    add();
    journal.care();
    await settle();
    expect(disk.syncs).toBe(0);
    await clock.advance(1_000);
    journal.care();
    await settle();
    expect([disk.syncs, journal.synced(0)]).toEqual([1, 1]);
    await clock.advance(5_000);
    journal.care();
    await settle();
    expect(disk.syncs).toBe(1);
  });

  test('that comes while a sync is under way is covered by the next one, and all that came by one', async () => {
    const { disk, journal, add } = start();
    let carryOn: () => void = () => undefined;
    disk.beforeSync = () => new Promise((resolve) => (carryOn = resolve));
    add();
    journal.requestSync();
    await settle();
    for (let i = 0; i < 5; i++) {
      add();
      journal.requestSync();
    }
    disk.beforeSync = async () => undefined;
    carryOn();
    await settle();
    expect([journal.synced(0), disk.syncs]).toEqual([6, 2]);
  });

  test('beyond what may be in memory is read from disk, and the first ones are not', async () => {
    const { disk, journal, add } = start(undefined, { memoryBytes: 10_000 });
    for (let i = 0; i < 20; i++) add();
    await settle();
    const readsBefore = disk.reads;
    expect(text(journal.read(0, 1)?.lines)).toBe('0/1');
    expect(disk.reads).toBe(readsBefore);
    for (let sequence = 1; sequence <= 20; sequence++) {
      expect(text(journal.read(0, sequence)?.lines)).toBe(`0/${sequence}`);
      expect(journal.find(0, sequence)).toMatchObject({ sequence, receivedMs: 10 * sequence });
    }
    expect(disk.reads).toBeGreaterThan(readsBefore);
  });

  test('out of sequence is a bug', () => {
    const { journal, add } = start();
    add();
    expect(() => journal.append(0, { sequence: 3, receivedMs: 0, lineCount: 1, lines: Buffer.from('x') })).toThrow(
      'sequence 3 journaled where 2 was due',
    );
  });
});

describe('the ring', () => {
  test('drops the oldest confirmed segments when bytes run out, and says how far it reached', async () => {
    const { clock, disk, journal, add, seen } = start();
    for (let i = 0; i < 400; i++) {
      journal.confirm(0, add());
      await clock.advance(100);
      journal.care();
      expect(journal.bytes).toBeLessThanOrEqual(MAX_BYTES);
      expect(journal.hasRoom(1_000, 0)).toBe(true);
    }
    expect(journal.find(0, 1)!.sequence).toBeGreaterThan(200);
    expect(seen.droppedEarly.length).toBeGreaterThan(10);
    expect(seen.droppedEarly.at(-1)).toBeLessThan(AGE_MS / 4);
    await settle();
    expect([...disk.files.values()].reduce((sum, { written }) => sum + written.length, 0)).toBe(journal.bytes);
  });

  test('never drops what is not confirmed: it has no more room instead', () => {
    const { journal, add, counts } = start();
    let appended = 0;
    while (journal.hasRoom(1_000, 0)) appended = add();
    expect(appended).toBeGreaterThan(140);
    expect(counts.roomRefusals).toBe(1);
    for (let sequence = 1; sequence <= appended; sequence++) expect(journal.read(0, sequence)).toBeDefined();
    journal.confirm(0, appended);
    expect(journal.unconfirmedBytes).toBe(0);
    expect(journal.hasRoom(1_000, 0)).toBe(true);
    journal.confirm(0, 0);
    expect(journal.hasRoom(1_000, 0)).toBe(false);
  });

  test('lets one partition hold back its own segments and no others', () => {
    const { journal, add } = start();
    add(1);
    for (let i = 0; i < 500; i++) journal.confirm(0, add(0));
    expect(text(journal.read(1, 1)?.lines)).toBe('1/1');
    expect(journal.bytes).toBeLessThanOrEqual(MAX_BYTES);
  });

  test('drops confirmed segments by age, a quiet one too, and not those that Redis does not have', async () => {
    const { clock, journal, add } = start();
    journal.confirm(0, add(0));
    await clock.advance(AGE_MS / 8);
    journal.care();
    add(1);
    await clock.advance(AGE_MS);
    journal.care();
    await settle();
    expect(journal.find(0, 1)).toBeUndefined();
    expect(journal.find(1, 1)).toBeDefined();
    journal.confirm(1, 1);
    journal.care();
    expect(journal.find(1, 1)).toBeUndefined();
    expect(journal.bytes).toBe(0);
  });
});

describe('a disk that refuses', () => {
  test('takes nothing new, keeps what is at hand, and is written again in order', async () => {
    const { disk, clock, journal, add, counts } = start();
    add();
    disk.freeBytes = 500;
    add();
    add();
    expect([journal.failing, journal.hasRoom(1, 0), counts.writeFailures]).toEqual([true, false, 1]);
    expect(text(journal.read(0, 3)?.lines)).toBe('0/3');
    journal.requestSync();
    await settle();
    expect(journal.synced(0)).toBe(1);
    // Nothing of the piece that fitted is left.
    expect(start(disk).counts.tornRecords).toBe(0);
    disk.freeBytes = 1e6;
    journal.care();
    expect(journal.failing).toBe(true);
    await clock.advance(1_000);
    journal.care();
    expect([journal.failing, journal.hasRoom(1, 0)]).toEqual([false, true]);
    await settle();
    expect(journal.synced(0)).toBe(3);
    disk.losePower();
    const [part] = start(disk).recovered;
    for (const sequence of [1, 2, 3]) expect(text(part!.journal.read(0, sequence)?.lines)).toBe(`0/${sequence}`);
  });

  test('to sync has everything that was not synced written anew, into another file', async () => {
    const { disk, clock, journal, add } = start();
    add();
    add();
    disk.syncRefusing = true;
    journal.requestSync();
    await settle();
    expect([journal.failing, journal.synced(0)]).toEqual([true, 0]);
    disk.syncRefusing = false;
    await clock.advance(1_000);
    journal.care();
    journal.requestSync();
    await settle();
    expect([journal.failing, journal.synced(0)]).toEqual([false, 2]);
    add();
    expect(text(journal.read(0, 3)?.lines)).toBe('0/3');
    disk.losePower();
    const [part] = start(disk).recovered;
    expect(text(part!.journal.read(0, 2)?.lines)).toBe('0/2');
  });

  test('at the stop leaves behind what Redis does not have, and says how much', async () => {
    const { disk, journal, add } = start();
    add();
    disk.refusing = true;
    add();
    add();
    journal.confirm(0, 2);
    expect(await journal.close()).toBe(2);
  });
});

describe('the next start', () => {
  test('finds what every earlier one left, each under its own name, and forgets who has nothing left', async () => {
    const disk = new FakeDisk();
    const first = start(disk);
    for (let i = 0; i < 30; i++) first.add(i % 2);
    const second = start(disk);
    second.add();
    const third = start(disk);
    expect(third.recovered.map(({ head, lastSequences }) => [head.incarnation, [...lastSequences]])).toEqual([
      [
        String(starts - 2).padStart(16, '0'),
        [
          [0, 15],
          [1, 15],
        ],
      ],
      [String(starts - 1).padStart(16, '0'), [[0, 1]]],
    ]);
    expect(third.counts.recoveredBatches).toBe(31);
    expect(third.journal.unconfirmedBytes).toBeGreaterThan(30_000);
    const [one, two] = third.recovered;
    two!.journal.confirm(0, 1);
    await third.clock.advance(AGE_MS);
    third.journal.care();
    expect([two!.holds(0), one!.holds(0)]).toEqual([false, true]);
    expect(two!.journal.find(0, 1)).toBeUndefined();
    expect(one!.journal.find(1, 1)).toBeDefined();
    expect(() => one!.journal.append(0, { sequence: 16, receivedMs: 0, lineCount: 1, lines: Buffer.alloc(0) })).toThrow(
      'gets no more batches',
    );
  });

  test('reads up to a torn end, and counts it', () => {
    const { disk, add, journal } = start();
    add();
    const [name] = [...disk.files.keys()];
    const whole = journal.bytes;
    add();
    disk.files.get(name!)!.written = disk.files.get(name!)!.written.subarray(0, whole + 700);
    const { recovered, counts } = start(disk);
    expect([...recovered[0]!.lastSequences]).toEqual([[0, 1]]);
    expect([counts.tornRecords, counts.damagedSegments]).toEqual([1, 0]);
  });

  test('leaves out the rest of a damaged segment with an alarm, and goes on with the next segment', () => {
    const { disk, add } = start();
    for (let i = 0; i < 25; i++) add();
    const [name] = [...disk.files.keys()];
    disk.rot(name!, 3_500);
    const { recovered, counts } = start(disk);
    expect(counts).toMatchObject({ tornRecords: 0, damagedSegments: 1 });
    const { journal } = recovered[0]!;
    expect(journal.find(0, 3)?.sequence).toBe(3);
    const next = journal.find(0, 4)!.sequence;
    expect(next).toBeGreaterThan(4);
    for (let sequence = next; sequence <= 25; sequence++) expect(journal.find(0, sequence)?.sequence).toBe(sequence);
  });

  test('passes over a record that goes bad later, with an alarm', () => {
    const { disk, add } = start();
    for (let i = 0; i < 5; i++) add();
    const { recovered, counts } = start(disk);
    const [name] = [...disk.files.keys()];
    const { journal } = recovered[0]!;
    expect(journal.find(0, 2)?.sequence).toBe(2);
    disk.rot(name!, 1_700);
    expect(journal.read(0, 2)).toBeUndefined();
    expect(journal.find(0, 2)?.sequence).toBe(3);
    expect(text(journal.read(0, 3)?.lines)).toBe('0/3');
    expect(counts.damagedSegments).toBe(1);
  });
});

test('whatever the disk does, what is synced is found again, and nothing that was not written', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.constantFrom('append', 'append', 'append', 'sync', 'full', 'room', 'sync-fails', 'wait'), {
        maxLength: 60,
      }),
      fc.constantFrom('crash', 'power'),
      fc.nat(1_500),
      async (steps, end, tornBytes) => {
        const { disk, clock, journal, add } = start(undefined, { maxBytes: 1e6, memoryBytes: 3_000 });
        let appended = 0;
        for (const step of steps) {
          if (step === 'append') appended = add();
          if (step === 'sync') journal.requestSync();
          if (step === 'full') disk.freeBytes = 300;
          if (step === 'room') disk.freeBytes = 1e6;
          disk.syncRefusing = step === 'sync-fails';
          if (step === 'sync-fails') journal.requestSync();
          if (step === 'wait') {
            await clock.advance(1_000);
            journal.care();
          }
          await settle();
          for (let sequence = 1; sequence <= appended; sequence++) {
            expect(text(journal.read(0, sequence)?.lines)).toBe(`0/${sequence}`);
          }
        }
        const synced = journal.synced(0);
        if (end === 'power') disk.losePower(tornBytes);
        const [part] = start(disk, { maxBytes: 1e6 }).recovered;
        const last = part?.lastSequences.get(0) ?? 0;
        expect(last).toBeGreaterThanOrEqual(synced);
        expect(last).toBeLessThanOrEqual(appended);
        for (let sequence = 1; sequence <= last; sequence++) {
          expect(text(part!.journal.read(0, sequence)?.lines)).toBe(`0/${sequence}`);
        }
      },
    ),
    { numRuns: 60 },
  );
});
