import { silentLogger } from '@weir/common/logger';
import { JournalReach } from '@weir/relay/journal-reach';
import { FakeClock } from '../../support/fake-clock.ts';

function reaching(needed: number | undefined) {
  const clock = new FakeClock();
  const counts = { journalShortReaches: 0 };
  let asked = 0;
  const neededMs = async () => {
    asked++;
    return needed;
  };
  const reach = new JournalReach({ clock, neededMs, counts, logger: silentLogger });
  return { clock, counts, reach, asked: () => asked };
}

test('a journal that reaches back less than is needed is counted, once a minute', async () => {
  const { clock, counts, reach, asked } = reaching(1_000_000);
  await reach.droppedEarly(999_999);
  await reach.droppedEarly(5);
  expect([counts.journalShortReaches, asked()]).toEqual([1, 1]);
  await clock.advance(60_000);
  await reach.droppedEarly(5);
  expect(counts.journalShortReaches).toBe(2);
});

test.each([[1_000_000], [undefined]])(
  'one that reaches far enough, or for which nothing is known, is not: %j',
  async (needed) => {
    const { counts, reach } = reaching(needed);
    await reach.droppedEarly(1_000_000);
    expect(counts.journalShortReaches).toBe(0);
  },
);
