import { JournalMemory } from '@weir/relay/journal-memory';

const batch = (sequence: number) => ({ sequence, receivedMs: 0, lineCount: 1, lines: Buffer.alloc(744) });

test('the first ones stay, and what comes beyond the bound leaves once it is synced', () => {
  const memory = new JournalMemory(3_000);
  for (let sequence = 1; sequence <= 5; sequence++) memory.add(0, batch(sequence));
  expect([memory.bytes, memory.over]).toEqual([5_000, true]);
  for (let sequence = 1; sequence <= 5; sequence++) memory.synced(0, sequence);
  expect([memory.bytes, memory.over]).toEqual([3_000, false]);
  expect(memory.get(0, 3)).toBeDefined();
  expect(memory.get(0, 4)).toBeUndefined();
});

test('what is not needed any more leaves, up to a sequence and of one partition', () => {
  const memory = new JournalMemory(10_000);
  for (const partition of [0, 1]) for (const sequence of [1, 2, 3]) memory.add(partition, batch(sequence));
  memory.release(0, 2);
  memory.release(0, 2);
  memory.release(7, 2);
  expect(memory.bytes).toBe(4_000);
  expect(memory.from(0, 1)?.sequence).toBe(3);
  expect(memory.from(1, 2)?.sequence).toBe(2);
  expect(memory.from(0, 4)).toBeUndefined();
  memory.release(0, 3);
  memory.release(1, 3);
  expect(memory.bytes).toBe(0);
});
