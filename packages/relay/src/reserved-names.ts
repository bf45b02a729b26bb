import { MEASUREMENTS } from '@weir/common/line-encode';

/**
 * An other line goes to every sink as it is. One that bears the name of our totals would write over them, whoever sent it,
 * and no sink could tell; so these names are nobody else's. What they are the deployment says; until that was heard they
 * are what they are by default. Pure.
 */
const COMMA = 0x2c;
const SPACE = 0x20;
const BACKSLASH = 0x5c;

export class ReservedNames {
  #names: readonly Buffer[] = MEASUREMENTS.map((name) => Buffer.from(name));

  /** The names of the totals in this deployment. */
  set names(names: Iterable<string>) {
    this.#names = [...names].map((name) => Buffer.from(name));
  }

  /** Whether the measurement that begins there is one of them, also where a backslash stands before a comma or space. */
  has(line: Buffer, start: number): boolean {
    for (const name of this.#names) if (isMeasurement(line, start, name)) return true;
    return false;
  }
}

function isMeasurement(line: Buffer, start: number, name: Buffer): boolean {
  let at = start;
  for (const byte of name) {
    if (line[at] === BACKSLASH && isEnd(line[at + 1]) && isEnd(byte)) at++;
    else if (isEnd(line[at])) return false;
    if (line[at] !== byte) return false;
    at++;
  }
  return isEnd(line[at]);
}

function isEnd(byte: number | undefined): boolean {
  return byte === COMMA || byte === SPACE;
}
