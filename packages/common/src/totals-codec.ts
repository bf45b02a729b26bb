import type { Group, Totals } from './event.ts';

/**
 * The totals of a window in one partition, as published, with the version of the log they are the sum of; or, without a
 * version, of a whole window in its final record (final-codec.ts). Little-endian:
 *
 *   f64  length of the log; 16 bytes nonce (zero when there is no log)
 *   u32  groups, then for each: u8 length, event type, u8 length, product, f64 events, f64 users
 */
export interface GroupCount extends Group, Totals {}

export interface WindowTotals {
  /** Length in bytes and last nonce (32 hex digits) of the log they are the sum of. */
  version: { readonly length: number; readonly nonce: string };
  groups: GroupCount[];
}

const NONCE_BYTES = 16;

export function encodeTotals({ version, groups }: WindowTotals): Buffer {
  const names: Buffer[] = [];
  let bytes = 8 + NONCE_BYTES + 4;
  for (const { eventType, product } of groups) {
    const e = Buffer.from(eventType);
    const p = Buffer.from(product);
    names.push(e, p);
    bytes += 18 + e.length + p.length;
  }
  const out = Buffer.alloc(bytes);
  out.writeDoubleLE(version.length, 0);
  out.write(version.nonce, 8, 'hex');
  let at = out.writeUInt32LE(groups.length, 8 + NONCE_BYTES);
  groups.forEach(({ events, users }, i) => {
    for (const name of [names[i * 2]!, names[i * 2 + 1]!]) {
      out[at] = name.length;
      at += 1 + name.copy(out, at + 1);
    }
    at = out.writeDoubleLE(events, at);
    at = out.writeDoubleLE(users, at);
  });
  return out;
}

/** Of which log they are the sum. Throws a RangeError when the bytes are no totals. */
export function decodeVersion(bytes: Buffer): WindowTotals['version'] {
  const length = bytes.readDoubleLE(0);
  return { length, nonce: length === 0 ? '' : bytes.toString('hex', 8, 8 + NONCE_BYTES) };
}

/** Throws a RangeError when the bytes are no totals. */
export function decodeTotals(bytes: Buffer): WindowTotals {
  const groups: GroupCount[] = [];
  let at = 8 + NONCE_BYTES + 4;
  for (let left = bytes.readUInt32LE(8 + NONCE_BYTES); left > 0; left--) {
    const eventType = bytes.toString('utf8', at + 1, at + 1 + bytes[at]!);
    at += 1 + bytes[at]!;
    const product = bytes.toString('utf8', at + 1, at + 1 + bytes[at]!);
    at += 1 + bytes[at]!;
    groups.push({ eventType, product, events: bytes.readDoubleLE(at), users: bytes.readDoubleLE(at + 8) });
    at += 16;
  }
  return { version: decodeVersion(bytes), groups };
}
