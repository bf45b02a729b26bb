/**
 * Which partition a user's events go to. All relays of a deployment must agree for ever, on any machine and version:
 * the same event in two partitions would count twice. So the function is fixed (FNV-1a over the unescaped bytes of the
 * username, mixed once more because FNV's low bits are weak), keyless, and held to constants by a test.
 */
export function partitionOf(bytes: Uint8Array, start: number, end: number, partitions: number): number {
  let h = 0x811c9dc5;
  for (let i = start; i < end; i++) h = Math.imul(h ^ bytes[i]!, 0x01000193);
  h ^= h >>> 16;
  h = Math.imul(h, 0x85ebca6b);
  h ^= h >>> 13;
  h = Math.imul(h, 0xc2b2ae35);
  h ^= h >>> 16;
  return (h >>> 0) % partitions;
}

const COMMA = 0x2c;
const BACKSLASH = 0x5c;

/**
 * Which partition a series' other lines go to, so that its points stay in order. bytes[start, end) is measurement and
 * tags as they are written; tags in another order are the same series, so their hashes are added up. As fixed as the above:
 * two relays that disagreed would let points of one series overtake each other.
 */
export function partitionOfSeries(bytes: Uint8Array, start: number, end: number, partitions: number): number {
  let sum = 0;
  for (let from = start; from <= end; ) {
    let to = from;
    while (to < end && (bytes[to] !== COMMA || (to > from && bytes[to - 1] === BACKSLASH))) to++;
    const hash = partitionOf(bytes, from, to, 2 ** 32);
    // The measurement counts otherwise than a tag.
    sum = from === start ? Math.imul(hash, 3) : (sum + hash) | 0;
    from = to + 1;
  }
  return (sum >>> 0) % partitions;
}
