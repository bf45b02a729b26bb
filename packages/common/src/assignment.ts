/**
 * Rendezvous hashing: each key (a partition, a sink's window) belongs to the id whose mix with the key weighs most. All
 * who know the same ids agree without talking, and when one id leaves only its keys move. It is a hint that saves work;
 * no guarantee rests on it.
 */
export function ownerOf(key: string | number, ids: readonly string[]): string | undefined {
  let owner: string | undefined;
  let heaviest = -1;
  for (const id of ids) {
    const weight = mix(`${id}\u0000${key}`);
    if (weight > heaviest || (weight === heaviest && owner !== undefined && id < owner)) {
      owner = id;
      heaviest = weight;
    }
  }
  return owner;
}

function mix(text: string): number {
  let h = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) h = Math.imul(h ^ text.charCodeAt(i), 0x01000193);
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
}
