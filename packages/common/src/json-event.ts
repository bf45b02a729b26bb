import { MAX_LINE_BYTES } from './event.ts';
import { afterDigits, JSON_KIND, type JsonKind, JsonScanner, skipBlank } from './json-scanner.ts';
import { decodeText } from './json-text.ts';
import type { RejectReason } from './line-protocol.ts';

/**
 * One JSON event, and the line that means the same:
 *
 *   {"event_type":…,"product":…,"username":…[,"timestamp":…][,"id":…]}   keys in any order, others skipped
 *   event_type=…,product=… value="…"[,id="…"][ timestamp]
 *
 * The line is written so that the line scanner reads back the very bytes of the strings, so an event has one identity by
 * whichever way it comes. Only what would change where the line ends, or how it is cut, is judged here; the limits of
 * names, UTF-8 and the timestamp's range are judged by the line scanner, once and alike for all. Pure.
 */
const NAMES = ['event_type', 'product', 'username', 'timestamp', 'id'] as const;
const [EVENT_TYPE, PRODUCT, USERNAME, TIMESTAMP, ID] = [0, 1, 2, 3, 4] as const;
const NAME_BYTES = NAMES.map((name) => Buffer.from(name));
/** No two have the same length, so that each key is compared with one name at most. */
const BY_LENGTH = Array.from({ length: 11 }, (_, length) => NAMES.findIndex((name) => name.length === length));
/** A name whose every character is written as an escape. */
const MAX_NAME_BYTES = 6 * 10;

const HEADS = ['event_type=', ',product=', ' value="', ' ', ',id="'].map((head) => Buffer.from(head));
/** Of everything in a line that is not from the item: heads and quotes. */
const FRAME_BYTES = 64;

const NOTHING = new Uint8Array(0);

const OPEN_OBJECT = 0x7b;
const CLOSE_OBJECT = 0x7d;
const COMMA = 0x2c;
const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const SPACE = 0x20;
const EQUALS = 0x3d;
const MINUS = 0x2d;

/** A value as it stands in the body; of a string what is between its quotes. */
class Field {
  seen = false;
  kind: JsonKind = JSON_KIND.literal;
  start = 0;
  end = 0;
  escaped = false;
}

export class JsonEvent {
  /** Why the item is no event; undefined: it is one, as far as can be said here. */
  reason: RejectReason | undefined;
  detail = '';
  readonly scanner = new JsonScanner();
  readonly #fields = NAMES.map(() => new Field());
  readonly #decoded = new Uint8Array(MAX_LINE_BYTES);
  #target: Uint8Array = NOTHING;
  #to = 0;

  /**
   * The item that begins at `at`; answers where it ends, or -1 where its structure is broken (the scanner says how). When
   * it ends, `reason` says whether it can be written.
   */
  read(bytes: Uint8Array, at: number, end: number): number {
    this.reason = undefined;
    for (const field of this.#fields) field.seen = false;
    const isObject = at < end && bytes[at] === OPEN_OBJECT;
    const after = isObject ? this.#members(bytes, at, end) : this.scanner.value(bytes, at, end);
    if (after < 0) return -1;
    if (after - at > MAX_LINE_BYTES) this.#reject('too-long', `longer than ${MAX_LINE_BYTES} bytes`);
    else if (!isObject) this.#reject('syntax', 'no JSON object');
    return after;
  }

  /** The most that the line of an item of this size can take. */
  static lineBytes(itemBytes: number): number {
    return 2 * itemBytes + FRAME_BYTES;
  }

  /**
   * Writes the line of the item that was read, without a newline, to `target` at `to`; answers where it ends, or -1 when
   * `reason` says why there is none.
   */
  write(bytes: Uint8Array, target: Uint8Array, to: number): number {
    this.#target = target;
    this.#to = to;
    const written =
      this.reason === undefined &&
      this.#writeTag(bytes, EVENT_TYPE) &&
      this.#writeTag(bytes, PRODUCT) &&
      this.#writeUsername(bytes) &&
      (this.#isNull(bytes, ID) || this.#writeQuoted(bytes, ID)) &&
      (this.#isNull(bytes, TIMESTAMP) || this.#writeTimestamp(bytes));
    // It may be large, and the next event may be long in coming.
    this.#target = NOTHING;
    return written ? this.#to : -1;
  }

  /** The first reason is the one that is told. */
  #reject(reason: RejectReason, detail: string): false {
    if (this.reason !== undefined) return false;
    this.reason = reason;
    this.detail = detail;
    return false;
  }

  #members(bytes: Uint8Array, start: number, end: number): number {
    const { scanner } = this;
    let at = skipBlank(bytes, start + 1, end);
    if (at < end && bytes[at] === CLOSE_OBJECT) return at + 1;
    for (;;) {
      at = scanner.key(bytes, at, end);
      if (at < 0) return -1;
      const field = this.#fieldNamed(bytes);
      const valueStart = at;
      at = scanner.value(bytes, at, end);
      if (at < 0) return -1;
      if (field !== undefined) {
        const isString = scanner.kind === JSON_KIND.string;
        field.kind = scanner.kind;
        field.start = isString ? scanner.textStart : valueStart;
        field.end = isString ? scanner.textEnd : at;
        field.escaped = isString && scanner.escaped;
      }
      at = skipBlank(bytes, at, end);
      if (at < end && bytes[at] === CLOSE_OBJECT) return at + 1;
      if (at >= end || bytes[at] !== COMMA) return scanner.failMember(at);
      at = skipBlank(bytes, at + 1, end);
    }
  }

  /** The field of the key that was scanned last. */
  #fieldNamed(bytes: Uint8Array): Field | undefined {
    const { textStart, textEnd, escaped } = this.scanner;
    let from = bytes;
    let start = textStart;
    let end = textEnd;
    if (escaped) {
      if (end - start > MAX_NAME_BYTES) return undefined;
      end = decodeText(bytes, start, end, this.#decoded);
      from = this.#decoded;
      start = 0;
    }
    const name = BY_LENGTH[end - start] ?? -1;
    if (name < 0 || !isName(from, start, NAME_BYTES[name]!)) return undefined;
    const field = this.#fields[name]!;
    if (field.seen) this.#reject('syntax', `${NAMES[name]} stands twice`);
    field.seen = true;
    return field;
  }

  #isNull(bytes: Uint8Array, name: number): boolean {
    const { seen, kind, start } = this.#fields[name]!;
    return !seen || (kind === JSON_KIND.literal && bytes[start] === 0x6e);
  }

