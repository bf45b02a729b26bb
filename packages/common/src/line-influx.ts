import { FIELD_TYPE, type FieldType, fieldType } from './line-values.ts';

/**
 * What InfluxDB refuses in a line that has the form of line protocol, so that no client is told that an other line is on
 * its way which no sink would take. Pure, and not on the hot path: user events never come here. It mirrors InfluxDB 1.x
 * (parsePoint in its models/points.go, and the validation in its tsdb/shard.go), and is held against a real one by
 * test/integration/line-protocol-differential.test.ts.
 */

/** Key, separator and field name together, and so the key alone: MaxKeyLength. */
const MAX_KEY_BYTES = 65_535;
const SEPARATOR_BYTES = 4;
/** Up to 1.7 it falls over a line with as many tags as its table has room for: 100, 200, 400 and so on. */
const TAG_TABLE = 100;
/** The name of the timestamp in queries: no tag and no only field may have it. */
const TIME = 'time';

const SPACE = 0x20;
const QUOTE = 0x22;
const COMMA = 0x2c;
const EQUALS = 0x3d;
const BACKSLASH = 0x5c;

/** Told apart because the line may have been meant for a user event. */
export const UNTYPED_FIELD = 'a field is neither number, boolean nor quoted text';

/** Why InfluxDB would not take the line, to a human. `start` to `keyEnd` are its measurement and tags. */
export function influxRefusal(line: Uint8Array, start: number, keyEnd: number, fieldsEnd: number): string | undefined {
  const bytes = Buffer.from(line.buffer, line.byteOffset, line.byteLength);
  return refusalOfFields(bytes, keyEnd - start, keyEnd, fieldsEnd) ?? refusalOfTags(bytes, start, keyEnd);
}

function refusalOfTags(bytes: Buffer, start: number, end: number): string | undefined {
  const names = new Set<string>();
  let tags = 0;
  let at = afterUnescaped(bytes, start, end, COMMA);
  while (at < end) {
    const from = at;
    at = afterUnescaped(bytes, from, end, EQUALS);
    // Compared as they are written, as InfluxDB does it.
    const name = bytes.toString('latin1', from, at - 1);
    if (name === TIME) return 'no tag can be named time';
    names.add(name);
    tags++;
    if (names.size < tags) return 'a tag stands twice';
    at = afterUnescaped(bytes, at, end, COMMA);
  }
  for (let room = TAG_TABLE; room <= tags; room *= 2) {
    if (room === tags) return `InfluxDB before 1.8 fails on exactly ${tags} tags`;
  }
  return undefined;
}

/** Behind the next `byte` that no backslash stands before, or behind the end. */
function afterUnescaped(bytes: Buffer, from: number, end: number, byte: number): number {
  let at = from;
  while (at < end && (bytes[at] !== byte || (at > from && bytes[at - 1] === BACKSLASH))) at++;
  return at + 1;
}

function refusalOfFields(bytes: Buffer, keyBytes: number, keyEnd: number, end: number): string | undefined {
  const types = new Map<string, FieldType>();
  let hasField = false;
  let at = keyEnd;
  while (bytes[at] === SPACE) at++;
  while (at < end) {
    const from = at;
    const equals = nameEnd(bytes, from);
    if (equals > from && bytes[equals - 1] === BACKSLASH) {
      return "two backslashes in a field's name stand before a comma, space or equals sign";
    }
    at = valueEnd(bytes, equals + 1, end);
    const type = fieldType(bytes, equals + 1, at);
    if (type === FIELD_TYPE.none) return UNTYPED_FIELD;
    if (type === FIELD_TYPE.outOfRange) return 'a number is out of range';
    if (keyBytes + SEPARATOR_BYTES + equals - from > MAX_KEY_BYTES) {
      return `measurement, tags and the name of a field are longer than ${MAX_KEY_BYTES - SEPARATOR_BYTES} bytes`;
    }
    at++;
    const name = unescapedFieldName(bytes.toString('latin1', from, equals));
    // InfluxDB leaves such a field out, but not the others.
    if (name === TIME) continue;
    hasField = true;
    if ((types.get(name) ?? type) !== type) return 'a field stands twice, with two types';
    types.set(name, type);
  }
  return hasField ? undefined : 'the only field is named time';
}

/**
 * Where a field's name ends for InfluxDB. This pass of it lets a backslash take the byte behind it along, whatever that
 * is; the next one looks for an equals sign that no backslash stands before. Where two backslashes make them differ, it
 * refuses the line or reads another than was meant.
 */
function nameEnd(bytes: Buffer, start: number): number {
  let at = start;
  while (bytes[at] !== EQUALS && bytes[at] !== COMMA && bytes[at] !== SPACE) at += bytes[at] === BACKSLASH ? 2 : 1;
  return at;
}

function valueEnd(bytes: Buffer, start: number, end: number): number {
  const quoted = bytes[start] === QUOTE;
  const until = quoted ? QUOTE : COMMA;
  let at = quoted ? start + 1 : start;
  while (at < end && bytes[at] !== until) at += bytes[at] === BACKSLASH ? 2 : 1;
  return Math.min(quoted ? at + 1 : at, end);
}

/** A quote can be escaped too in the name of a field, unlike in that of a tag. */
function unescapedFieldName(name: string): string {
  return name.includes('\\') ? name.replace(/\\([," =])/g, '$1') : name;
}
