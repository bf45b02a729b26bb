import { MAX_EVENT_TYPE_BYTES, MAX_LINE_BYTES, MAX_PRODUCT_BYTES, MAX_USERNAME_BYTES } from './event.ts';
import { copyUnescaped, Span } from './line-bytes.ts';
import { influxRefusal, UNTYPED_FIELD } from './line-influx.ts';
import { type PlainLine, readPlainLine } from './line-plain.ts';
import type { RejectReason } from './line-reasons.ts';
import { type Precision, TimestampScanner } from './line-timestamp.ts';
import { isBoolean, isNumber } from './line-values.ts';
import { isUtf8 } from './utf8.ts';

/**
 * The scanner of event lines: says of one line whether it is a user event (and of whom, when, what), an other line of
 * valid InfluxDB line protocol, or why it is rejected. The relay runs it over what clients send, the aggregator over
 * what relays wrote. It is the hottest code there is, so it works on bytes in one pass and allocates only to reject. It
 * is over 400 lines because its parts share the state of one line, and what the inner loops use has to stand beside them.
 *
 * Two forms carry a user event (escapes are InfluxDB 1.x's, models/points.go):
 *   bare      event_type=<tag>,product=<tag>[,tag=…] value=<username>[,field=…] [timestamp]
 *             begins with one of the two tags; an unquoted value runs to the next unescaped space or comma and is text
 *             whatever it looks like
 *   measured  <measurement>,event_type=<tag>,product=<tag>[,tag=…] value="<username>"[,field=…] [timestamp]
 *             tags in any order; the value may be bare text, but what line protocol reads as a number or boolean is not
 * A line that begins like the bare form but lacks a tag or the value is judged as line protocol, whose measurement is
 * then named `event_type=…`. Other tags and fields of a user event are skipped: their values may be any text. One that
 * stands twice matters only where it makes two readings: event_type, product, value, id, or any tag of an other line.
 *
 * A backslash escapes a comma, space or equals sign behind it, and in quotes a quote or backslash; before anything else
 * it is an ordinary character. Control characters are those of ASCII.
 */
export { Span } from './line-bytes.ts';
export { REJECT_REASONS, type RejectReason } from './line-reasons.ts';
export { PRECISIONS, type Precision } from './line-timestamp.ts';

export const LINE = { blank: 0, userEvent: 1, other: 2, rejected: 3 } as const;
export type LineKind = (typeof LINE)[keyof typeof LINE];

// The kinds of bytes stay in this file: an imported constant is looked up each time, which costs a quarter of the scan.
// Those that end something come first, so that one comparison finds them.
const PLAIN = 0;
const SPACE = 1;
const COMMA = 2;
const EQUALS = 3;
const BACKSLASH = 4;
const QUOTE = 5;
const CONTROL = 6;
/** A byte of a character beyond ASCII. */
const HIGH = 7;

const CLASS = new Uint8Array(256).fill(HIGH, 0x80).fill(CONTROL, 0, 0x20);
CLASS[0x7f] = CONTROL;
CLASS[0x20] = SPACE;
CLASS[0x2c] = COMMA;
CLASS[0x3d] = EQUALS;
CLASS[0x5c] = BACKSLASH;
CLASS[0x22] = QUOTE;

/** What a relay may add to a line when it writes the timestamp in nanoseconds: a space and 19 digits. */
const TIMESTAMP_ROOM_BYTES = 20;

const TAB = 0x09;
const CARRIAGE_RETURN = 0x0d;
const HASH = 0x23;

const EVENT_TYPE = Buffer.from('event_type');
const PRODUCT = Buffer.from('product');
const VALUE = Buffer.from('value');
const ID = Buffer.from('id');

const MISSING_VALUE = 'the field value is missing';

