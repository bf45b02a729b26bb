/**
 * The highest rate that a trial passes, found by going up or down in steps and then by halving what lies between a rate that
 * passed and one that did not. A trial says at which rate it really ran: one that its sender could not keep up with counts
 * for what it was, and ends the search when it passes. Pure: the trial is an argument.
 */
export interface RateTrial {
  passed: boolean;
  /** What was really sent. */
  rate: number;
}

export interface RateSearch {
  /** Where to begin. */
  from: number;
  /** From one rate to the next until one passed and one did not; above 1. */
  step: number;
  /** Ends when the answer is known to within this part of it. */
  within: number;
  attempt: (rate: number) => Promise<RateTrial>;
}

export interface HighestRate {
  rate: number;
  /** The sender, not the receiver, ended the search. */
  senderWasTheLimit: boolean;
}

/** A sender that reaches less of the wanted rate than this is at its limit. */
const REACHED = 0.97;
const LOWEST = 1;

export async function highestRate({ from, step, within, attempt }: RateSearch): Promise<HighestRate> {
  let passed = 0;
  let failed = Number.POSITIVE_INFINITY;
  let next = from;
  while (failed - passed > passed * within) {
    const trial = await attempt(next);
    if (trial.passed) {
      passed = Math.max(passed, trial.rate);
      if (trial.rate < next * REACHED) return { rate: passed, senderWasTheLimit: true };
    } else {
      failed = Math.min(failed, next);
    }
    if (failed <= LOWEST) break;
    if (failed === Number.POSITIVE_INFINITY) next *= step;
    else if (passed === 0) next = failed / step;
    else next = (passed + failed) / 2;
  }
  return { rate: passed, senderWasTheLimit: false };
}
