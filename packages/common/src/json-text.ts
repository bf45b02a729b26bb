/**
 * The text that a JSON string stands for, as UTF-8. Only for strings with escapes: the others are their own text. Pure.
 */
const BACKSLASH = 0x5c;
const SIMPLE = new Map([...'bfnrt'].map((letter, i) => [letter.charCodeAt(0), '\b\f\n\r\t'.charCodeAt(i)]));

const isHigh = (unit: number) => unit >= 0xd800 && unit < 0xdc00;
const isLow = (unit: number) => unit >= 0xdc00 && unit < 0xe000;

/**
 * Writes the text of bytes[start, end), which stand between the quotes of a sound string, to the beginning of `target`;
 * answers how many bytes it has, or -1 when it holds half of a surrogate pair, which is no character. It never has more
 * bytes than the string.
 */
export function decodeText(bytes: Uint8Array, start: number, end: number, target: Uint8Array): number {
  let to = 0;
  for (let at = start; at < end; at++) {
    if (bytes[at] !== BACKSLASH) {
      target[to++] = bytes[at]!;
      continue;
    }
    const letter = bytes[++at]!;
    if (letter !== 0x75) {
      target[to++] = SIMPLE.get(letter) ?? letter;
      continue;
    }
    let code = unitAt(bytes, at + 1);
    at += 4;
    if (isHigh(code) && at + 6 < end && bytes[at + 1] === BACKSLASH && bytes[at + 2] === 0x75) {
      const low = unitAt(bytes, at + 3);
      if (isLow(low)) {
        code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
        at += 6;
      }
    }
    if (isHigh(code) || isLow(code)) return -1;
    to = writeUtf8(target, to, code);
  }
  return to;
}

/** Four hexadecimal digits. */
function unitAt(bytes: Uint8Array, at: number): number {
  let unit = 0;
  for (let i = at; i < at + 4; i++) {
    const byte = bytes[i]!;
    unit = unit * 16 + (byte <= 0x39 ? byte - 0x30 : (byte | 0x20) - 0x57);
  }
  return unit;
}

function writeUtf8(target: Uint8Array, at: number, code: number): number {
  let to = at;
  if (code < 0x80) {
    target[to++] = code;
    return to;
  }
  if (code < 0x800) target[to++] = 0xc0 | (code >> 6);
  else {
    if (code < 0x10000) target[to++] = 0xe0 | (code >> 12);
    else {
      target[to++] = 0xf0 | (code >> 18);
      target[to++] = 0x80 | ((code >> 12) & 0x3f);
    }
    target[to++] = 0x80 | ((code >> 6) & 0x3f);
  }
  target[to++] = 0x80 | (code & 0x3f);
  return to;
}