  #writeTag(bytes: Uint8Array, name: number): boolean {
    const { seen, start, end } = this.#fields[name]!;
    if (!seen) return this.#reject('missing-tag', `the key ${NAMES[name]} is missing`);
    // InfluxDB has no empty tags, and the line scanner would call it bad syntax.
    if (start === end) return this.#reject('name-length', `${NAMES[name]} is empty`);
    if (!this.#writeString(bytes, name, false)) return false;
    if (this.#target[this.#to - 1] !== BACKSLASH) return true;
    return this.#reject('trailing-backslash', 'a backslash at the end would escape what follows');
  }

  #writeUsername(bytes: Uint8Array): boolean {
    if (!this.#fields[USERNAME]!.seen) return this.#reject('missing-value', 'the key username is missing');
    return this.#writeQuoted(bytes, USERNAME);
  }

  #writeQuoted(bytes: Uint8Array, name: number): boolean {
    const written = this.#writeString(bytes, name, true);
    this.#target[this.#to++] = QUOTE;
    return written;
  }

  #writeString(bytes: Uint8Array, name: number, quoted: boolean): boolean {
    const { kind, start, end, escaped } = this.#fields[name]!;
    if (kind !== JSON_KIND.string) return this.#reject('syntax', `${NAMES[name]} is no string`);
    this.#writeHead(name);
    if (!escaped) return this.#writeText(bytes, start, end, name, quoted);
    const length = decodeText(bytes, start, end, this.#decoded);
    if (length < 0) return this.#reject('invalid-utf8', `${NAMES[name]} holds half of a surrogate pair`);
    return this.#writeText(this.#decoded, 0, length, name, quoted);
  }

  #writeHead(name: number): void {
    const head = HEADS[name]!;
    this.#copy(head, 0, head.length);
  }

  /** For so few bytes a loop is faster than `set`, which also wants a subarray. */
  #copy(bytes: Uint8Array, start: number, end: number): void {
    const target = this.#target;
    let to = this.#to;
    for (let at = start; at < end; at++) target[to++] = bytes[at]!;
    this.#to = to;
  }

  #writeText(bytes: Uint8Array, start: number, end: number, name: number, quoted: boolean): boolean {
    const target = this.#target;
    let to = this.#to;
    for (let at = start; at < end; at++) {
      const byte = bytes[at]!;
      // A newline would end the line.
      if (byte < 0x20 || byte === 0x7f) return this.#rejectControl(byte, name);
      if (quoted) {
        if (byte === QUOTE || byte === BACKSLASH) target[to++] = BACKSLASH;
      } else if (byte === SPACE || byte === COMMA || byte === EQUALS) target[to++] = BACKSLASH;
      target[to++] = byte;
    }
    this.#to = to;
    return true;
  }

  #rejectControl(byte: number, name: number): false {
    const code = byte.toString(16).padStart(2, '0');
    return this.#reject('control-character', `control character 0x${code} in ${NAMES[name]}`);
  }

  /** Its digits as they are: the line scanner reads them in the precision that was asked for. */
  #writeTimestamp(bytes: Uint8Array): boolean {
    const { kind, start, end } = this.#fields[TIMESTAMP]!;
    const digits = bytes[start] === MINUS ? start + 1 : start;
    const isInteger = digits < end && afterDigits(bytes, digits, end) === end;
    if ((kind !== JSON_KIND.string && kind !== JSON_KIND.number) || !isInteger) {
      return this.#reject('timestamp', 'the timestamp is neither an integer nor a string of digits');
    }
    this.#writeHead(TIMESTAMP);
    this.#copy(bytes, start, end);
    return true;
  }
}

function isName(bytes: Uint8Array, start: number, name: Uint8Array): boolean {
  for (let i = 0; i < name.length; i++) if (bytes[start + i] !== name[i]) return false;
  return true;
}
