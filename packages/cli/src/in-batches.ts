/**
 * Does the same for each of many, a handful at a time, and answers in their order. Looks are too short to be felt one by
 * one, and Redis serves others between any two of them; sent one after the other's answer they would mostly wait. Pure.
 */
const AT_ONCE = 8;

export async function inBatches<T, R>(
  items: readonly T[],
  work: (item: T) => Promise<R>,
  atOnce = AT_ONCE,
): Promise<R[]> {
  const results: R[] = [];
  for (let at = 0; at < items.length; at += atOnce) {
    results.push(...(await Promise.all(items.slice(at, at + atOnce).map(work))));
  }
  return results;
}

/** 0, 1, 2 and so on. */
export function partitionNumbers(partitions: number): number[] {
  return Array.from({ length: partitions }, (_, partition) => partition);
}
