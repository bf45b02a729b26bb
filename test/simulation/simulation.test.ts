import { findMissed } from './missing-checks.ts';
import { CHECKS } from './redis/checks.ts';
import { simulate } from './simulation.ts';

/** A few schedules of the real protocol code in a simulated world; `npm run simulate` runs as many as one likes. */
const SCHEDULES = 1_500;

test(`no guarantee is broken in ${SCHEDULES} schedules`, async () => {
  for (let seed = 1; seed <= SCHEDULES; seed++) {
    const { violation } = await simulate(seed);
    if (violation !== undefined) throw new Error(`npm run simulate -- --seed ${seed} --trace: ${violation}`);
  }
});

test('a seed is one schedule, to the last reply', async () => {
  for (const seed of [3, 14, 38, 2106]) {
    const [first, second] = [await simulate(seed, { tracing: true }), await simulate(seed, { tracing: true })];
    expect(first.trace.length).toBeGreaterThan(10);
    expect(second.trace).toEqual(first.trace);
  }
});

describe('a guarantee is broken without the check', () => {
  test.each(CHECKS)('%s', async (check) => {
    expect((await findMissed(check, 300))?.violation).toEqual(expect.any(String));
  });
});
