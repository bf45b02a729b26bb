/**
 * Timestamps of lines: an integer in one of InfluxDB's precisions, read exactly into a sign, whole seconds and
 * nanoseconds within the second. A number of nanoseconds since 1970 does not fit a JavaScript number, so it never
 * becomes one. What is read is what InfluxDB can store, before 1970 too; whether an event may be that old or that new
 * is for others to say.
 */
export const PRECISIONS = ['n', 'ns', 'u', 'us', 'ms', 's', 'm', 'h'] as const;
export type Precision = (typeof PRECISIONS)[number];

/**
 * How far from 1970 InfluxDB can store, in both directions (MinNanoTime and MaxNanoTime in its models/time.go): 2^63 - 2
 * nanoseconds. It needs the integers beyond for itself.
 */
const MAX_SEC = 9_223_372_036;
const MAX_NANOS = 854_775_806;

/** Digits behind the second's point, and seconds per unit. */
const SCALES: ReadonlyMap<Precision, { decimals: number; unitSec: number }> = new Map([
  ['n', { decimals: 9, unitSec: 1 }],
  ['ns', { decimals: 9, unitSec: 1 }],
  ['u', { decimals: 6, unitSec: 1 }],
  ['us', { decimals: 6, unitSec: 1 }],
  ['ms', { decimals: 3, unitSec: 1 }],
  ['s', { decimals: 0, unitSec: 1 }],
  ['m', { decimals: 0, unitSec: 60 }],
  ['h', { decimals: 0, unitSec: 3_600 }],
]);

const SPACE = 0x20;
const MINUS = 0x2d;

/** Reads what stands behind the fields of a line. On the hot path. */
export class TimestampScanner {
  /** Whether there is a timestamp; the rest is only valid then. */
  found = false;
  /** Whether the time is before 1970; sec and nanos are those of the absolute value. */
  negative = false;
  sec = 0;
  nanos = 0;
  /** Where it stands, with its sign. */
  start = 0;
  end = 0;
  /** For a fault: the same to a human. */
  detail = '';
  #precision: Precision = 'ns';
  #decimals = 9;
  #unitSec = 1;

  /** bytes[start, end) begins behind the last field: spaces, and perhaps an integer and spaces. False: `detail` says why. */
  scan(bytes: Uint8Array, start: number, end: number, precision: Precision): boolean {
    this.found = false;
    let from = start;
    while (from < end && bytes[from] === SPACE) from++;
    if (from === end) return true;
    const signed = bytes[from] === MINUS;
    const digits = signed ? from + 1 : from;
    let to = digits;
    while (to < end && isDigit(bytes[to]!)) to++;
    let rest = to;
    while (rest < end && bytes[rest] === SPACE) rest++;
    if (rest < end || to === digits) {
      this.detail = 'what stands behind the fields is no integer timestamp (spaces in names are escaped)';
      return false;
    }
    if (!this.#read(bytes, digits, to, precision)) {
      this.detail = 'the timestamp is beyond the nanoseconds of a 64-bit integer';
      return false;
    }
    this.found = true;
    this.negative = signed && (this.sec > 0 || this.nanos > 0);
    this.start = from;
    this.end = to;
    return true;
  }

  /** bytes[start, end) are digits, one or more. False when the time is farther from 1970 than InfluxDB stores. */
  #read(bytes: Uint8Array, start: number, end: number, precision: Precision): boolean {
    if (precision !== this.#precision) this.#use(precision);
    const point = Math.max(start, end - this.#decimals);
    // More digits than a double holds exactly only make it larger than the bound.
    let sec = 0;
    for (let i = start; i < point; i++) sec = sec * 10 + (bytes[i]! - 0x30);
    let nanos = 0;
    for (let i = point; i < end; i++) nanos = nanos * 10 + (bytes[i]! - 0x30);
    for (let i = this.#decimals; i < 9; i++) nanos *= 10;
    this.sec = sec * this.#unitSec;
    this.nanos = nanos;
    return this.sec < MAX_SEC || (this.sec === MAX_SEC && nanos <= MAX_NANOS);
  }

  #use(precision: Precision): void {
    const { decimals, unitSec } = SCALES.get(precision)!;
    this.#precision = precision;
    this.#decimals = decimals;
    this.#unitSec = unitSec;
  }
}

function isDigit(byte: number): boolean {
  return byte >= 0x30 && byte <= 0x39;
}
