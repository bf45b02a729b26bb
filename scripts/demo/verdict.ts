/** Compares what a database holds with what it should hold, both as sorted line protocol. Pure. */
export function sameLines(held: readonly string[], expected: readonly string[]): boolean {
  return held.length === expected.length && held.every((line, i) => line === expected[i]);
}

/** For people: how much differs, and the first few lines that do. */
export function differences(name: string, held: readonly string[], expected: readonly string[]): string {
  const has = new Set(held);
  const wants = new Set(expected);
  const missing = expected.filter((point) => !has.has(point));
  const extra = held.filter((point) => !wants.has(point));
  const lines = [`${name}: ${missing.length} points missing or wrong, ${extra.length} not expected`];
  for (const point of missing.slice(0, 3)) lines.push(`  expected ${point}`);
  for (const point of extra.slice(0, 3)) lines.push(`  holds    ${point}`);
  return lines.join('\n');
}

export function timestampOf(point: string): string {
  return point.slice(point.lastIndexOf(' ') + 1);
}

/** The sum of the events that the points count. */
export function eventsIn(points: readonly string[]): number {
  const counts = points.filter((point) => point.startsWith('cumulative_user_event,'));
  return counts.reduce((sum, point) => sum + Number(/ value=([0-9.]+) [0-9]+$/.exec(point)?.[1]), 0);
}
