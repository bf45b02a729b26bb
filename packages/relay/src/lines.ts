import { MAX_FUTURE_MS, MAX_LINE_BYTES } from '@weir/common/event';
import { LINE, LineScanner, type Precision, type RejectReason } from '@weir/common/line-protocol';
import type { Stamps } from './stamps.ts';

/**
 * From the body of a request, or a datagram, to single lines: scans each, hands the accepted ones on with a timestamp
 * in nanoseconds, and notes why each of the others is rejected. A bad line never touches its neighbours. Pure and on
 * the hot path: nothing is allocated for an accepted line.
 */
export interface LineTaker {
  /** source[start, end) is a user event and ends with its timestamp in nanoseconds. Names are in the scanner. */
  take(source: Buffer, start: number, end: number, scanner: LineScanner, lineNumber: number): void;
  /** The same, but source[start, end) has no timestamp: it is this one. */
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
  accepted: number;
  rejected: number;
  /** The first of them, at most MAX_REJECTIONS. */
  rejections: readonly Rejection[];
  byReason: ReadonlyMap<RejectReason, number>;
}

export const MAX_REJECTIONS = 20;

const NEWLINE = 0x0a;
const NOTHING: readonly Rejection[] = [];
const NO_REASONS: ReadonlyMap<RejectReason, number> = new Map();

export class LineReader {
  readonly #scanner = new LineScanner(MAX_LINE_BYTES);
  readonly #stamps: Stamps;
  #accepted = 0;
  #rejected = 0;
  #rejections: Rejection[] | undefined;
  #byReason: Map<RejectReason, number> | undefined;

  constructor(stamps: Stamps) {
    this.#stamps = stamps;
  }

  /** `nowMs`: the relay's clock, Unix milliseconds. */
  read(body: Buffer, precision: Precision, nowMs: number, taker: LineTaker): LinesRead {
    this.#accepted = 0;
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
        if (!scanner.hasTimestamp) {
          this.#stamps.next(nowMs);
          const { sec, nanos } = this.#stamps;
          taker.takeStamped(body, scanner.contentStart, scanner.fieldsEnd, sec, nanos, scanner, lineNumber);
          this.#accepted++;
        } else if (scanner.timestampSec * 1000 + scanner.timestampNanos / 1e6 > latestMs) {
          this.#reject(lineNumber, 'future', `the timestamp is more than ${MAX_FUTURE_MS / 60_000} minutes ahead`);
        } else if (asIs) {
          taker.take(body, scanner.contentStart, scanner.timestampEnd, scanner, lineNumber);
          this.#accepted++;
        } else {
          const { contentStart, fieldsEnd, timestampSec, timestampNanos } = scanner;
          taker.takeStamped(body, contentStart, fieldsEnd, timestampSec, timestampNanos, scanner, lineNumber);
          this.#accepted++;
        }
      } else if (kind === LINE.other) {
        this.#reject(lineNumber, 'other-line', 'no user event: it has no event_type, product and text value');
      } else if (kind === LINE.rejected) {
        this.#reject(lineNumber, scanner.reason!, scanner.detail);
      }
      start = end + 1;
    }
    return {
      accepted: this.#accepted,
      rejected: this.#rejected,
      rejections: this.#rejections ?? NOTHING,
      byReason: this.#byReason ?? NO_REASONS,
    };
  }

  #reject(line: number, reason: RejectReason, detail: string): void {
    this.#rejected++;
    this.#rejections ??= [];
    if (this.#rejections.length < MAX_REJECTIONS) this.#rejections.push({ line, reason, detail });
    this.#byReason ??= new Map();
    this.#byReason.set(reason, (this.#byReason.get(reason) ?? 0) + 1);
  }
}
