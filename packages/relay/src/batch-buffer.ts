/**
 * Lines on their way into a batch, one after the other in one growing buffer, each ended by a newline. On the hot path:
 * every accepted line is copied here once.
 */
const FIRST_BYTES = 16 * 1024;
const NEWLINE = 0x0a;
const SPACE = 0x20;
const MINUS = 0x2d;
const ZERO = 0x30;

/** What a timestamp adds to a line: a space, a sign and 19 digits. */
export const TIMESTAMP_BYTES = 21;

export class BatchBuffer {
  length = 0;
  lineCount = 0;
  readonly #maxBytes: number;
  #bytes: Buffer;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
    this.#bytes = Buffer.allocUnsafeSlow(Math.min(FIRST_BYTES, maxBytes));
  }

  fits(bytes: number): boolean {
    return this.length + bytes <= this.#maxBytes;
  }

  /** Copies source[start, end) as one line. */
  add(source: Buffer, start: number, end: number): void {
    this.#grow(end - start + 1);
    const bytes = this.#bytes;
    let to = this.length + source.copy(bytes, this.length, start, end);
    bytes[to++] = NEWLINE;
    this.length = to;
    this.lineCount++;
  }

  /** Copies source[start, end) as one line and puts the timestamp behind it, in nanoseconds: see writeNanoseconds. */
  addStamped(source: Buffer, start: number, end: number, sec: number, nanos: number): void {
    this.#grow(end - start + TIMESTAMP_BYTES + 1);
    const bytes = this.#bytes;
    let to = this.length + source.copy(bytes, this.length, start, end);
    bytes[to++] = SPACE;
    to = writeNanoseconds(bytes, to, sec, nanos);
    bytes[to++] = NEWLINE;
    this.length = to;
    this.lineCount++;
  }

  /** A copy of all lines; the buffer is empty afterwards. */
  take(): Buffer {
    // Not from Node's pool: a batch lives long, and would keep a whole slab of it.
    const copy = Buffer.allocUnsafeSlow(this.length);
    this.#bytes.copy(copy, 0, 0, this.length);
    this.length = 0;
    this.lineCount = 0;
    return copy;
  }

  #grow(bytes: number): void {
    const needed = this.length + bytes;
    if (needed <= this.#bytes.length) return;
    const grown = Buffer.allocUnsafeSlow(Math.max(needed, Math.min(this.#bytes.length * 2, this.#maxBytes)));
    this.#bytes.copy(grown, 0, 0, this.length);
    this.#bytes = grown;
  }
}

/** Writes the digits at `at`, without leading zeros, and answers where they end. Before 1970 neither number is above 0. */
export function writeNanoseconds(bytes: Uint8Array, at: number, sec: number, nanos: number): number {
  if (sec < 0 || nanos < 0) {
    bytes[at] = MINUS;
    return writeNanoseconds(bytes, at + 1, -sec, -nanos);
  }
  if (sec === 0) return writeDigits(bytes, at, nanos, digitsOf(nanos));
  return writeDigits(bytes, writeDigits(bytes, at, sec, digitsOf(sec)), nanos, 9);
}

function digitsOf(value: number): number {
  let digits = 1;
  for (let rest = value; rest >= 10; rest = Math.floor(rest / 10)) digits++;
  return digits;
}

function writeDigits(bytes: Uint8Array, at: number, value: number, digits: number): number {
  let rest = value;
  for (let i = at + digits - 1; i >= at; i--) {
    const next = Math.floor(rest / 10);
    bytes[i] = ZERO + (rest - next * 10);
    rest = next;
  }
  return at + digits;
}
