/**
 * The log of a window and partition: what was accepted into it, append-only, one record per fold that brought new
 * events. Replaying it from the start rebuilds the window's state. A record, little-endian:
 *
 *   u32  bytes of the whole record, this field and the nonce included
 *   u32  groups new to the window, then for each: u8 length, event type, u8 length, product
 *   u32  sections, then for each: u32 group (position among the window's groups), u32 new events, u32 new users
 *   8 × (sum of new events)  identities: u32 high, u32 low
 *   8 × (sum of new users)   user hashes: u32 high, u32 low
 *   16   nonce, fresh and random
 *
 * The nonce ends the record, so the last 16 bytes of a log vouch for every byte before them: a log that was rolled back
 * and grew again, even to the same length, ends with another nonce. Length and last nonce are the log's version.
 */
export const NONCE_BYTES = 16;

/** Length in bytes and last nonce (32 hex digits) of a log. */
export interface Version {
  readonly length: number;
  readonly nonce: string;
}

/** The version of a window that has no log. */
export const NO_VERSION: Version = { length: 0, nonce: '' };

export function sameVersion(a: Version, b: Version): boolean {
  return a.length === b.length && a.nonce === b.nonce;
}

export interface LogSection {
  group: number;
  events: number;
  users: number;
}

export interface LogRecord {
  newGroups: readonly { eventTypeBytes: Uint8Array; productBytes: Uint8Array }[];
  sections: readonly LogSection[];
  /** Pairs of high and low halves. */
  identities: Uint32Array;
  users: Uint32Array;
}

export function encodeRecord(record: LogRecord, nonce: Uint8Array): Buffer {
  if (nonce.length !== NONCE_BYTES) throw new RangeError(`a nonce has ${NONCE_BYTES} bytes, not ${nonce.length}`);
  let bytes = 12 + record.sections.length * 12 + (record.identities.length + record.users.length) * 4 + NONCE_BYTES;
  for (const group of record.newGroups) bytes += 2 + group.eventTypeBytes.length + group.productBytes.length;
  const out = Buffer.allocUnsafe(bytes);
  let at = out.writeUInt32LE(bytes, 0);
  at = out.writeUInt32LE(record.newGroups.length, at);
  for (const group of record.newGroups) {
    at = writeName(out, group.eventTypeBytes, at);
    at = writeName(out, group.productBytes, at);
  }
  at = out.writeUInt32LE(record.sections.length, at);
  for (const section of record.sections) {
    at = out.writeUInt32LE(section.group, at);
    at = out.writeUInt32LE(section.events, at);
    at = out.writeUInt32LE(section.users, at);
  }
  at = writeWords(out, record.identities, at);
  at = writeWords(out, record.users, at);
  out.set(nonce, at);
  return out;
}

export interface DecodedRecord {
  newGroups: { eventTypeBytes: Buffer; productBytes: Buffer }[];
  sections: LogSection[];
  /** Views of the log's bytes: pairs of u32 halves, `events` and `users` of them in all. */
  identities: DataView;
  users: DataView;
  /** 32 hex digits. */
  nonce: string;
  /** Where the next record begins. */
  end: number;
}

/** Undefined when the log ends before the record does. Throws a RangeError when the bytes are no record. */
export function decodeRecord(log: Buffer, start: number): DecodedRecord | undefined {
  if (log.length - start < 4) return undefined;
  const bytes = log.readUInt32LE(start);
  if (bytes < 12 + NONCE_BYTES) throw new RangeError(`a log record of ${bytes} bytes at ${start}`);
  const end = start + bytes;
  if (end > log.length) return undefined;
  let at = start + 8;
  const newGroups: DecodedRecord['newGroups'] = [];
  for (let left = log.readUInt32LE(start + 4); left > 0; left--) {
    const eventTypeBytes = Buffer.from(readName(log, at));
    at += 1 + eventTypeBytes.length;
    const productBytes = Buffer.from(readName(log, at));
    at += 1 + productBytes.length;
    newGroups.push({ eventTypeBytes, productBytes });
  }
  const sections: LogSection[] = [];
  let events = 0;
  let users = 0;
  let left = log.readUInt32LE(at);
  for (at += 4; left > 0; left--, at += 12) {
    const section = {
      group: log.readUInt32LE(at),
      events: log.readUInt32LE(at + 4),
      users: log.readUInt32LE(at + 8),
    };
    events += section.events;
    users += section.users;
    sections.push(section);
  }
  if (at + (events + users) * 8 + NONCE_BYTES !== end) throw new RangeError(`a torn log record at ${start}`);
  const identities = new DataView(log.buffer, log.byteOffset + at, events * 8);
  const userHashes = new DataView(log.buffer, log.byteOffset + at + events * 8, users * 8);
  return {
    newGroups,
    sections,
    identities,
    users: userHashes,
    nonce: log.toString('hex', end - NONCE_BYTES, end),
    end,
  };
}

function writeName(out: Buffer, name: Uint8Array, at: number): number {
  out[at] = name.length;
  out.set(name, at + 1);
  return at + 1 + name.length;
}

function readName(log: Buffer, at: number): Buffer {
  return log.subarray(at + 1, at + 1 + log.readUInt8(at));
}

function writeWords(out: Buffer, words: Uint32Array, start: number): number {
  let at = start;
  for (let i = 0; i < words.length; i++, at += 4) {
    const word = words[i]!;
    out[at] = word;
    out[at + 1] = word >>> 8;
    out[at + 2] = word >>> 16;
    out[at + 3] = word >>> 24;
  }
  return at;
}
