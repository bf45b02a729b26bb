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
