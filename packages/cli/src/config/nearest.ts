/** The name that somebody may have meant. Pure. */
export function nearest(typed: string, names: Iterable<string>): string | undefined {
  // A third of it wrong is another name.
  let [best, least] = [undefined as string | undefined, Math.max(1, Math.floor(typed.length / 3)) + 1];
  for (const name of names) {
    const apart = distance(typed.toLowerCase().replaceAll('_', '-'), name);
    if (apart < least) [best, least] = [name, apart];
  }
  return best;
}

/** Letters to insert, to drop, to replace, or to swap with their neighbour, at least. */
function distance(a: string, b: string): number {
  let [beforeLast, last] = [[] as number[], Array.from({ length: b.length + 1 }, (_, j) => j)];
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1] ? 0 : 1;
      row[j] = Math.min(row[j - 1]! + 1, last[j]! + 1, last[j - 1]! + same);
      const swapped = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1];
      if (swapped) row[j] = Math.min(row[j]!, beforeLast[j - 2]! + 1);
    }
    [beforeLast, last] = [last, row];
  }
  return last[b.length]!;
}
