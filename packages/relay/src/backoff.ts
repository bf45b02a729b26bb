/**
 * How long to wait after so many failures in a row: doubling from 50 ms to a second, and spread, so that lanes do not
 * march in step.
 */
export function backoffMs(failures: number, random: () => number): number {
  const fullMs = Math.min(1_000, 50 * 2 ** Math.min(failures - 1, 5));
  return fullMs * (0.5 + random() / 2);
}
