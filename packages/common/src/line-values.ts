/**
 * What InfluxDB's line protocol takes for the value of a field when it is not a quoted string. Pure; the line scanner
 * asks. `isNumber` and `isBoolean` judge by the form alone, so that a number too large to store is no username.
 */

/** `1`, `-1.5`, `.5`, `1e5`, `1i`, `1u`. */
export function isNumber(bytes: Uint8Array, start: number, end: number): boolean {
  let at = start;
  const negative = bytes[at] === 0x2d;
  if (negative) at++;
  const whole = afterDigits(bytes, at, end);
  let digits = whole - at;
  at = whole;
  if (digits > 0 && at === end - 1 && (bytes[at] === 0x69 || (bytes[at] === 0x75 && !negative))) return true;
  if (at < end && bytes[at] === 0x2e) {
    const fraction = afterDigits(bytes, at + 1, end);
    digits += fraction - at - 1;
    at = fraction;
  }
  if (digits === 0) return false;
  if (at < end && (bytes[at]! | 0x20) === 0x65) {
    at++;
    if (at < end && (bytes[at] === 0x2b || bytes[at] === 0x2d)) at++;
    const exponent = afterDigits(bytes, at, end);
    if (exponent === at) return false;
    at = exponent;
  }
  return at === end;
}

function afterDigits(bytes: Uint8Array, start: number, end: number): number {
  let at = start;
  while (at < end && bytes[at]! >= 0x30 && bytes[at]! <= 0x39) at++;
  return at;
}

const BOOLEANS = ['t', 'T', 'true', 'True', 'TRUE', 'f', 'F', 'false', 'False', 'FALSE'].map((word) =>
  Buffer.from(word),
);

export function isBoolean(bytes: Uint8Array, start: number, end: number): boolean {
  if (end - start > 5) return false;
  return BOOLEANS.some((word) => word.length === end - start && word.every((byte, i) => byte === bytes[start + i]));
}

/** What InfluxDB stores a value as. */
export const FIELD_TYPE = {
  /** It reads it as nothing. */
  none: 0,
  /** A number by its form that does not fit its type. */
  outOfRange: 1,
  float: 2,
  integer: 3,
  unsigned: 4,
  boolean: 5,
  text: 6,
} as const;
export type FieldType = (typeof FIELD_TYPE)[keyof typeof FIELD_TYPE];

/** bytes[start, end) is a field's whole value, its quotes included. */
export function fieldType(bytes: Uint8Array, start: number, end: number): FieldType {
  if (bytes[start] === 0x22) return FIELD_TYPE.text;
  if (!isNumber(bytes, start, end)) return isBoolean(bytes, start, end) ? FIELD_TYPE.boolean : FIELD_TYPE.none;
  const last = bytes[end - 1];
  if (last === 0x69) return fitsInteger(bytes, start, end - 1) ? FIELD_TYPE.integer : FIELD_TYPE.outOfRange;
  if (last === 0x75) return fitsUnsigned(bytes, start, end - 1) ? FIELD_TYPE.unsigned : FIELD_TYPE.outOfRange;
  return fitsFloat(bytes, start, end) ? FIELD_TYPE.float : FIELD_TYPE.outOfRange;
}

const INT64_MAX = 2n ** 63n - 1n;
const UINT64_MAX = 2n ** 64n - 1n;

function fitsInteger(bytes: Uint8Array, start: number, end: number): boolean {
  const negative = bytes[start] === 0x2d;
  return isAtMost(bytes, negative ? start + 1 : start, end, negative ? INT64_MAX + 1n : INT64_MAX);
}

function fitsUnsigned(bytes: Uint8Array, start: number, end: number): boolean {
  return isAtMost(bytes, start, end, UINT64_MAX);
}

/** bytes[start, end) are digits. Only as many as the bound has ever become a number: a line could be full of them. */
function isAtMost(bytes: Uint8Array, start: number, end: number, most: bigint): boolean {
  let from = start;
  while (end - from > 18 && bytes[from] === 0x30) from++;
  if (end - from <= 18) return true;
  return end - from <= 20 && BigInt(textOf(bytes, from, end)) <= most;
}

/** Without an exponent, a number needs 309 digits to be infinite. */
function fitsFloat(bytes: Uint8Array, start: number, end: number): boolean {
  return (end - start < 300 && !hasExponent(bytes, start, end)) || Number.isFinite(Number(textOf(bytes, start, end)));
}

function hasExponent(bytes: Uint8Array, start: number, end: number): boolean {
  for (let at = start; at < end; at++) if ((bytes[at]! | 0x20) === 0x65) return true;
  return false;
}

function textOf(bytes: Uint8Array, start: number, end: number): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset + start, end - start).toString('latin1');
}
