import { median } from './statistics.ts';

/** The median of the last quarter of a series as a multiple of that of the third: about 1 where it is flat. Pure. */
export function growthBetween(values: readonly number[]): number {
  const [third, last] = lastQuarters(values);
  return median(last) / median(third);
}

/** The third and the last quarter. */
export function lastQuarters(values: readonly number[]): [number[], number[]] {
  const quarter = Math.max(1, Math.floor(values.length / 4));
  return [values.slice(-2 * quarter, -quarter), values.slice(-quarter)];
}
