/**
 * Finds its way through JSON (RFC 8259) in bytes without building anything: where a value ends, and whether it is one. A
 * number stays the digits it is written with, so nothing is rounded. Pure, and on the way of every JSON event.
 *
 * Control characters within a string and bytes that are no UTF-8 are not held against the structure, because what is
 * around them can still be read: whoever uses the string judges it.
 */
export const JSON_KIND = { string: 0, number: 1, object: 2, array: 3, literal: 4 } as const;
export type JsonKind = (typeof JSON_KIND)[keyof typeof JSON_KIND];

/** Objects and arrays within each other. */
export const MAX_DEPTH = 64;

const QUOTE = 0x22;
const MINUS = 0x2d;
const COMMA = 0x2c;
const COLON = 0x3a;
const ZERO = 0x30;
const BACKSLASH = 0x5c;
const OPEN_ARRAY = 0x5b;
const OPEN_OBJECT = 0x7b;
const CLOSE_OBJECT = 0x7d;
/** From a bracket that opens to the one that closes it. */
const TO_CLOSER = 2;

const LITERALS = ['true', 'false', 'null'].map((word) => Buffer.from(word));

export class JsonScanner {
  /** What the last value was. */
  kind: JsonKind = JSON_KIND.literal;
  /** The last string or key, without its quotes. */
  textStart = 0;
  textEnd = 0;
  /** Whether it has escapes. */
  escaped = false;
  /** After -1: what is wrong, and where. */
  fault = '';
  faultAt = 0;
  readonly #closers = new Uint8Array(MAX_DEPTH);

  /** The value that begins at `at`; answers where it ends, or -1. Of an object or array only the structure is looked at. */
  value(bytes: Uint8Array, at: number, end: number): number {
    const byte = at < end ? bytes[at]! : 0;
    if (byte !== OPEN_OBJECT && byte !== OPEN_ARRAY) return this.#scalar(bytes, at, end);
    const after = this.#nested(bytes, at, end);
    this.kind = byte === OPEN_OBJECT ? JSON_KIND.object : JSON_KIND.array;
    return after;
  }

  /** A key and its colon; answers where the value begins, or -1. */
  key(bytes: Uint8Array, at: number, end: number): number {
    if (at >= end || bytes[at] !== QUOTE) return this.fail('a key in quotes is missing', at);
    const after = this.#string(bytes, at, end);
    if (after < 0) return -1;
    const colon = skipBlank(bytes, after, end);
    if (colon >= end || bytes[colon] !== COLON) return this.fail('a colon is missing', colon);
    return skipBlank(bytes, colon + 1, end);
  }

  fail(fault: string, at: number): -1 {
    this.fault = fault;
    this.faultAt = at;
    return -1;
  }

