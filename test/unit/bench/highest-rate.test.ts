import fc from 'fast-check';
import { highestRate, type RateTrial } from '../../../bench/measure/highest-rate.ts';

/** A receiver that can take so much, from a sender that can send so much. */
function world(limit: number, senderLimit = Number.POSITIVE_INFINITY) {
  const tried: number[] = [];
  const attempt = async (wanted: number): Promise<RateTrial> => {
    tried.push(wanted);
    const rate = Math.min(wanted, senderLimit);
    return { passed: rate <= limit, rate };
  };
  return { tried, attempt };
}

test('comes as near to the limit as it is asked to, from below, wherever it begins', async () => {
  const rate = fc.double({ min: 10, max: 1e6, noNaN: true });
  await fc.assert(
    fc.asyncProperty(rate, rate, fc.constantFrom(1.1, 2), async (limit, from, step) => {
      const found = await highestRate({ from, step, within: 0.05, attempt: world(limit).attempt });
      expect(found.senderWasTheLimit).toBe(false);
      expect(found.rate).toBeLessThanOrEqual(limit);
      expect(found.rate).toBeGreaterThan(limit / 1.05 - 1e-6);
    }),
  );
});

test('needs few trials where it begins at what another run has found', async () => {
  const { tried, attempt } = world(1000);
  await highestRate({ from: 990, step: 1.1, within: 0.05, attempt });
  expect(tried.length).toBeLessThanOrEqual(4);
});

test('says when the sender was the limit, and counts what it really sent', async () => {
  const { attempt } = world(1000, 300);
  expect(await highestRate({ from: 100, step: 2, within: 0.05, attempt })).toEqual({
    rate: 300,
    senderWasTheLimit: true,
  });
});

test('of a receiver that takes nothing it is nothing', async () => {
  const { attempt } = world(0);
  expect(await highestRate({ from: 100, step: 2, within: 0.05, attempt })).toEqual({
    rate: 0,
    senderWasTheLimit: false,
  });
});
