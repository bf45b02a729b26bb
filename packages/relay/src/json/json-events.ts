import { MAX_LINE_BYTES } from '@weir/common/event';
import { JsonEvent } from '@weir/common/json-event';
import { skipBlank } from '@weir/common/json-scanner';
import type { RejectReason } from '@weir/common/line-protocol';
import { type LinesRead, MAX_REJECTIONS, type Rejection } from '../lines.ts';

/**
 * From a JSON body to the body of lines that means the same, for the line reader to take: line n is item n, and blank
 * where the item is rejected already. Pure.
 *
 *   one object      it may run over several lines
 *   an array        of objects. It is one piece of JSON: where its structure is broken, nothing of it is taken, because
 *                   nobody could say which items would be missing
 *   lines           of one object each. A broken one is rejected, its neighbours are kept
 *
 * Items are counted from 1; blank lines are none.
 */
export interface TranslatedEvents {
  lines: Buffer;
  /** As of lines; `line` is the number of the item. */
  rejected: number;
  rejections: readonly Rejection[];
  byReason: ReadonlyMap<RejectReason, number>;
}

export interface BrokenJson {
  broken: string;
}

const NEWLINE = 0x0a;
const COMMA = 0x2c;
const OPEN_ARRAY = 0x5b;
const CLOSE_ARRAY = 0x5d;
const BYTE_ORDER_MARK = Buffer.from([0xef, 0xbb, 0xbf]);

/** What a client means that does not say it: hardly a line begins like this, as its measurement would have to. */
export function looksLikeJson(body: Buffer): boolean {
  const at = contentStart(body);
  return body[at] === 0x7b || body[at] === OPEN_ARRAY;
}

/** There are programs that put a byte order mark before everything they send. */
function contentStart(body: Buffer): number {
  const marked = body.subarray(0, BYTE_ORDER_MARK.length).equals(BYTE_ORDER_MARK);
  return skipBlank(body, marked ? BYTE_ORDER_MARK.length : 0, body.length);
}

/** What is left of the rejections when the lines have been read as well. */
export function mergeRead<T extends LinesRead>(translated: TranslatedEvents, read: T): T {
  const rejections = [...translated.rejections, ...read.rejections].sort((a, b) => a.line - b.line);
  const byReason = new Map(translated.byReason);
  for (const [reason, items] of read.byReason) byReason.set(reason, (byReason.get(reason) ?? 0) + items);
  const rejected = translated.rejected + read.rejected;
  return { ...read, rejected, rejections: rejections.slice(0, MAX_REJECTIONS), byReason };
}

/** Made once: it holds room for the strings of one item. */
export class EventTranslator {
  readonly #event = new JsonEvent();

  translate(body: Buffer): TranslatedEvents | BrokenJson {
    return new Translation(body, this.#event).run();
  }
}

class Translation {
  readonly #body: Buffer;
  readonly #event: JsonEvent;
  #lines: Buffer;
  #length = 0;
  #items = 0;
  #rejected = 0;
  readonly #rejections: Rejection[] = [];
  readonly #byReason = new Map<RejectReason, number>();

  constructor(body: Buffer, event: JsonEvent) {
    this.#body = body;
    this.#event = event;
    // A line is nearly always shorter than its item.
    this.#lines = Buffer.allocUnsafeSlow(JsonEvent.lineBytes(0) + body.length);
  }

  run(): TranslatedEvents | BrokenJson {
    const body = this.#body;
    const start = contentStart(body);
    if (body[start] === OPEN_ARRAY) {
      const at = this.#readArray(start);
      const { fault, faultAt } = this.#event.scanner;
      if (at < 0) return { broken: `the body is no JSON array: ${fault}, at byte ${faultAt + 1}; nothing was taken` };
    } else if (!this.#readSingle(start)) this.#readLines(start);
    return {
      lines: this.#lines.subarray(0, this.#length),
      rejected: this.#rejected,
      rejections: this.#rejections,
      byReason: this.#byReason,
    };
  }

  /** Answers -1 when the structure is broken. */
  #readArray(start: number): number {
    const body = this.#body;
    const end = body.length;
    const { scanner } = this.#event;
    let at = skipBlank(body, start + 1, end);
    if (at < end && body[at] === CLOSE_ARRAY) return this.#readNothing(at + 1);
    for (;;) {
      const itemStart = at;
      at = this.#event.read(body, at, end);
      if (at < 0) return -1;
      this.#add(at - itemStart);
      at = skipBlank(body, at, end);
      if (at < end && body[at] === CLOSE_ARRAY) return this.#readNothing(at + 1);
      if (at >= end || body[at] !== COMMA) return scanner.failMember(at);
      at = skipBlank(body, at + 1, end);
    }
  }

  #readNothing(start: number): number {
    const at = skipBlank(this.#body, start, this.#body.length);
    return at === this.#body.length ? at : this.#event.scanner.fail('something stands behind its end', at);
  }

  /** False when the body is not one whole object; then nothing was read. */
  #readSingle(start: number): boolean {
    const body = this.#body;
    const after = this.#event.read(body, start, body.length);
    if (after < 0 || skipBlank(body, after, body.length) < body.length) return false;
    this.#add(after - start);
    return true;
  }

  #readLines(bodyStart: number): void {
    const body = this.#body;
    for (let start = bodyStart; start < body.length; ) {
      let end = body.indexOf(NEWLINE, start);
      if (end < 0) end = body.length;
      this.#readLine(start, end);
      start = skipBlank(body, end, body.length);
    }
  }

  #readLine(start: number, end: number): void {
    const event = this.#event;
    if (end - start > MAX_LINE_BYTES) {
      // Not even looked at: what one line may cost has a bound.
      this.#reject('too-long', `longer than ${MAX_LINE_BYTES} bytes`);
      return;
    }
    const after = event.read(this.#body, start, end);
    if (after < 0) {
      const { fault, faultAt } = event.scanner;
      this.#reject('syntax', `broken JSON: ${fault}, at byte ${faultAt - start + 1}`);
    } else if (skipBlank(this.#body, after, end) < end) {
      this.#reject('syntax', `something stands behind the object, at byte ${after - start + 1}`);
    } else this.#add(after - start);
  }

  /** The item that was read, of so many bytes. */
  #add(itemBytes: number): void {
    const event = this.#event;
    if (event.reason === undefined) this.#reserve(JsonEvent.lineBytes(itemBytes) + 1);
    const lineEnd = event.write(this.#body, this.#lines, this.#length);
    if (lineEnd < 0) {
      this.#reject(event.reason!, event.detail);
      return;
    }
    this.#items++;
    this.#lines[lineEnd] = NEWLINE;
    this.#length = lineEnd + 1;
  }

  #reject(reason: RejectReason, detail: string): void {
    this.#items++;
    this.#rejected++;
    if (this.#rejections.length < MAX_REJECTIONS) this.#rejections.push({ line: this.#items, reason, detail });
    this.#byReason.set(reason, (this.#byReason.get(reason) ?? 0) + 1);
    this.#reserve(1);
    this.#lines[this.#length++] = NEWLINE;
  }

  #reserve(bytes: number): void {
    const needed = this.#length + bytes;
    if (needed <= this.#lines.length) return;
    const grown = Buffer.allocUnsafeSlow(Math.max(needed, 2 * this.#lines.length));
    this.#lines.copy(grown, 0, 0, this.#length);
    this.#lines = grown;
  }
}
