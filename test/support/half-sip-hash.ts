/**
 * HalfSipHash-c-d with 64 bits of output, written down from its description and for reading, not for speed: what the
 * hot path's own is compared with. `tweak` goes into the last word of the state (0 in the published algorithm).
 */
export interface HalfSipHashOptions {
  compressionRounds: number;
  finalRounds: number;
  tweak?: number;
}

export function halfSipHash(
  key: Uint8Array,
  message: Uint8Array,
  { compressionRounds, finalRounds, tweak = 0 }: HalfSipHashOptions,
): Buffer {
  const [k0, k1] = words(key) as [number, number];
  const v = Uint32Array.of(k0, k1 ^ 0xee, 0x6c796765 ^ k0, 0x74656462 ^ k1 ^ tweak);
  for (const word of words(padded(message))) {
    v[3]! ^= word;
    rounds(v, compressionRounds);
    v[0]! ^= word;
  }
  v[2]! ^= 0xee;
  const out = Buffer.alloc(8);
  rounds(v, finalRounds);
  out.writeUInt32LE((v[1]! ^ v[3]!) >>> 0, 0);
  v[1]! ^= 0xdd;
  rounds(v, finalRounds);
  out.writeUInt32LE((v[1]! ^ v[3]!) >>> 0, 4);
  return out;
}

/** Zeros up to a whole number of words, the last byte of which is the message's length. */
function padded(message: Uint8Array): Uint8Array {
  const out = new Uint8Array(Math.floor(message.length / 4) * 4 + 4);
  out.set(message);
  out[out.length - 1] = message.length;
  return out;
}

function words(bytes: Uint8Array): number[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  return Array.from({ length: bytes.length / 4 }, (_, i) => view.getUint32(i * 4, true));
}

function rounds(v: Uint32Array, count: number): void {
  for (let i = 0; i < count; i++) {
    add(v, 0, 1);
    mix(v, 1, 5, 0);
    v[0] = rotated(v[0]!, 16);
    add(v, 2, 3);
    mix(v, 3, 8, 2);
    add(v, 0, 3);
    mix(v, 3, 7, 0);
    add(v, 2, 1);
    mix(v, 1, 13, 2);
    v[2] = rotated(v[2]!, 16);
  }
}

function add(v: Uint32Array, to: number, from: number): void {
  v[to]! += v[from]!;
}

function mix(v: Uint32Array, at: number, bits: number, by: number): void {
  v[at] = rotated(v[at]!, bits) ^ v[by]!;
}

function rotated(word: number, bits: number): number {
  return (word << bits) | (word >>> (32 - bits));
}
