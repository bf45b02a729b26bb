/** A row of bars, one a look, the newest at the right. Pure. */
export interface SparklineOptions {
  cells: number;
  /** The value of a full bar; the largest one shown unless told. */
  top?: number;
  /** Where the terminal has no blocks. */
  ascii: boolean;
}

const BLOCKS = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
const LETTERS = ['_', '.', ':', '-', '=', '+', '*', '#'];

/** null: not known, a gap. Zero is the lowest bar, and only zero is: little is more than nothing. */
export function sparkline(values: readonly (number | null)[], { cells, top, ascii }: SparklineOptions): string {
  const bars = ascii ? LETTERS : BLOCKS;
  const shown = cells <= 0 ? [] : values.slice(-cells);
  const full = top ?? highest(shown);
  const bar = (value: number | null): string => {
    if (value === null) return ' ';
    if (value <= 0 || full <= 0) return bars[0]!;
    return bars[Math.max(1, Math.min(bars.length - 1, Math.ceil((value / full) * (bars.length - 1))))]!;
  };
  return shown.map(bar).join('').padStart(Math.max(0, cells), ' ');
}

export function highest(values: readonly (number | null)[]): number {
  return values.reduce<number>((most, value) => Math.max(most, value ?? 0), 0);
}
