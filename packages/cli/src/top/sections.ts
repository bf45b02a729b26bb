import { clip } from './cells.ts';

/** Parts of a screen that is too small for all of them, and how they share its rows. Pure. */
export interface Section {
  /** In one line, where there is room for no more. */
  summary: string;
  heading: string;
  /** The most important first. */
  rows: readonly string[];
}

/** Where there are fewer rows than sections, the last of them are not shown. */
export function layOut(sections: readonly Section[], rows: number, more: (left: number) => string): string[] {
  const wants = sections.map((section) => 1 + section.rows.length);
  return shares(wants, rows).flatMap((share, i) => linesOf(sections[i]!, share, more));
}

/**
 * How many of `rows` each gets that wants so many: a row to each in turn until nobody wants more, or nothing is left. So the
 * small ones are whole before a large one takes the rest.
 */
export function shares(wants: readonly number[], rows: number): number[] {
  const given = wants.map(() => 0);
  let left = rows;
  for (let before = -1; left > 0 && left !== before; ) {
    before = left;
    for (const [i, want] of wants.entries()) {
      if (left === 0 || given[i]! >= want) continue;
      given[i]!++;
      left--;
    }
  }
  return given;
}

function linesOf({ summary, heading, rows }: Section, share: number, more: (left: number) => string): string[] {
  if (share === 0) return [];
  if (share > rows.length) return [heading, ...rows];
  // A heading over nothing but "and more" would be a waste of both.
  if (share <= 2) return [summary];
  return [heading, ...rows.slice(0, share - 2), more(rows.length - (share - 2))];
}

/** No line wider, and not more of them. */
export function fit(lines: readonly string[], columns: number, rows: number): string[] {
  return lines.slice(0, rows).map((line) => clip(line, columns));
}
