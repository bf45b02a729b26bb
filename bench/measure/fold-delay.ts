import type { Weighted } from './statistics.ts';

/**
 * How long events take from Redis, where the relay has put them before it answers, to the books, worked out from looks
 * at what was received and folded so far: both only grow, and what came first is folded first. Pure.
 */
export interface BooksLook {
  atMs: number;
  /** Lines, per partition. */
  received: readonly number[];
  folded: readonly number[];
}

/**
 * One value for what came between two looks, in milliseconds, weighted by how much that was. It is taken to have come
 * right after the first of the two, and to be folded when a look shows it, so the answer is at most two looks too long
 * and never too short. What is not folded at the last look is left out.
 */
export function foldDelays(looks: readonly BooksLook[]): Weighted[] {
  const delays: Weighted[] = [];
  const partitions = looks[0]?.received.length ?? 0;
  for (let partition = 0; partition < partitions; partition++) {
    let foldedAt = 0;
    for (let i = 1; i < looks.length; i++) {
      const received = looks[i]!.received[partition]!;
      const weight = received - looks[i - 1]!.received[partition]!;
      if (weight === 0) continue;
      while (foldedAt < looks.length && looks[foldedAt]!.folded[partition]! < received) foldedAt++;
      if (foldedAt === looks.length) break;
      delays.push({ value: looks[foldedAt]!.atMs - looks[i - 1]!.atMs, weight });
    }
  }
  return delays;
}
