import { MAX_LINE_BYTES } from '@weir/common/event';
import { LINE, LineScanner, type Precision } from '@weir/common/line-protocol';
import type { Stamps } from '@weir/common/stamps';
import { type InputFormat, JsonLines } from './json-lines.ts';
import type { Rejection } from './relay-answer.ts';

/**
 * Makes of lines, as somebody wrote them, lines that can be sent any number of times: the timestamps are nanoseconds, and a
 * line without one gets one here, so that every relay sees the same event. A line that no relay would take becomes an
 * empty one, and the others keep their numbers. Pure.
 */
export interface PrepareOptions {
  precision: Precision;
  /** `auto` unless told. */
  format?: InputFormat;
  /** Undefined: lines without timestamp stay so, and each relay gives them its own. */
  stamps: Stamps | undefined;
}

export interface Prepared {
  bytes: Buffer;
  /** Lines that are to be taken: no blank ones, no comments, none of the rejected. */
  lines: number;
  /** Of these, such as had no timestamp. */
  withoutTimestamp: number;
  rejections: Rejection[];
}

const NEWLINE = 0x0a;

export class LinePreparer {
  readonly #options: PrepareOptions;
  readonly #inNanos: boolean;
  readonly #json: JsonLines;
  readonly #scanner = new LineScanner(MAX_LINE_BYTES);

  constructor(options: PrepareOptions) {
    this.#options = options;
    this.#json = new JsonLines(options.format ?? 'auto');
    this.#inNanos = options.precision === 'ns' || options.precision === 'n';
  }

  /** `input`: lines, each ended by a newline. `nowMs`: Unix milliseconds, with fractions. */
  prepare(input: Buffer, nowMs: number): Prepared {
    const { bytes: text, rejections } = this.#json.translate(input);
    const { precision } = this.#options;
    const made: Prepared = { bytes: text, lines: 0, withoutTimestamp: 0, rejections };
    const parts: Buffer[] = [];
    let copiedTo = 0;
    const replace = (from: number, to: number, by: string) => {
      parts.push(text.subarray(copiedTo, from));
      if (by !== '') parts.push(Buffer.from(by, 'latin1'));
      copiedTo = to;
    };
    let line = 0;
    for (let from = 0; from < text.length; ) {
      const found = text.indexOf(NEWLINE, from);
      const end = found < 0 ? text.length : found;
      line++;
      const kind = this.#scanner.scan(text, from, end, precision);
      if (kind === LINE.rejected) {
        made.rejections.push({ line, reason: this.#scanner.reason!, detail: this.#scanner.detail });
        replace(from, end, '');
      } else if (kind !== LINE.blank) {
        made.lines++;
        if (!this.#scanner.hasTimestamp) made.withoutTimestamp++;
        this.#settleTimestamp(replace, nowMs);
      }
      from = end + 1;
    }
    made.rejections.sort((a, b) => a.line - b.line);
    if (parts.length > 0) made.bytes = Buffer.concat([...parts, text.subarray(copiedTo)]);
    return made;
  }

  #settleTimestamp(replace: (from: number, to: number, by: string) => void, nowMs: number): void {
    const { hasTimestamp, timestampNegative, timestampSec, timestampNanos, timestampStart, timestampEnd, fieldsEnd } =
      this.#scanner;
    const { stamps } = this.#options;
    if (hasTimestamp && !this.#inNanos) {
      const sign = timestampNegative ? '-' : '';
      replace(timestampStart, timestampEnd, sign + nanosText(timestampSec, timestampNanos));
    } else if (!hasTimestamp && stamps) {
      stamps.next(nowMs);
      replace(fieldsEnd, fieldsEnd, ` ${nanosText(stamps.sec, stamps.nanos)}`);
    }
  }
}

export function nanosText(sec: number, nanos: number): string {
  return `${sec}${String(nanos).padStart(9, '0')}`;
}
