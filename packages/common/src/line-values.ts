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

const INT64_MAX = 2n ** 63n - 1n;
const UINT64_MAX = 2n ** 64n - 1n;
const MAX_NUMBER_BYTES = 400;

/** Whether a value that has the form of a number also fits its type, as InfluxDB checks before it takes one. */
function isInRange(bytes: Uint8Array, start: number, end: number): boolean {
  if (end - start < 4) return true;
  if (end - start > MAX_NUMBER_BYTES) return false;
  const text = Buffer.from(bytes.buffer, bytes.byteOffset + start, end - start).toString('latin1');
  if (text.endsWith('u')) return BigInt(text.slice(0, -1)) <= UINT64_MAX;
  if (!text.endsWith('i')) return Number.isFinite(Number(text));
  const value = BigInt(text.slice(0, -1));
  return value <= INT64_MAX && value >= -INT64_MAX - 1n;
}

/** Whether InfluxDB would store it: a number that fits its type, or a boolean. */
export function isTyped(bytes: Uint8Array, start: number, end: number): boolean {
  return isNumber(bytes, start, end) ? isInRange(bytes, start, end) : isBoolean(bytes, start, end);
}