  /** With a stack of its own, so that no input exhausts that of the program. */
  #nested(bytes: Uint8Array, start: number, end: number): number {
    const closers = this.#closers;
    let depth = 0;
    let at = start;
    for (;;) {
      const byte = at < end ? bytes[at]! : 0;
      if (byte === OPEN_OBJECT || byte === OPEN_ARRAY) {
        if (depth === MAX_DEPTH) return this.fail(`nested more than ${MAX_DEPTH} deep`, at);
        closers[depth] = byte + TO_CLOSER;
        at = skipBlank(bytes, at + 1, end);
        if (at < end && bytes[at] === byte + TO_CLOSER) at++;
        else {
          depth++;
          if (byte === OPEN_OBJECT) at = this.key(bytes, at, end);
          if (at < 0) return -1;
          continue;
        }
      } else {
        at = this.#scalar(bytes, at, end);
        if (at < 0) return -1;
      }
      // A value is read: close whatever ends behind it, and go on where the next one begins.
      while (depth > 0) {
        at = skipBlank(bytes, at, end);
        const closer = closers[depth - 1]!;
        if (at < end && bytes[at] === closer) {
          depth--;
          at++;
          continue;
        }
        if (at >= end || bytes[at] !== COMMA) return this.failMember(at);
        at = skipBlank(bytes, at + 1, end);
        if (closer === CLOSE_OBJECT) at = this.key(bytes, at, end);
        if (at < 0) return -1;
        break;
      }
      if (depth === 0) return at;
    }
  }

  /** Behind a member stands neither the next one nor the end. */
  failMember(at: number): -1 {
    return this.fail('a comma or a closing bracket is missing', at);
  }

  #scalar(bytes: Uint8Array, at: number, end: number): number {
    const byte = at < end ? bytes[at]! : 0;
    if (byte === QUOTE) {
      this.kind = JSON_KIND.string;
      return this.#string(bytes, at, end);
    }
    if (byte === MINUS || isDigit(byte)) {
      this.kind = JSON_KIND.number;
      return this.#number(bytes, at, end);
    }
    this.kind = JSON_KIND.literal;
    for (const word of LITERALS) {
      if (at + word.length <= end && word.every((letter, i) => letter === bytes[at + i])) return at + word.length;
    }
    return this.fail('a value is missing', at);
  }

  /** `at` is the opening quote. */
  #string(bytes: Uint8Array, at: number, end: number): number {
    this.textStart = at + 1;
    this.escaped = false;
    for (let next = at + 1; next < end; next++) {
      const byte = bytes[next]!;
      if (byte === QUOTE) {
        this.textEnd = next;
        return next + 1;
      }
      if (byte !== BACKSLASH) continue;
      this.escaped = true;
      const backslash = next++;
      if (next >= end) break;
      if (bytes[next] === 0x75) {
        for (let digits = 0; digits < 4; digits++) {
          next++;
          if (next >= end || !isHexDigit(bytes[next]!)) return this.fail('an escape is not complete', backslash);
        }
      } else if (!ESCAPABLE.has(bytes[next]!)) return this.fail('an escape is unknown', backslash);
    }
    return this.fail('a string has no end', at);
  }

  #number(bytes: Uint8Array, start: number, end: number): number {
    const whole = bytes[start] === MINUS ? start + 1 : start;
    let at = whole < end && bytes[whole] === ZERO ? whole + 1 : afterDigits(bytes, whole, end);
    if (at === whole) return this.fail('a number has no digits', start);
    if (at < end && bytes[at] === 0x2e) {
      const fraction = at + 1;
      at = afterDigits(bytes, fraction, end);
      if (at === fraction) return this.fail('a number has no digits behind its point', start);
    }
    if (at < end && (bytes[at]! | 0x20) === 0x65) {
      at++;
      if (at < end && (bytes[at] === 0x2b || bytes[at] === MINUS)) at++;
      const exponent = at;
      at = afterDigits(bytes, exponent, end);
      if (at === exponent) return this.fail('a number has no digits in its exponent', start);
    }
    return at;
  }
}

/** Where the white space from `at` on ends. */
export function skipBlank(bytes: Uint8Array, at: number, end: number): number {
  let next = at;
  while (next < end) {
    const byte = bytes[next]!;
    if (byte !== 0x20 && byte !== 0x0a && byte !== 0x0d && byte !== 0x09) break;
    next++;
  }
  return next;
}

/** `"`, `\`, `/`, and b, f, n, r, t. */
const ESCAPABLE: ReadonlySet<number> = new Set(Buffer.from('"\\/bfnrt'));

function isDigit(byte: number): boolean {
  return byte >= ZERO && byte <= 0x39;
}

function isHexDigit(byte: number): boolean {
  return isDigit(byte) || ((byte | 0x20) >= 0x61 && (byte | 0x20) <= 0x66);
}

export function afterDigits(bytes: Uint8Array, at: number, end: number): number {
  let next = at;
  while (next < end && isDigit(bytes[next]!)) next++;
  return next;
}
