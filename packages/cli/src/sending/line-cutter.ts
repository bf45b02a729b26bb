import { MAX_LINE_BYTES } from '@weir/common/event';

/**
 * Cuts what is read, as it comes, into pieces that end where a line ends. It holds at most one unfinished line, and of
 * one that is longer than a relay takes only as much as shows that. Pure.
 */
export interface Piece {
  /** Of the whole input, from 1. */
  firstLine: number;
  lineCount: number;
  /** Each line ends with a newline. */
  bytes: Buffer;
  /** How much of the input is read with this piece. */
  inputBytes: number;
}

export interface CutterOptions {
  maxLines: number;
  /** A piece ends with the line that goes beyond. */
  maxBytes: number;
  /** Earlier lines are counted and left out. */
  fromLine: number;
}

const NEWLINE = 0x0a;
/** With the carriage return, which is no part of the line. */
const KEPT_LINE_BYTES = MAX_LINE_BYTES + 2;
const ONE_NEWLINE = Buffer.from('\n');

export class LineCutter {
  readonly #options: CutterOptions;
  #unfinished: Buffer = Buffer.alloc(0);
  /** What comes up to the next newline belongs to a line that is too long already. */
  #tooLong = false;
  #lines = 0;
  #inputBytes = 0;

  constructor(options: CutterOptions) {
    this.#options = options;
  }

  *cut(chunk: Buffer): Generator<Piece> {
    this.#inputBytes += chunk.length;
    let fresh = chunk;
    if (this.#tooLong) {
      const end = chunk.indexOf(NEWLINE);
      if (end < 0) return;
      fresh = chunk.subarray(end);
      this.#tooLong = false;
    }
    const text = this.#unfinished.length === 0 ? fresh : Buffer.concat([this.#unfinished, fresh]);
    const { maxLines, maxBytes, fromLine } = this.#options;
    let [from, at, lineCount] = [0, 0, 0];
    for (let end = text.indexOf(NEWLINE); end >= 0; end = text.indexOf(NEWLINE, at)) {
      at = end + 1;
      this.#lines++;
      if (this.#lines < fromLine) {
        from = at;
        continue;
      }
      lineCount++;
      if (lineCount < maxLines && at - from < maxBytes) continue;
      yield this.#piece(text.subarray(from, at), lineCount, text.length - at);
      [from, lineCount] = [at, 0];
    }
    if (lineCount > 0) yield this.#piece(text.subarray(from, at), lineCount, text.length - at);
    this.#tooLong = text.length - at > KEPT_LINE_BYTES;
    // Copied, so that the few bytes do not hold on to all that was read.
    this.#unfinished = Buffer.from(text.subarray(at, at + KEPT_LINE_BYTES));
  }

  /** The last line, where no newline ends it. */
  *end(): Generator<Piece> {
    if (this.#unfinished.length === 0) return;
    this.#lines++;
    if (this.#lines < this.#options.fromLine) return;
    yield this.#piece(Buffer.concat([this.#unfinished, ONE_NEWLINE]), 1, 0);
  }

  /** Lines read until now, those before `fromLine` included. */
  get lines(): number {
    return this.#lines;
  }

  #piece(bytes: Buffer, lineCount: number, unreadBytes: number): Piece {
    return { firstLine: this.#lines - lineCount + 1, lineCount, bytes, inputBytes: this.#inputBytes - unreadBytes };
  }
}
