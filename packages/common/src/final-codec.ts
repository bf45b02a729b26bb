import { deflateRawSync, inflateRawSync } from 'node:zlib';
import { decodeTotals, encodeTotals, type GroupCount } from './totals-codec.ts';

/**
 * The final record of a window. It stays in Redis for a day, and for as long as a sink is away, so it is deflated: 9
 * bytes a group instead of 39, with ordinary names, for half a microsecond each.
 *
 *   u8  form: 1; then totals without a version (totals-codec.ts), deflated
 *
 * Form 0 is totals as they are, which begin with a zero: records of before this form was there.
 */
const PLAIN = 0;
const DEFLATED = 1;
/** The fastest; the thorough ones take four times as long for a tenth of the bytes. */
const LEVEL = 1;
/** Some million groups with the longest names; a record is made of published totals, which Redis holds at half of that. */
const MAX_PLAIN_BYTES = 1024 * 1024 * 1024;

const NO_VERSION = { length: 0, nonce: '' };

export function encodeFinal(groups: GroupCount[]): Buffer {
  const totals = encodeTotals({ version: NO_VERSION, groups });
  return Buffer.concat([Buffer.of(DEFLATED), deflateRawSync(totals, { level: LEVEL })]);
}

/** Throws when the bytes are no final record. */
export function decodeFinal(bytes: Buffer): GroupCount[] {
  if (bytes[0] === PLAIN) return decodeTotals(bytes).groups;
  if (bytes[0] !== DEFLATED)
    throw new RangeError(`a final record of form ${bytes[0]}, which this version does not know`);
  return decodeTotals(inflateRawSync(bytes.subarray(1), { maxOutputLength: MAX_PLAIN_BYTES })).groups;
}
