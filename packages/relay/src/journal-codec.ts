import { crc32 } from './crc32.ts';
import type { JournalBatch } from './journal.ts';

/**
 * A segment of the journal: a head, then one record per batch, one directly after the other. Numbers are big-endian.
 *
 *   head    8  mark           f1 'W' 'E' 'I' 'R' 'J' 'N' '1'
 *           8  incarnation    of the start of the relay that wrote the segment
 *           2  length of the relay's id
 *           …  relay's id     UTF-8
 *           4  CRC-32 of all of the above
 *
 *   record  4  mark           f1 'R' 'E' 'C'
 *           4  CRC-32 of all that follows
 *           4  length of the lines
 *           4  length of the line numbers
 *           2  length of the Idempotency-Key; ffff: none
 *           2  number of the lane (lane-number.ts)
 *           4  number of lines
 *           6  sequence
 *           6  received, Unix milliseconds
 *           …  Idempotency-Key, line numbers, lines
 *
 * Reading stops at the first record that is not whole and right, so what is read is always a beginning of what was
 * written, never garbage. The marks hold a byte that no line can: nothing a client sends is taken for a record. Pure.
 */
export interface SegmentHead {
  relayId: string;
  /** 16 hex digits. */
  incarnation: string;
}

export interface RecordPlace {
  partition: number;
  sequence: number;
  receivedMs: number;
  /** Within the segment. */
  position: number;
  bytes: number;
}

export interface SegmentRead {
  /** Undefined when not even that can be read. */
  head: SegmentHead | undefined;
  records: RecordPlace[];
  /** Where the readable part ends. */
  end: number;
  /**
   * `torn`: the end is missing or was never written, as a crash leaves it. `damaged`: something is wrong in the middle,
   * for behind it there are records again. Those are not read: nobody can tell what is missing between.
   */
  state: 'whole' | 'torn' | 'damaged';
}

const HEAD_MARK = Buffer.from('f1574549524a4e31', 'hex');
const RECORD_MARK = Buffer.from('f1524543', 'hex');
const HEAD_FIXED_BYTES = 18;
const RECORD_FIXED_BYTES = 36;
const CRC_FROM = 8;
const NO_KEY = 0xffff;

export function encodeHead({ relayId, incarnation }: SegmentHead): Buffer {
  const id = Buffer.from(relayId);
  const head = Buffer.alloc(HEAD_FIXED_BYTES + id.length + 4);
  HEAD_MARK.copy(head);
  head.write(incarnation, 8, 'hex');
  head.writeUInt16BE(id.length, 16);
  id.copy(head, HEAD_FIXED_BYTES);
  head.writeUInt32BE(crc32(head.subarray(0, -4)), head.length - 4);
  return head;
}

/** In two parts, so that the lines are not copied once more. */
export function encodeRecord(partition: number, batch: JournalBatch): [Buffer, Buffer] {
  const { sequence, receivedMs, lineCount, lines, idempotencyKey, lineNumbers = '' } = batch;
  const key = Buffer.from(idempotencyKey ?? '');
  const front = Buffer.allocUnsafe(RECORD_FIXED_BYTES + key.length + lineNumbers.length);
  RECORD_MARK.copy(front);
  front.writeUInt32BE(lines.length, 8);
  front.writeUInt32BE(lineNumbers.length, 12);
  front.writeUInt16BE(idempotencyKey === undefined ? NO_KEY : key.length, 16);
  front.writeUInt16BE(partition, 18);
  front.writeUInt32BE(lineCount, 20);
  front.writeUIntBE(sequence, 24, 6);
  front.writeUIntBE(receivedMs, 30, 6);
  key.copy(front, RECORD_FIXED_BYTES);
  front.write(lineNumbers, RECORD_FIXED_BYTES + key.length, 'latin1');
  front.writeUInt32BE(crc32(lines, crc32(front.subarray(CRC_FROM))), 4);
  return [front, lines];
}

export function readSegment(bytes: Buffer): SegmentRead {
  const head = decodeHead(bytes);
  if (head === undefined) return { head, records: [], end: 0, state: hasRecordAfter(bytes, 0) ? 'damaged' : 'torn' };
  const records: RecordPlace[] = [];
  let end = encodeHead(head).length;
  while (end < bytes.length) {
    const length = recordBytes(bytes, end);
    if (length === undefined) return { head, records, end, state: hasRecordAfter(bytes, end + 1) ? 'damaged' : 'torn' };
    records.push({
      partition: bytes.readUInt16BE(end + 18),
      sequence: bytes.readUIntBE(end + 24, 6),
      receivedMs: bytes.readUIntBE(end + 30, 6),
      position: end,
      bytes: length,
    });
    end += length;
  }
  return { head, records, end, state: 'whole' };
}

/** The batch of one record, read from its first byte on; undefined when it is not right. */
export function decodeRecord(bytes: Buffer): { partition: number; batch: JournalBatch } | undefined {
  if (recordBytes(bytes, 0) !== bytes.length) return undefined;
  const keyBytes = bytes.readUInt16BE(16);
  const numbersAt = RECORD_FIXED_BYTES + (keyBytes === NO_KEY ? 0 : keyBytes);
  const linesAt = numbersAt + bytes.readUInt32BE(12);
  const batch = {
    sequence: bytes.readUIntBE(24, 6),
    receivedMs: bytes.readUIntBE(30, 6),
    lineCount: bytes.readUInt32BE(20),
    lines: bytes.subarray(linesAt),
  };
  const partition = bytes.readUInt16BE(18);
  if (keyBytes === NO_KEY) return { partition, batch };
  const idempotencyKey = bytes.toString('utf8', RECORD_FIXED_BYTES, numbersAt);
  return { partition, batch: { ...batch, idempotencyKey, lineNumbers: bytes.toString('latin1', numbersAt, linesAt) } };
}

function decodeHead(bytes: Buffer): SegmentHead | undefined {
  if (bytes.length < HEAD_FIXED_BYTES || !bytes.subarray(0, 8).equals(HEAD_MARK)) return undefined;
  const crcAt = HEAD_FIXED_BYTES + bytes.readUInt16BE(16);
  if (bytes.length < crcAt + 4 || bytes.readUInt32BE(crcAt) !== crc32(bytes.subarray(0, crcAt))) return undefined;
  return {
    relayId: bytes.toString('utf8', HEAD_FIXED_BYTES, crcAt),
    incarnation: bytes.toString('hex', 8, 16),
  };
}

/** The length of the record that begins at `at`; undefined when none does, or it is not whole and right. */
function recordBytes(bytes: Buffer, at: number): number | undefined {
  if (at + RECORD_FIXED_BYTES > bytes.length) return undefined;
  if (RECORD_MARK.compare(bytes, at, at + RECORD_MARK.length) !== 0) return undefined;
  const keyBytes = bytes.readUInt16BE(at + 16);
  const length =
    RECORD_FIXED_BYTES +
    (keyBytes === NO_KEY ? 0 : keyBytes) +
    bytes.readUInt32BE(at + 12) +
    bytes.readUInt32BE(at + 8);
  if (at + length > bytes.length) return undefined;
  const crc = crc32(bytes.subarray(at + CRC_FROM, at + length));
  return crc === bytes.readUInt32BE(at + 4) ? length : undefined;
}

function hasRecordAfter(bytes: Buffer, from: number): boolean {
  for (let at = bytes.indexOf(RECORD_MARK, from); at >= 0; at = bytes.indexOf(RECORD_MARK, at + 1)) {
    if (recordBytes(bytes, at) !== undefined) return true;
  }
  return false;
}