export class LineScanner {
  readonly eventType = new Span();
  readonly product = new Span();
  readonly username = new Span();
  /** The field `id`: what stands in the quotes, or the bare text. */
  readonly id = new Span();
  hasId = false;
  hasTimestamp = false;
  /**
   * Exact whatever the precision; valid when hasTimestamp. The time is timestampSec seconds and timestampNanos (nine
   * digits) nanoseconds after 1970, or before it if timestampNegative, so that these three, written one behind the
   * other, are the timestamp in nanoseconds. It is always one that InfluxDB stores. Only an other line can be negative:
   * a user event before 1970 is rejected. Whether it is too far ahead is for the caller, who knows the time, to say.
   */
  timestampNegative = false;
  timestampSec = 0;
  timestampNanos = 0;
  /** Where the number stands in the source, with its sign. */
  timestampStart = 0;
  timestampEnd = 0;
  /** Where the line begins behind leading spaces, where measurement and tags end, and where the last field does. */
  contentStart = 0;
  keyEnd = 0;
  fieldsEnd = 0;
  /** Why the line was rejected; `detail` says the same to a human. */
  reason: RejectReason | undefined;
  detail = '';

  readonly #timestamp = new TimestampScanner();
  readonly #plain: PlainLine = {
    eventTypeStart: 0,
    eventTypeEnd: 0,
    productStart: 0,
    productEnd: 0,
    usernameStart: 0,
    usernameEnd: 0,
    sec: 0,
    nanos: 0,
  };
  readonly #maxLineBytes: number;
  readonly #scratch: Uint8Array;
  #scratchEnd = 0;
  #bare = false;
  #beyondAscii = false;
  #hasEventType = false;
  #hasProduct = false;
  #twice: string | undefined;
  #hasValue = false;
  #valueQuoted = false;
  /** The unquoted `value` in the source. */
  #valueStart = 0;
  #valueEnd = 0;

  /** By default takes every line that a relay may have written; the relay itself passes MAX_LINE_BYTES. */
  constructor(maxLineBytes = MAX_LINE_BYTES + TIMESTAMP_ROOM_BYTES) {
    this.#maxLineBytes = maxLineBytes;
    this.#scratch = new Uint8Array(maxLineBytes);
  }

  /** One line, without its newline; a carriage return at its end is no part of it. Answers a LINE. */
  scan(bytes: Uint8Array, start: number, lineEnd: number, precision: Precision): LineKind {
    const end = lineEnd > start && bytes[lineEnd - 1] === CARRIAGE_RETURN ? lineEnd - 1 : lineEnd;
    if (precision === 'ns' && this.#scanPlain(bytes, start, end)) return LINE.userEvent;
    let at = start;
    while (at < end && (CLASS[bytes[at]!] === SPACE || bytes[at] === TAB)) at++;
    if (at === end || bytes[at] === HASH) return LINE.blank;
    this.#reset(at);
    const maxLineBytes = this.#maxLineBytes;
    if (end - start > maxLineBytes) return this.#reject('too-long', `longer than ${maxLineBytes} bytes`);
    at = this.#scanKey(bytes, at, end);
    if (at < 0) return LINE.rejected;
    this.keyEnd = at;
    at = this.#scanFields(bytes, at, end);
    if (at < 0) return LINE.rejected;
    this.fieldsEnd = at;
    if (at < end && !this.#scanTimestamp(bytes, at, end, precision)) return LINE.rejected;
    if (this.#beyondAscii && !isUtf8(bytes, this.contentStart, end)) {
      return this.#reject('invalid-utf8', 'not valid UTF-8');
    }
    return this.#isUserEvent(bytes) ? this.#judgeUserEvent() : this.#judgeOther(bytes);
  }

  /** The plainest of user events; false says nothing about the line. */
  #scanPlain(bytes: Uint8Array, start: number, end: number): boolean {
    const plain = this.#plain;
    if (!readPlainLine(bytes, start, end, plain)) return false;
    const { eventType, product, username } = this;
    eventType.bytes = bytes;
    eventType.start = plain.eventTypeStart;
    eventType.end = plain.eventTypeEnd;
    product.bytes = bytes;
    product.start = plain.productStart;
    product.end = plain.productEnd;
    username.bytes = bytes;
    username.start = plain.usernameStart;
    username.end = plain.usernameEnd;
    this.hasId = false;
    this.hasTimestamp = true;
    this.timestampNegative = false;
    this.timestampSec = plain.sec;
    this.timestampNanos = plain.nanos;
    this.timestampStart = plain.usernameEnd + 1;
    this.timestampEnd = end;
    this.contentStart = start;
    this.keyEnd = plain.productEnd;
    this.fieldsEnd = plain.usernameEnd;
    this.reason = undefined;
    return true;
  }

  #reset(contentStart: number): void {
    this.contentStart = contentStart;
    this.hasId = false;
    this.hasTimestamp = false;
    this.timestampNegative = false;
    this.reason = undefined;
    this.#scratchEnd = 0;
    this.#bare = false;
    this.#beyondAscii = false;
    this.#hasEventType = false;
    this.#hasProduct = false;
    this.#twice = undefined;
    this.#hasValue = false;
    this.#valueQuoted = false;
  }

  #reject(reason: RejectReason, detail: string): typeof LINE.rejected {
    this.reason = reason;
    this.detail = detail;
    return LINE.rejected;
  }

  /** Reads measurement and tags up to the space behind them; answers where that is, or -1. */
  #scanKey(bytes: Uint8Array, start: number, end: number): number {
    let at = start;
    for (;;) {
      const from = at;
      let equals = -1;
      let secondEquals = false;
      let escaped = false;
      for (; at < end; at++) {
        const kind = CLASS[bytes[at]!]!;
        if (kind === PLAIN) continue;
        if (kind <= COMMA) break;
        if (kind === EQUALS) {
          if (equals < 0) equals = at;
          // influxd lets a tag's value begin with an equals sign, and so do we: it is none of our business.
          else if (at > equals + 1) secondEquals = true;
        } else if (kind === BACKSLASH) {
          if (at + 1 < end && isEscapable(bytes[at + 1]!)) {
            escaped = true;
            at++;
          }
        } else if (kind === HIGH) this.#beyondAscii = true;
        else if (kind === CONTROL) return this.#rejectControl(bytes, at);
      }
      const sound = equals > from && equals + 1 < at && !secondEquals;
      if (sound) this.#takeTag(bytes, from, equals, at, escaped, start);
      if (from === start) {
        if (at === start) return this.#rejectAt('syntax', 'the measurement is missing');
      } else if (!sound) return this.#rejectTag(from, equals, at, secondEquals, escaped);
      if (at === end) return this.#rejectKeyOnly(bytes, end);
      if (CLASS[bytes[at]!] === SPACE) return at;
      at++;
    }
  }

  #takeTag(bytes: Uint8Array, from: number, equals: number, end: number, escaped: boolean, start: number): void {
    if (isName(bytes, from, equals, EVENT_TYPE)) {
      if (this.#hasEventType) this.#twice = 'event_type';
      this.#hasEventType = true;
      this.#take(this.eventType, bytes, equals + 1, end, escaped);
    } else if (isName(bytes, from, equals, PRODUCT)) {
      if (this.#hasProduct) this.#twice = 'product';
      this.#hasProduct = true;
      this.#take(this.product, bytes, equals + 1, end, escaped);
    } else return;
    if (from === start) this.#bare = true;
  }

  /** Reads the fields; answers where the last one ends, or -1. */
  #scanFields(bytes: Uint8Array, start: number, end: number): number {
    let at = start;
    while (at < end && CLASS[bytes[at]!] === SPACE) at++;
    if (at === end) return this.#rejectKeyOnly(bytes, end);
    for (;;) {
      const from = at;
      let kind = PLAIN;
      for (; at < end; at++) {
        kind = CLASS[bytes[at]!]!;
        if (kind === PLAIN) continue;
        if (kind <= EQUALS) break;
        if (kind === BACKSLASH) {
          if (at + 1 < end && isEscapable(bytes[at + 1]!)) at++;
        } else if (kind === HIGH) this.#beyondAscii = true;
        else if (kind === CONTROL) return this.#rejectControl(bytes, at);
      }
      if (at === end || kind !== EQUALS || at === from) return this.#rejectFieldName(at === from && kind === EQUALS);
      at =
        at + 1 < end && CLASS[bytes[at + 1]!] === QUOTE
          ? this.#scanQuoted(bytes, from, at, end)
          : this.#scanUnquoted(bytes, from, at, end);
      if (at < 0 || at === end || CLASS[bytes[at]!] === SPACE) return at;
      at++;
    }
  }

  #scanQuoted(bytes: Uint8Array, nameStart: number, equals: number, end: number): number {
    const from = equals + 2;
    let escaped = false;
    let at = from;
    for (; at < end; at++) {
      const kind = CLASS[bytes[at]!]!;
      if (kind < BACKSLASH) continue;
      if (kind === QUOTE) break;
      if (kind === BACKSLASH) {
        if (at + 1 < end && (CLASS[bytes[at + 1]!] === QUOTE || CLASS[bytes[at + 1]!] === BACKSLASH)) {
          escaped = true;
          at++;
        }
      } else if (kind === HIGH) this.#beyondAscii = true;
      else return this.#rejectControl(bytes, at);
    }
    if (at >= end) return this.#rejectAt('syntax', 'a quote is opened and never closed');
    const after = at + 1;
    if (after < end && CLASS[bytes[after]!] !== SPACE && CLASS[bytes[after]!] !== COMMA) {
      return this.#rejectAt('syntax', 'a closing quote is followed by neither a comma nor a space');
    }
    if (isName(bytes, nameStart, equals, VALUE)) {
      this.#claimValue();
      this.#valueQuoted = true;
      this.#take(this.username, bytes, from, at, escaped, true);
    } else if (isName(bytes, nameStart, equals, ID)) {
      this.#claimId();
      this.#take(this.id, bytes, from, at, escaped, true);
    }
    return after;
  }

  #scanUnquoted(bytes: Uint8Array, nameStart: number, equals: number, end: number): number {
    const from = equals + 1;
    let escaped = false;
    let at = from;
    for (; at < end; at++) {
      const kind = CLASS[bytes[at]!]!;
      if (kind === PLAIN) continue;
      if (kind <= COMMA) break;
      if (kind === BACKSLASH) {
        if (at + 1 < end && isEscapable(bytes[at + 1]!)) {
          escaped = true;
          at++;
        } else if (at + 1 === end) return this.#rejectTrailingBackslash();
      } else if (kind === HIGH) this.#beyondAscii = true;
      else if (kind === CONTROL) return this.#rejectControl(bytes, at);
    }
    if (at === from) return this.#rejectAt('syntax', 'a field has no value');
    if (isName(bytes, nameStart, equals, VALUE)) {
      this.#claimValue();
      this.#valueStart = from;
      this.#valueEnd = at;
      this.#take(this.username, bytes, from, at, escaped);
    } else if (isName(bytes, nameStart, equals, ID)) {
      this.#claimId();
      this.#take(this.id, bytes, from, at, escaped);
    }
    return at;
  }

  #claimValue(): void {
    if (this.#hasValue) this.#twice = 'value';
    this.#hasValue = true;
  }

  #claimId(): void {
    if (this.hasId) this.#twice = 'id';
    this.hasId = true;
  }

  /** Points the span at the bytes, or at a copy of them without the backslashes that escape. */
  #take(span: Span, bytes: Uint8Array, start: number, end: number, escaped: boolean, quoted = false): void {
    if (!escaped) {
      span.bytes = bytes;
      span.start = start;
      span.end = end;
      return;
    }
    span.bytes = this.#scratch;
    span.start = this.#scratchEnd;
    span.end = copyUnescaped(bytes, start, end, quoted, this.#scratch, this.#scratchEnd);
    this.#scratchEnd = span.end;
  }

  /** Reads what stands behind the fields. False: rejected. */
  #scanTimestamp(bytes: Uint8Array, start: number, end: number, precision: Precision): boolean {
    const timestamp = this.#timestamp;
    if (!timestamp.scan(bytes, start, end, precision)) {
      for (let at = start; at < end; at++) {
        if (CLASS[bytes[at]!] === CONTROL) return this.#rejectControl(bytes, at) > 0;
      }
      this.#reject('timestamp', timestamp.detail);
      return false;
    }
    if (!timestamp.found) return true;
    this.hasTimestamp = true;
    this.timestampNegative = timestamp.negative;
    this.timestampSec = timestamp.sec;
    this.timestampNanos = timestamp.nanos;
    this.timestampStart = timestamp.start;
    this.timestampEnd = timestamp.end;
    return true;
  }

  #isUserEvent(bytes: Uint8Array): boolean {
    if (!this.#hasEventType || !this.#hasProduct || !this.#hasValue) return false;
    return this.#bare || this.#valueQuoted || !this.#valueIsTyped(bytes);
  }

  /** Whether the unquoted value reads as a number or boolean, be it too large to store or not. */
  #valueIsTyped(bytes: Uint8Array): boolean {
    return isNumber(bytes, this.#valueStart, this.#valueEnd) || isBoolean(bytes, this.#valueStart, this.#valueEnd);
  }

  #judgeUserEvent(): LineKind {
    if (this.#twice !== undefined) return this.#reject('syntax', `${this.#twice} stands twice`);
    if (this.timestampNegative) return this.#reject('past', 'the timestamp is before 1970');
    const { eventType, product, username } = this;
    if (eventType.end - eventType.start > MAX_EVENT_TYPE_BYTES) {
      return this.#reject('name-length', `event_type is longer than ${MAX_EVENT_TYPE_BYTES} bytes`);
    }
    if (product.end - product.start > MAX_PRODUCT_BYTES) {
      return this.#reject('name-length', `product is longer than ${MAX_PRODUCT_BYTES} bytes`);
    }
    if (username.end === username.start) return this.#reject('name-length', 'the username is empty');
    if (username.end - username.start > MAX_USERNAME_BYTES) {
      return this.#reject('name-length', `the username is longer than ${MAX_USERNAME_BYTES} bytes`);
    }
    return LINE.userEvent;
  }

  /** Not on the hot path: valid only if InfluxDB would take it as it is. */
  #judgeOther(bytes: Uint8Array): LineKind {
    if (this.#hasValue && !this.#valueQuoted && !this.#valueIsTyped(bytes)) {
      return this.#reject('missing-tag', `the tag ${this.#hasEventType ? 'product' : 'event_type'} is missing`);
    }
    const refusal = influxRefusal(bytes, this.contentStart, this.keyEnd, this.fieldsEnd);
    if (refusal === undefined) return LINE.other;
    if (refusal === UNTYPED_FIELD && this.#hasEventType && this.#hasProduct && !this.#hasValue) {
      return this.#reject('missing-value', MISSING_VALUE);
    }
    return this.#reject('syntax', refusal);
  }

  #rejectAt(reason: RejectReason, detail: string): -1 {
    this.#reject(reason, detail);
    return -1;
  }

  #rejectControl(bytes: Uint8Array, at: number): -1 {
    const code = bytes[at]!.toString(16).padStart(2, '0');
    return this.#rejectAt('control-character', `control character 0x${code} at byte ${at - this.contentStart + 1}`);
  }

  #rejectTrailingBackslash(): -1 {
    return this.#rejectAt('trailing-backslash', 'a backslash at the end would escape what follows');
  }

  #rejectTag(from: number, equals: number, end: number, secondEquals: boolean, escaped: boolean): -1 {
    if (equals < 0 || equals + 1 === end) return this.#rejectAt('syntax', 'a tag has no value');
    if (equals === from) return this.#rejectAt('syntax', 'a tag has no name');
    const hint = secondEquals && escaped ? ' (a backslash before it escapes a comma or space)' : '';
    return this.#rejectAt('syntax', `an equals sign in a tag's value is not escaped${hint}`);
  }

  #rejectKeyOnly(bytes: Uint8Array, end: number): -1 {
    if (CLASS[bytes[end - 1]!] === BACKSLASH) return this.#rejectTrailingBackslash();
    return this.#rejectNoField('the line has no fields');
  }

  #rejectFieldName(unnamed: boolean): -1 {
    if (unnamed) return this.#rejectAt('syntax', 'a field has no name');
    return this.#rejectNoField('a field has no value');
  }

  /** What is a user event but for its last part is told what that part is. */
  #rejectNoField(otherwise: string): -1 {
    const wanted = this.#hasEventType && this.#hasProduct && !this.#hasValue;
    return wanted ? this.#rejectAt('missing-value', MISSING_VALUE) : this.#rejectAt('syntax', otherwise);
  }
}

/** Whether a backslash before it is an escape, outside of quotes. */
function isEscapable(byte: number): boolean {
  const kind = CLASS[byte]!;
  return kind === SPACE || kind === COMMA || kind === EQUALS;
}

/** Names are compared as they are written: a backslash before a letter escapes nothing. */
function isName(bytes: Uint8Array, start: number, end: number, name: Uint8Array): boolean {
  const length = name.length;
  if (end - start !== length) return false;
  for (let i = 0; i < length; i++) if (bytes[start + i] !== name[i]) return false;
  return true;
}
