import { DOMAIN, type HashKey, hash64, hashHi, hashLo } from '@weir/common/hash';
import type { Span } from '@weir/common/line-protocol';

/**
 * What makes two lines the same event, as 64-bit hashes chained from the group: group → user → event. Each link is
 * keyed and in a domain of its own. Two different events of one window and partition share an identity with a
 * probability of 2^-64 a pair; at 5 million events a minute and partition that is about 0.4 merged events in a year.
 *
 * `content`: group, username, timestamp and the field `id`, if there is one.
 * `arrival`: the batch and the line's place in it; with an Idempotency-Key the key, the line's number in the request's
 * body, and the line, so that the identity is the same when another relay cuts the request into other batches.
 *
 * The answers stand in hashHi and hashLo of hash.ts, as everywhere on the hot path.
 */
export type IdentityMode = 'content' | 'arrival';

const NO_BYTES = new Uint8Array(0);

export function hashUser(key: HashKey, groupHi: number, groupLo: number, username: Span): void {
  hash64(key, DOMAIN.user, groupHi, groupLo, 0, 0, username.bytes, username.start, username.end);
}

/** `id` undefined: the event has none. An empty id is an id. */
export function hashContent(
  key: HashKey,
  userHi: number,
  userLo: number,
  timestampSec: number,
  timestampNanos: number,
  id: Span | undefined,
): void {
  // Seconds need 34 bits and nanoseconds 30: together two words. The lowest bit of the domain word tells an empty id
  // from none.
  const high = Math.floor(timestampSec / 0x1_0000_0000);
  const time = timestampNanos | (high << 30);
  if (id) hash64(key, DOMAIN.event | 0x100, userHi, userLo, timestampSec, time, id.bytes, id.start, id.end);
  else hash64(key, DOMAIN.event, userHi, userLo, timestampSec, time, NO_BYTES, 0, 0);
}

/** The head of an entry's arrival identities: of its batch, or of the Idempotency-Key it came with. */
export function hashArrivalHead(key: HashKey, batchOrKey: string, keyed: boolean): { hi: number; lo: number } {
  const bytes = Buffer.from(batchOrKey);
  hash64(key, keyed ? DOMAIN.keyedArrival : DOMAIN.batch, 0, 0, 0, 0, bytes, 0, bytes.length);
  return { hi: hashHi, lo: hashLo };
}

/** `line` is empty unless the entry has an Idempotency-Key. */
export function hashArrival(
  key: HashKey,
  head: { hi: number; lo: number },
  lineNumber: number,
  line: Uint8Array,
  start: number,
  end: number,
): void {
  hash64(key, DOMAIN.arrival, head.hi, head.lo, lineNumber, 0, line, start, end);
}
