import { LINE, LineScanner } from '@weir/common/line-protocol';
import type { TotalsReader } from '@weir/common/totals-line';
import { windowStartSec } from '@weir/common/window';
import type { Letter } from './letter.ts';

/** The lines of a letter, and what each is about. Pure. */
export interface LetterLine {
  bytes: Buffer;
  product: string | undefined;
  eventType: string | undefined;
  /** Start of the window that its timestamp falls in; undefined where it cannot be read, or is before 1970. */
  windowSec: number | undefined;
}

const NEWLINE = 10;
const scanner = new LineScanner();

/** What the deployment has recorded that lines are read by. */
export interface LineReading {
  /** Undefined where none is recorded yet. */
  windowLengthSec: number | undefined;
  totals: TotalsReader;
}

export function linesOf({ lines }: Letter, reading: LineReading): LetterLine[] {
  const found: LetterLine[] = [];
  for (let from = 0; from < lines.length; ) {
    const newline = lines.indexOf(NEWLINE, from);
    const to = newline < 0 ? lines.length : newline;
    found.push(lineOf(lines.subarray(from, to), reading));
    from = to + 1;
  }
  return found;
}

function lineOf(bytes: Buffer, { windowLengthSec, totals }: LineReading): LetterLine {
  const kind = scanner.scan(bytes, 0, bytes.length, 'ns');
  if (kind !== LINE.userEvent && kind !== LINE.other) {
    return { bytes, product: undefined, eventType: undefined, windowSec: undefined };
  }
  const { hasTimestamp, timestampNegative, timestampSec } = scanner;
  const timed = hasTimestamp && !timestampNegative && windowLengthSec !== undefined;
  const windowSec = timed ? windowStartSec(timestampSec, windowLengthSec) : undefined;
  if (kind === LINE.userEvent) {
    return { bytes, product: scanner.product.toString(), eventType: scanner.eventType.toString(), windowSec };
  }
  // An other line may have such tags, and need not; the totals' points have them, and a time that may be the window's end.
  const total = windowLengthSec === undefined ? undefined : totals.read(bytes.toString(), windowLengthSec);
  const { product, eventType } = total?.point ?? {};
  return { bytes, product, eventType, windowSec: total?.startSec ?? windowSec };
}
