import type { Paint, Tone } from './paint.ts';

/** Plain text tables: every column right-aligned unless told, two spaces between, no trailing ones. Pure. */
export type Cell = string | { text: string; tone: Tone | undefined };

export interface TableOptions {
  paint?: Paint;
  /** Columns of text, by their headings: they begin at the same place instead of ending there. */
  left?: readonly string[];
}

export function formatTable(
  header: readonly string[],
  rows: readonly (readonly Cell[])[],
  { paint = (text) => text, left = [] }: TableOptions = {},
): string {
  const lines = rows.map((cells) => header.map((_, column) => cellOf(cells[column] ?? '')));
  const widths = header.map((name, column) =>
    Math.max(...[name, ...lines.map((cells) => cells[column]!.text)].map((text) => [...text].length)),
  );
  const place = (text: string, column: number): [string, string] => {
    const pad = ' '.repeat(widths[column]! - [...text].length);
    return left.includes(header[column]!) ? ['', pad] : [pad, ''];
  };
  const line = (cells: readonly { text: string; tone: Tone | undefined }[]) => {
    let [written, owed] = ['', ''];
    cells.forEach(({ text, tone }, column) => {
      const [before, after] = place(text, column);
      owed += (column === 0 ? '' : '  ') + before;
      if (text !== '') {
        written += owed + paint(text, tone);
        owed = '';
      }
      owed += after;
    });
    return `${written}\n`;
  };
  return [header.map((text) => ({ text, tone: 'faint' as const })), ...lines].map(line).join('');
}

function cellOf(cell: Cell): { text: string; tone: Tone | undefined } {
  return typeof cell === 'string'
    ? { text: printable(cell), tone: undefined }
    : { ...cell, text: printable(cell.text) };
}

/** Names come from outside: none of them may move the cursor or break a line. */
export function printable(text: string): string {
  return text.replace(/[\p{C}\u2028\u2029]/gu, '?');
}

export function orQuestion(value: number | null): string {
  return value === null ? '?' : String(value);
}
