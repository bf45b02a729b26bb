import { MAX_FUTURE_MS, MAX_LINE_BYTES } from '@weir/common/event';
import { LINE, LineScanner, type Precision, type RejectReason, type Span } from '@weir/common/line-protocol';
import type { Stamps } from '@weir/common/stamps';
import { ReservedNames } from './reserved-names.ts';

/**
 * From the body of a request, or a datagram, to single lines: scans each, hands user events and other lines on with a
 * timestamp in nanoseconds, and notes why each of the rest is rejected. A bad line never touches its neighbours. Pure and on
 * the hot path: nothing is allocated for an accepted line.
 */
export interface LineTaker {
  /** source[start, end) ends with its timestamp in nanoseconds. Names are in the scanner. */
  take(source: Buffer, start: number, end: number, scanner: LineScanner, lineNumber: number): void;
  /** The same, but source[start, end) has no timestamp: it is this one. Before 1970 neither of its parts is above 0. */
  takeStamped(
    source: Buffer,
    start: number,
    end: number,
    sec: number,
    nanos: number,
    scanner: LineScanner,
    lineNumber: number,
  ): void;
}

export interface Rejection {
  /** From 1, counting blank lines too. */
  line: number;
  reason: RejectReason;
  detail: string;
}

export interface LinesRead {
  /** User events. */
  accepted: number;
  /** Other lines, which pass through. */
  others: number;
  rejected: number;
  /** The first of them, at most MAX_REJECTIONS. */
  rejections: readonly Rejection[];
  byReason: ReadonlyMap<RejectReason, number>;
}

export interface ProductFilter {
  allows(product: Span): boolean;
}

/** So that a client can take out what was rejected, and an answer has a bound all the same. */
export const MAX_REJECTIONS = 1000;

/** Who takes which lines. */
export interface LineTakers {
  events: LineTaker;
  /** Absent: other lines are rejected. */
  others?: LineTaker | undefined;
  /** Whose events may be taken; absent: any product's. Where it is there no other lines are. */
  products?: ProductFilter | undefined;
}

const NEWLINE = 0x0a;
const NOTHING: readonly Rejection[] = [];
const NO_REASONS: ReadonlyMap<RejectReason, number> = new Map();

export class LineReader {
  readonly #scanner = new LineScanner(MAX_LINE_BYTES);
  readonly #stamps: Stamps;
  readonly #reserved: ReservedNames;
  #accepted = 0;
  #others = 0;
  #rejected = 0;
  #rejections: Rejection[] | undefined;
  #byReason: Map<RejectReason, number> | undefined;

  constructor(stamps: Stamps, reserved = new ReservedNames()) {
    this.#stamps = stamps;
    this.#reserved = reserved;
  }

  /** `nowMs`: the relay's clock, Unix milliseconds. */
  read(body: Buffer, precision: Precision, nowMs: number, { events, others, products }: LineTakers): LinesRead {
    this.#accepted = 0;
    this.#others = 0;
    this.#rejected = 0;
    this.#rejections = undefined;
    this.#byReason = undefined;
    const scanner = this.#scanner;
    const latestMs = nowMs + MAX_FUTURE_MS;
    const asIs = precision === 'ns' || precision === 'n';
    let lineNumber = 0;
    for (let start = 0; start < body.length; ) {
      let end = body.indexOf(NEWLINE, start);
      if (end < 0) end = body.length;
      lineNumber++;
      const kind = scanner.scan(body, start, end, precision);
      if (kind === LINE.userEvent) {
        if (products !== undefined && !products.allows(scanner.product)) {
          this.#reject(lineNumber, 'forbidden-product', 'the token may not write this product');
        } else if (!scanner.hasTimestamp) {
          this.#stamps.next(nowMs);
          const { sec, nanos } = this.#stamps;
          events.takeStamped(body, scanner.contentStart, scanner.fieldsEnd, sec, nanos, scanner, lineNumber);
          this.#accepted++;
        } else if (scanner.timestampSec * 1000 + scanner.timestampNanos / 1e6 > latestMs) {
          this.#reject(lineNumber, 'future', `the timestamp is more than ${MAX_FUTURE_MS / 60_000} minutes ahead`);
        } else if (asIs) {
          events.take(body, scanner.contentStart, scanner.timestampEnd, scanner, lineNumber);
          this.#accepted++;
        } else {
          const { contentStart, fieldsEnd, timestampSec, timestampNanos } = scanner;
          events.takeStamped(body, contentStart, fieldsEnd, timestampSec, timestampNanos, scanner, lineNumber);
          this.#accepted++;
        }
      } else if (kind === LINE.other && products !== undefined) {
        this.#reject(lineNumber, 'forbidden-product', 'the token writes events of its products and no other lines');
      } else if (kind === LINE.other && this.#reserved.has(body, scanner.contentStart)) {
        this.#reject(lineNumber, 'reserved-name', 'the measurement is one of the totals, which only Weir writes');
      } else if (kind === LINE.other && others !== undefined) {
        this.#takeOther(body, nowMs, others, asIs, lineNumber);
        this.#others++;
      } else if (kind === LINE.other) {
        this.#reject(lineNumber, 'other-line', 'no user event: it has no event_type, product and text value');
      } else if (kind === LINE.rejected) {
        this.#reject(lineNumber, scanner.reason!, scanner.detail);
      }
      start = end + 1;
    }
    return {
      accepted: this.#accepted,
      others: this.#others,
      rejected: this.#rejected,
      rejections: this.#rejections ?? NOTHING,
      byReason: this.#byReason ?? NO_REASONS,
    };
  }

  /** Any time that InfluxDB stores is right for an other line; it is none of our windows'. */
  #takeOther(body: Buffer, nowMs: number, others: LineTaker, asIs: boolean, lineNumber: number): void {
    const scanner = this.#scanner;
    const { contentStart, fieldsEnd, timestampEnd } = scanner;
    if (!scanner.hasTimestamp) {
      this.#stamps.next(nowMs);
      const { sec, nanos } = this.#stamps;
      others.takeStamped(body, contentStart, fieldsEnd, sec, nanos, scanner, lineNumber);
    } else if (asIs) {
      others.take(body, contentStart, timestampEnd, scanner, lineNumber);
    } else {
      const sign = scanner.timestampNegative ? -1 : 1;
      const sec = sign * scanner.timestampSec;
      const nanos = sign * scanner.timestampNanos;
      others.takeStamped(body, contentStart, fieldsEnd, sec, nanos, scanner, lineNumber);
    }
  }

  #reject(line: number, reason: RejectReason, detail: string): void {
    this.#rejected++;
    this.#rejections ??= [];
    if (this.#rejections.length < MAX_REJECTIONS) this.#rejections.push({ line, reason, detail });
    this.#byReason ??= new Map();
    this.#byReason.set(reason, (this.#byReason.get(reason) ?? 0) + 1);
  }
}
