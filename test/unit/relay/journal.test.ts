import { type JournalBatch, MemoryJournal } from '@weir/relay/journal';
import fc from 'fast-check';

const batch = (sequence: number, bytes = 1000): JournalBatch => ({
  sequence,
  receivedMs: sequence,
  lineCount: 1,
  lines: Buffer.alloc(bytes),
});

test('a batch can be read again until there is no room, the oldest confirmed one goes first', () => {
  const journal = new MemoryJournal({ maxBytes: 4 * 1256 });
  journal.append(0, batch(1));
  journal.append(1, batch(1));
  journal.append(0, batch(2));
  journal.append(0, batch(3));
  journal.confirm(0, 3);
  journal.confirm(1, 1);
  expect(journal.read(0, 1)).toEqual(batch(1));
  expect(journal.read(0, 4)).toBeUndefined();
  journal.append(0, batch(4));
  expect([journal.oldest(0), journal.oldest(1)]).toEqual([2, 1]);
  journal.append(0, batch(5));
  expect([journal.oldest(0), journal.oldest(1)]).toEqual([2, 2]);
  expect(journal.read(0, 1)).toBeUndefined();
  expect(journal.read(0, 5)).toEqual(batch(5));
});

test('what is not confirmed is never dropped: there is no room for more instead', () => {
  const journal = new MemoryJournal({ maxBytes: 3000 });
  expect(journal.hasRoom(3000, 0)).toBe(true);
  journal.append(0, batch(1));
  journal.append(0, batch(2));
  journal.append(0, batch(3));
  expect(journal.read(0, 1)).toEqual(batch(1));
  expect(journal.hasRoom(1, 0)).toBe(false);
  journal.confirm(0, 2);
  expect(journal.hasRoom(1000, 0)).toBe(true);
  expect(journal.hasRoom(1000, 1000)).toBe(false);
});

test('what Redis lost again counts as unconfirmed again', () => {
  const journal = new MemoryJournal({ maxBytes: 3000 });
  journal.append(0, batch(1));
  journal.append(0, batch(2));
  journal.confirm(0, 2);
  expect(journal.unconfirmedBytes).toBe(0);
  journal.confirm(0, 0);
  expect(journal.unconfirmedBytes).toBe(journal.bytes);
  expect(journal.hasRoom(1000, 0)).toBe(false);
});

test('a sequence cannot be left out', () => {
  const journal = new MemoryJournal({ maxBytes: 3000 });
  expect(() => journal.append(0, batch(2))).toThrow('sequence 2 journaled where 1 was due');
});

type Step = { kind: 'append'; partition: number; bytes: number } | { kind: 'confirm'; partition: number; to: number };
const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({ kind: fc.constant('append' as const), partition: fc.nat(2), bytes: fc.nat(2000) }),
  fc.record({
    kind: fc.constant('confirm' as const),
    partition: fc.nat(2),
    to: fc.double({ min: 0, max: 1, noNaN: true }),
  }),
);

test('its books balance through any appends, confirmations and rollbacks', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 120 }), (steps) => {
      const journal = new MemoryJournal({ maxBytes: 10_000 });
      const shelves = [0, 1, 2].map(() => ({ last: 0, confirmed: 0 }));
      for (const each of steps) {
        const shelf = shelves[each.partition]!;
        if (each.kind === 'append') journal.append(each.partition, batch(++shelf.last, each.bytes));
        else {
          // Redis never holds what is not sent, nor goes back behind what it is never asked for again.
          shelf.confirmed = Math.round(each.to * shelf.last);
          journal.confirm(each.partition, shelf.confirmed);
        }
        let bytes = 0;
        let unconfirmed = 0;
        for (const [partition, { last, confirmed }] of shelves.entries()) {
          for (let sequence = 1; sequence <= last; sequence++) {
            const found = journal.read(partition, sequence);
            expect(found?.sequence).toBe(sequence >= journal.oldest(partition) ? sequence : undefined);
            if (!found) continue;
            bytes += found.lines.length + 256;
            if (sequence > confirmed) unconfirmed += found.lines.length + 256;
          }
        }
        expect(journal.bytes).toBe(bytes);
        expect(journal.unconfirmedBytes).toBe(unconfirmed);
        expect(bytes <= 10_000 || bytes === unconfirmed).toBe(true);
      }
    }),
  );
});
