import { cellsOf } from './cells.ts';

/**
 * Puts lines on the whole screen of a terminal and keeps them there: only lines that changed are written again, each from
 * its first column to where it ends, and all of them in one go. So nothing flickers, and little goes over a slow line.
 */
const ENTER = '\u001b[?1049h\u001b[?25l\u001b[?7l\u001b[2J';
/** The other way round: lines wrap, the cursor is there, and what was on the screen before is back. */
export const LEAVE = '\u001b[?7h\u001b[?25h\u001b[?1049l';
const ERASE_TO_END = '\u001b[K';

export class Screen {
  readonly #write: (text: string) => void;
  #shown: readonly string[] | undefined;

  constructor(write: (text: string) => void) {
    this.#write = write;
  }

  /** What is there is not what was last shown: at the start, after the size changed, after somebody else wrote there. */
  forget(): void {
    this.#shown = undefined;
  }

  /** At most as many lines as there are rows, none wider than `columns`. */
  show(lines: readonly string[], columns: number): void {
    const before = this.#shown;
    let text = before === undefined ? ENTER : '';
    for (let row = 0; row < Math.max(lines.length, before?.length ?? 0); row++) {
      const line = lines[row] ?? '';
      if (line === before?.[row]) continue;
      // Where a line fills its row the cursor still stands on its last character, and erasing would take that.
      text += `\u001b[${row + 1};1H${line}${cellsOf(line) < columns ? ERASE_TO_END : ''}`;
    }
    this.#shown = lines;
    if (text !== '') this.#write(text);
  }
}
