/**
 * The keyed hash behind identities: HalfSipHash-1-3 with 64 bits of output (Aumasson and Bernstein's SipHash on 32-bit
 * words, the form kernels use for their tables). Keyed, so that whoever chooses the events cannot choose collisions;
 * on 32-bit words, because those are the integers JavaScript has. The key is drawn once per partition and deployment.
 *
 * Every hash begins with four words of prefix, so that hashes can be chained (group → user → event) without copying
 * bytes together, and with a domain that keeps the links of the chain apart. This file is on the hot path: it is flat
 * and low-level on purpose, and answers in two module variables instead of allocating.
 */
export interface HashKey {
  readonly k0: number;
  readonly k1: number;
}

/** What is being hashed; two domains never share a value. */
export const DOMAIN = { eventType: 1, group: 2, user: 3, event: 4, batch: 5, arrival: 6, keyedArrival: 7 } as const;

/**
 * The last hash: two halves as signed 32-bit integers, which V8 keeps here without allocating; unsigned ones it does not.
 * Read them before hashing again.
 */
export let hashHi = 0;
export let hashLo = 0;

/** Hashes the words a, b, c, d, then bytes[start, end), into hashHi and hashLo. Never answers 0, which tables use for "empty". */
export function hash64(
  key: HashKey,
  domain: number,
  a: number,
  b: number,
  c: number,
  d: number,
  bytes: Uint8Array,
  start: number,
  end: number,
): void {
  let v0 = key.k0 | 0;
  let v1 = (key.k1 ^ 0xee) | 0;
  let v2 = (0x6c796765 ^ key.k0) | 0;
  let v3 = (0x74656462 ^ key.k1 ^ domain) | 0;
  v3 ^= a;
  v0 = (v0 + v1) | 0;
  v1 = ((v1 << 5) | (v1 >>> 27)) ^ v0;
  v0 = (v0 << 16) | (v0 >>> 16);
  v2 = (v2 + v3) | 0;
  v3 = ((v3 << 8) | (v3 >>> 24)) ^ v2;
  v0 = (v0 + v3) | 0;
  v3 = ((v3 << 7) | (v3 >>> 25)) ^ v0;
  v2 = (v2 + v1) | 0;
  v1 = ((v1 << 13) | (v1 >>> 19)) ^ v2;
  v2 = (v2 << 16) | (v2 >>> 16);
  v0 ^= a;
  v3 ^= b;
  v0 = (v0 + v1) | 0;
  v1 = ((v1 << 5) | (v1 >>> 27)) ^ v0;
  v0 = (v0 << 16) | (v0 >>> 16);
  v2 = (v2 + v3) | 0;
  v3 = ((v3 << 8) | (v3 >>> 24)) ^ v2;
  v0 = (v0 + v3) | 0;
  v3 = ((v3 << 7) | (v3 >>> 25)) ^ v0;
  v2 = (v2 + v1) | 0;
  v1 = ((v1 << 13) | (v1 >>> 19)) ^ v2;
  v2 = (v2 << 16) | (v2 >>> 16);
  v0 ^= b;
  v3 ^= c;
  v0 = (v0 + v1) | 0;
  v1 = ((v1 << 5) | (v1 >>> 27)) ^ v0;
  v0 = (v0 << 16) | (v0 >>> 16);
  v2 = (v2 + v3) | 0;
  v3 = ((v3 << 8) | (v3 >>> 24)) ^ v2;
  v0 = (v0 + v3) | 0;
  v3 = ((v3 << 7) | (v3 >>> 25)) ^ v0;
  v2 = (v2 + v1) | 0;
  v1 = ((v1 << 13) | (v1 >>> 19)) ^ v2;
  v2 = (v2 << 16) | (v2 >>> 16);
  v0 ^= c;
  v3 ^= d;
  v0 = (v0 + v1) | 0;
  v1 = ((v1 << 5) | (v1 >>> 27)) ^ v0;
  v0 = (v0 << 16) | (v0 >>> 16);
  v2 = (v2 + v3) | 0;
  v3 = ((v3 << 8) | (v3 >>> 24)) ^ v2;
  v0 = (v0 + v3) | 0;
  v3 = ((v3 << 7) | (v3 >>> 25)) ^ v0;
  v2 = (v2 + v1) | 0;
  v1 = ((v1 << 13) | (v1 >>> 19)) ^ v2;
  v2 = (v2 << 16) | (v2 >>> 16);
  v0 ^= d;
  let at = start;
  for (const last = end - 3; at < last; at += 4) {
    const word = bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24);
    v3 ^= word;
    v0 = (v0 + v1) | 0;
    v1 = ((v1 << 5) | (v1 >>> 27)) ^ v0;
    v0 = (v0 << 16) | (v0 >>> 16);
    v2 = (v2 + v3) | 0;
    v3 = ((v3 << 8) | (v3 >>> 24)) ^ v2;
    v0 = (v0 + v3) | 0;
    v3 = ((v3 << 7) | (v3 >>> 25)) ^ v0;
    v2 = (v2 + v1) | 0;
    v1 = ((v1 << 13) | (v1 >>> 19)) ^ v2;
    v2 = (v2 << 16) | (v2 >>> 16);
    v0 ^= word;
  }
  let tail = ((end - start + 16) & 0xff) << 24;
  if (at < end) tail |= bytes[at]!;
  if (at + 1 < end) tail |= bytes[at + 1]! << 8;
  if (at + 2 < end) tail |= bytes[at + 2]! << 16;
  v3 ^= tail;
  v0 = (v0 + v1) | 0;
  v1 = ((v1 << 5) | (v1 >>> 27)) ^ v0;
  v0 = (v0 << 16) | (v0 >>> 16);
  v2 = (v2 + v3) | 0;
  v3 = ((v3 << 8) | (v3 >>> 24)) ^ v2;
  v0 = (v0 + v3) | 0;
  v3 = ((v3 << 7) | (v3 >>> 25)) ^ v0;
  v2 = (v2 + v1) | 0;
  v1 = ((v1 << 13) | (v1 >>> 19)) ^ v2;
  v2 = (v2 << 16) | (v2 >>> 16);
  v0 ^= tail;
  v2 ^= 0xee;
  for (let round = 0; round < 6; round++) {
    if (round === 3) {
      hashLo = v1 ^ v3;
      v1 ^= 0xdd;
    }
    v0 = (v0 + v1) | 0;
    v1 = ((v1 << 5) | (v1 >>> 27)) ^ v0;
    v0 = (v0 << 16) | (v0 >>> 16);
    v2 = (v2 + v3) | 0;
    v3 = ((v3 << 8) | (v3 >>> 24)) ^ v2;
    v0 = (v0 + v3) | 0;
    v3 = ((v3 << 7) | (v3 >>> 25)) ^ v0;
    v2 = (v2 + v1) | 0;
    v1 = ((v1 << 13) | (v1 >>> 19)) ^ v2;
    v2 = (v2 << 16) | (v2 >>> 16);
  }
  hashHi = v1 ^ v3;
  // Tables mark an empty slot with 0; one value in 2^64 gives way.
  if (hashHi === 0 && hashLo === 0) hashLo = 1;
}

/** 16 hex digits → key. Throws on anything else: a wrong key would count everything anew. */
export function parseHashKey(hex: string): HashKey {
  if (!/^[0-9a-f]{16}$/.test(hex)) throw new TypeError(`not a hash key: ${hex}`);
  return { k0: Number.parseInt(hex.slice(0, 8), 16), k1: Number.parseInt(hex.slice(8), 16) };
}
