/**
 * Text on a terminal, measured in cells: most characters take one, those of East Asia and pictures two, accents none.
 * Colours, as paint.ts makes them, take no room and are never cut in two. Pure.
 */
const WIDE =
  /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Hangul}\p{Emoji_Presentation}\u3000-\u303e\uff01-\uff60\uffe0-\uffe6]/u;
const NARROW_KATAKANA = /[\uff61-\uff9f]/;
const NO_ROOM = /[\p{M}\p{Cf}]/u;
// biome-ignore lint/suspicious/noControlCharactersInRegex: this is what colours are made of.
const COLOUR = /\u001b\[[0-9;]*m/;
const PIECES = new RegExp(`${COLOUR.source}|.`, 'gsu');

export function cellsOf(text: string): number {
  let cells = 0;
  for (const [piece] of text.matchAll(PIECES)) cells += cellsOfPiece(piece);
  return cells;
}

/** As much of the text as has room. */
export function clip(text: string, cells: number): string {
  let [kept, room, full] = ['', cells, false];
  for (const [piece] of text.matchAll(PIECES)) {
    const takes = cellsOfPiece(piece);
    full ||= takes > room;
    // Colours go on being taken: the last of them ends what was begun.
    if (full && !COLOUR.test(piece)) continue;
    kept += piece;
    room -= takes;
  }
  return kept;
}

/** In lines of so many cells, broken between words; the second and all later ones are indented by `indent`. */
export function wrap(text: string, cells: number, indent = 0): string[] {
  const lines: string[] = [];
  let line = '';
  const begin = () => ' '.repeat(Math.min(indent, Math.max(0, cells - 1)));
  for (const word of text.split(' ')) {
    const longer = line === '' ? word : `${line} ${word}`;
    if (cellsOf(longer) <= cells) {
      line = longer;
      continue;
    }
    if (line.trim() !== '') lines.push(line);
    line = (lines.length === 0 ? '' : begin()) + word;
    for (let head = clip(line, cells); cellsOf(line) > cells; head = clip(line, cells)) {
      // A wide character where there is one cell: no room ever.
      if (head.trim() === '') return [...lines, ''];
      lines.push(head);
      line = begin() + line.slice(head.length);
    }
  }
  return [...lines, line];
}

function cellsOfPiece(piece: string): number {
  if (COLOUR.test(piece) || NO_ROOM.test(piece)) return 0;
  return WIDE.test(piece) && !NARROW_KATAKANA.test(piece) ? 2 : 1;
}
