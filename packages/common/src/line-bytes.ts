/** Runs of bytes in a line, and what the line scanner does with them besides finding them. Pure. */
const BACKSLASH = 0x5c;

/** A run of bytes: in the scanned line itself, or unescaped in a buffer of the scanner. Valid until the next scan. */
export class Span {
  bytes: Uint8Array = new Uint8Array(0);
  start = 0;
  end = 0;

  /** For messages and tests; the hot path reads the bytes. */
  toString(): string {
    return Buffer.from(this.bytes.buffer, this.bytes.byteOffset + this.start, this.end - this.start).toString();
  }
}

/** Copies bytes[start, end) to target[to…) without the backslashes that escape; answers where the copy ends. */
export function copyUnescaped(
  bytes: Uint8Array,
  start: number,
  end: number,
  quoted: boolean,
  target: Uint8Array,
  to: number,
): number {
  let next = to;
  for (let at = start; at < end; at++) {
    if (bytes[at] === BACKSLASH && at + 1 < end && isEscaped(bytes[at + 1]!, quoted)) at++;
    target[next++] = bytes[at]!;
  }
  return next;
}

function isEscaped(byte: number, quoted: boolean): boolean {
  if (quoted) return byte === 0x22 || byte === BACKSLASH;
  return byte === 0x20 || byte === 0x2c || byte === 0x3d;
}
