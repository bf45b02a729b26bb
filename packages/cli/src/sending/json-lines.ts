import { MAX_LINE_BYTES } from '@weir/common/event';
import { JsonEvent } from '@weir/common/json-event';
import { skipBlank } from '@weir/common/json-scanner';
import type { Rejection } from './relay-answer.ts';

/**
 * From lines some of which are JSON, one event each, to the lines that mean the same, as a relay makes them: so JSON is
 * stamped, cut and sent like everything else, and may stand between other lines. What is no event becomes an empty
 * line. Pure.
 */
export const INPUT_FORMATS = ['auto', 'lines', 'json'] as const;
/** `auto`: what begins with a brace is JSON. */
export type InputFormat = (typeof INPUT_FORMATS)[number];

const [NEWLINE, OPEN_OBJECT, OPEN_ARRAY] = [0x0a, 0x7b, 0x5b];
const BYTE_ORDER_MARK = Buffer.from([0xef, 0xbb, 0xbf]);

export class JsonLines {
  readonly #format: InputFormat;
  /** Made once: it holds room for the strings of one event. */
  readonly #event = new JsonEvent();

  constructor(format: InputFormat) {
    this.#format = format;
  }

  /** `text`: lines, each ended by a newline. Where none of them is JSON it is answered as it is. */
  translate(text: Buffer): { bytes: Buffer; rejections: Rejection[] } {
    const rejections: Rejection[] = [];
    if (this.#format === 'lines' || (this.#format === 'auto' && !text.includes(OPEN_OBJECT))) {
      return { bytes: text, rejections };
    }
    const parts: Buffer[] = [];
    let [copiedTo, line] = [0, 0];
    for (let from = 0; from < text.length; ) {
      const found = text.indexOf(NEWLINE, from);
      const end = found < 0 ? text.length : found;
      line++;
      const start = contentStart(text, from, end);
      if (start < end && this.#isJson(text, start, end)) {
        const made = this.#lineOf(text, start, end);
        parts.push(text.subarray(copiedTo, from));
        if (Buffer.isBuffer(made)) parts.push(made);
        else rejections.push({ line, ...made });
        copiedTo = end;
      }
      from = end + 1;
    }
    const bytes = parts.length === 0 ? text : Buffer.concat([...parts, text.subarray(copiedTo)]);
    return { bytes, rejections };
  }

  #isJson(text: Buffer, start: number, end: number): boolean {
    if (this.#format === 'json' || text[start] === OPEN_OBJECT) return true;
    // An array of objects, which is refused in words of its own; a measurement may begin with a bracket.
    return text[start] === OPEN_ARRAY && text[skipBlank(text, start + 1, end)] === OPEN_OBJECT;
  }

  #lineOf(text: Buffer, start: number, end: number): Buffer | Omit<Rejection, 'line'> {
    if (end - start > MAX_LINE_BYTES) return { reason: 'too-long', detail: `longer than ${MAX_LINE_BYTES} bytes` };
    if (text[start] === OPEN_ARRAY)
      return { reason: 'syntax', detail: 'an array; expected one JSON event on each line' };
    const event = this.#event;
    const after = event.read(text, start, end);
    if (after < 0) {
      const { fault, faultAt } = event.scanner;
      return { reason: 'syntax', detail: `broken JSON: ${fault}, at byte ${faultAt - start + 1}` };
    }
    if (skipBlank(text, after, end) < end) {
      return { reason: 'syntax', detail: `something stands behind the object, at byte ${after - start + 1}` };
    }
    const target = Buffer.allocUnsafe(JsonEvent.lineBytes(after - start));
    const lineEnd = event.write(text, target, 0);
    return lineEnd < 0 ? { reason: event.reason!, detail: event.detail } : target.subarray(0, lineEnd);
  }
}

/** There are programs that put a byte order mark before everything they write. */
function contentStart(text: Buffer, from: number, end: number): number {
  const marked = text.subarray(from, from + BYTE_ORDER_MARK.length).equals(BYTE_ORDER_MARK);
  return skipBlank(text, marked ? from + BYTE_ORDER_MARK.length : from, end);
}
