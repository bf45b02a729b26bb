import { choosePartitions } from '@weir/cli/deployment-target';
import { entryMs } from '@weir/cli/entry-id';
import { aliveIds, readHeartbeats } from '@weir/cli/heartbeats';
import { Budget, PageSize } from '@weir/cli/page-size';

describe('how much one step may touch', () => {
  test('grows while steps are quick, shrinks when one was slow, and keeps its bounds', () => {
    const page = new PageSize();
    const sizes = [1, 1, 1, 3, 9, 9, 9, 9].map((ms) => {
      page.took(ms);
      return page.size;
    });
    expect(sizes).toEqual([16, 32, 64, 64, 32, 16, 8, 8]);
    for (let i = 0; i < 20; i++) page.took(0);
    expect(page.size).toBe(1_024);
  });

  test('does not take a long way to Redis for work of it', () => {
    const page = new PageSize();
    for (let i = 0; i < 20; i++) page.took(40);
    expect(page.size).toBe(1_024);
  });

  test('ends with the budget of the command', () => {
    let nowMs = 1_000;
    const budget = new Budget(500, () => nowMs);
    nowMs = 1_499;
    expect(budget.spent()).toBe(false);
    nowMs = 1_500;
    expect(budget.spent()).toBe(true);
  });
});

test('a heartbeat is read with its age; what is none is left out', () => {
  const heartbeats = readHeartbeats({ a: 'f00 1000 9000', b: 'f00 1000 3999', c: 'odd', d: 'f00 1 99999' }, 9_000);
  expect(heartbeats).toEqual([
    { id: 'a', sinceMs: 0 },
    { id: 'b', sinceMs: 5_001 },
    { id: 'd', sinceMs: 0 },
  ]);
  expect(aliveIds(heartbeats)).toEqual(['a', 'd']);
});

test('the age of an entry is in its id', () => {
  expect(entryMs('1478507534415-3')).toBe(1_478_507_534_415);
  expect(entryMs('odd')).toBeNaN();
});

describe('the number of partitions', () => {
  test('is the recorded one, which a flag may repeat', () => {
    expect(choosePartitions('weir', 'h:1', undefined, { partitions: 8 })).toBe(8);
    expect(choosePartitions('weir', 'h:1', 8, { partitions: 8 })).toBe(8);
  });

  test('that differs from the recorded one is refused with both', () => {
    expect(() => choosePartitions('weir', 'h:1', 4, { partitions: 8 })).toThrow(/--partitions: got 4, expected 8/);
  });

  test('is the one given where nothing is recorded; without it there is no deployment', () => {
    expect(choosePartitions('weir', 'h:1', 4, undefined)).toBe(4);
    expect(() => choosePartitions('weir', 'h:1', undefined, undefined)).toThrow(
      /no deployment under prefix "weir" in Redis at h:1/,
    );
  });
});
