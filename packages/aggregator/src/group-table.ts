import type { Group } from '@weir/common/event';
import { DOMAIN, type HashKey, hash64, hashHi, hashLo } from '@weir/common/hash';

/** A group with what the hot path needs of it at hand. */
export interface KnownGroup extends Group {
  /** Head of the hash chain group → user → event. */
  readonly hashHi: number;
  readonly hashLo: number;
  readonly eventTypeBytes: Buffer;
  readonly productBytes: Buffer;
}

/**
 * Finds the group of a line by its bytes, without making strings: a table of buckets by a cheap hash, compared byte by
 * byte. Names never become property keys, so `__proto__` is a name like any other. The table forgets everything when
 * it holds `maxGroups`: it is a cache, and windows know their groups by name as well.
 */
export class GroupTable {
  readonly #key: HashKey;
  readonly #maxGroups: number;
  #buckets = new Map<number, KnownGroup[]>();
  #size = 0;

  constructor(key: HashKey, maxGroups = 200_000) {
    this.#key = key;
    this.#maxGroups = maxGroups;
  }

  get size(): number {
    return this.#size;
  }

  find(
    eventType: Uint8Array,
    eventTypeStart: number,
    eventTypeEnd: number,
    product: Uint8Array,
    productStart: number,
    productEnd: number,
  ): KnownGroup {
    let h = eventTypeEnd - eventTypeStart;
    for (let i = eventTypeStart; i < eventTypeEnd; i++) h = (Math.imul(h, 31) + eventType[i]!) | 0;
    for (let i = productStart; i < productEnd; i++) h = (Math.imul(h, 31) + product[i]!) | 0;
    const bucket = this.#buckets.get(h);
    if (bucket) {
      for (const group of bucket) {
        if (
          same(group.eventTypeBytes, eventType, eventTypeStart, eventTypeEnd) &&
          same(group.productBytes, product, productStart, productEnd)
        ) {
          return group;
        }
      }
    }
    return this.#add(
      h,
      Buffer.from(eventType.slice(eventTypeStart, eventTypeEnd)),
      Buffer.from(product.slice(productStart, productEnd)),
    );
  }

  #add(h: number, eventTypeBytes: Buffer, productBytes: Buffer): KnownGroup {
    if (this.#size >= this.#maxGroups) {
      this.#buckets = new Map();
      this.#size = 0;
    }
    hash64(this.#key, DOMAIN.eventType, 0, 0, 0, 0, eventTypeBytes, 0, eventTypeBytes.length);
    hash64(this.#key, DOMAIN.group, hashHi, hashLo, 0, 0, productBytes, 0, productBytes.length);
    const group: KnownGroup = {
      eventType: eventTypeBytes.toString(),
      product: productBytes.toString(),
      hashHi,
      hashLo,
      eventTypeBytes,
      productBytes,
    };
    const bucket = this.#buckets.get(h);
    if (bucket) bucket.push(group);
    else this.#buckets.set(h, [group]);
    this.#size++;
    return group;
  }
}

/** The key of a group in a Map: no event type holds a control character, so the two parts never run together. */
export function groupName(group: Group): string {
  return `${group.eventType}\u0000${group.product}`;
}

function same(known: Buffer, bytes: Uint8Array, start: number, end: number): boolean {
  if (known.length !== end - start) return false;
  for (let i = 0; i < known.length; i++) {
    if (known[i] !== bytes[start + i]) return false;
  }
  return true;
}
