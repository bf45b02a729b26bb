import { findMissed } from './missing-checks.ts';
import { CHECKS } from './redis/checks.ts';
import { runSchedules } from './schedules.ts';
import { simulate } from './simulation.ts';

/** A few schedules of the real protocol code in a simulated world; `npm run simulate` runs as many as one likes. */
const SCHEDULES = 2_000;
/** Of one test: each has its time, and a machine may be busy. */
const PART = 100;
const PARTS = Array.from({ length: SCHEDULES / PART }, (_, i) => 1 + i * PART);

test.each(PARTS)(`no guarantee is broken in the ${PART} schedules from seed %p`, async (from) => {
  const { ran, violated } = await runSchedules({ from, seeds: PART });
  if (violated) throw new Error(`npm run simulate -- --seed ${violated.seed} --trace: ${violated.violation}`);
  expect(ran).toBe(PART);
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
