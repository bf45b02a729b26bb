/** Numbers in order for eyes: `0-3,7` for 0, 1, 2, 3 and 7; `-` for none. Pure. */
export function ranges(numbers: readonly number[]): string {
  if (numbers.length === 0) return '-';
  const parts: [number, number][] = [];
  for (const number of numbers) {
    const last = parts.at(-1);
    if (last && last[1] === number - 1) last[1] = number;
    else parts.push([number, number]);
  }
  return parts.map(([from, to]) => (from === to ? `${from}` : `${from}-${to}`)).join(',');
}
