import type { Group } from '@weir/common/event';
import { DOMAIN, type HashKey, hash64, hashHi, hashLo } from '@weir/common/hash';

/** A group with what the hot path needs of it at hand. */
export interface KnownGroup extends Group {
  /** Head of the hash chain group → user → event. */
  readonly hashHi: number;
  readonly hashLo: number;
  readonly eventTypeBytes: Buffer;
  readonly productBytes: Buffer;
  /** A note of the delta that met the group last (window-state.ts): its number, and where it counts the group. */
  metBy: number;
  metAt: number;
  /** The same of the window that was asked last for the group's position in its log. */
  knownBy: number;
  knownAt: number;
}

const FIRST_SLOTS = 64;
const FIRST_NAME_BYTES = 1024;

/**
 * Finds the group of a line by its bytes, without making strings: open addressing by a cheap hash, and all names one after
 * the other in one run of bytes, so that a look-up among very many groups touches few lines of the cache. Names never
 * become property keys, so `__proto__` is a name like any other. The table forgets everything when it holds `maxGroups`: it
 * is a cache, and windows know their groups by name as well.
 */
export class GroupTable {
  readonly #key: HashKey;
  readonly #maxGroups: number;
  #groups: KnownGroup[] = [];
  /** Position in `#groups`, from 1; 0 is an empty slot. At most half of them are full. */
  #slots = new Uint32Array(FIRST_SLOTS);
  /** By position: the cheap hash, and where event type and product begin in `#names` and the product ends. */
  #facts = new Int32Array(FIRST_SLOTS * 2);
  #names = new Uint8Array(FIRST_NAME_BYTES);
  #namesEnd = 0;

  constructor(key: HashKey, maxGroups = 200_000) {
    this.#key = key;
    this.#maxGroups = maxGroups;
  }

  get size(): number {
    return this.#groups.length;
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
    const slots = this.#slots;
    const facts = this.#facts;
    const names = this.#names;
    const mask = slots.length - 1;
    for (let slot = slotOf(h, mask); ; slot = (slot + 1) & mask) {
      const position = slots[slot]! - 1;
      if (position < 0) break;
      const at = position * FACTS;
      if (facts[at] !== h) continue;
      const nameStart = facts[at + 1]!;
      const nameMiddle = facts[at + 2]!;
      if (
        same(names, nameStart, nameMiddle, eventType, eventTypeStart, eventTypeEnd) &&
        same(names, nameMiddle, facts[at + 3]!, product, productStart, productEnd)
      ) {
        return this.#groups[position]!;
      }
    }
    return this.#add(
      h,
      Buffer.from(eventType.slice(eventTypeStart, eventTypeEnd)),
      Buffer.from(product.slice(productStart, productEnd)),
    );
  }

  #add(h: number, eventTypeBytes: Buffer, productBytes: Buffer): KnownGroup {
    if (this.#groups.length >= this.#maxGroups) this.#forget();
    hash64(this.#key, DOMAIN.eventType, 0, 0, 0, 0, eventTypeBytes, 0, eventTypeBytes.length);
    hash64(this.#key, DOMAIN.group, hashHi, hashLo, 0, 0, productBytes, 0, productBytes.length);
    const group: KnownGroup = {
      eventType: eventTypeBytes.toString(),
      product: productBytes.toString(),
      hashHi,
      hashLo,
      eventTypeBytes,
      productBytes,
      metBy: 0,
      metAt: 0,
      knownBy: 0,
      knownAt: 0,
    };
    this.#makeRoom(eventTypeBytes.length + productBytes.length);
    const at = this.#groups.length * FACTS;
    this.#facts[at] = h;
    this.#facts[at + 1] = this.#namesEnd;
    this.#facts[at + 2] = this.#addName(eventTypeBytes);
    this.#facts[at + 3] = this.#addName(productBytes);
    this.#groups.push(group);
    this.#place(h, this.#groups.length);
    return group;
  }

  #addName(bytes: Buffer): number {
    this.#names.set(bytes, this.#namesEnd);
    this.#namesEnd += bytes.length;
    return this.#namesEnd;
  }

  #place(h: number, entry: number): void {
    const mask = this.#slots.length - 1;
    let slot = slotOf(h, mask);
    while (this.#slots[slot] !== 0) slot = (slot + 1) & mask;
    this.#slots[slot] = entry;
  }

  /** For one more group whose two names have so many bytes. */
  #makeRoom(nameBytes: number): void {
    if (this.#namesEnd + nameBytes > this.#names.length) {
      const names = new Uint8Array(Math.max(this.#names.length * 2, this.#namesEnd + nameBytes));
      names.set(this.#names);
      this.#names = names;
    }
    if ((this.#groups.length + 1) * 2 <= this.#slots.length) return;
    this.#slots = new Uint32Array(this.#slots.length * 2);
    const facts = new Int32Array(this.#facts.length * 2);
    facts.set(this.#facts);
    this.#facts = facts;
    for (let entry = 1; entry <= this.#groups.length; entry++) this.#place(facts[(entry - 1) * FACTS]!, entry);
  }

  #forget(): void {
    this.#groups = [];
    this.#slots = new Uint32Array(FIRST_SLOTS);
    this.#facts = new Int32Array(FIRST_SLOTS * 2);
    this.#names = new Uint8Array(FIRST_NAME_BYTES);
    this.#namesEnd = 0;
  }
}

/** Numbers a group has in the table's facts. As half of the slots may be full, facts have twice as many places as slots. */
const FACTS = 4;

function slotOf(h: number, mask: number): number {
  return Math.imul(h ^ (h >>> 15), 0x85ebca6b) & mask;
}

/** The key of a group in a Map: no event type holds a control character, so the two parts never run together. */
export function groupName(group: Group): string {
  return `${group.eventType}\u0000${group.product}`;
}

function same(
  known: Uint8Array,
  knownStart: number,
  knownEnd: number,
  bytes: Uint8Array,
  start: number,
  end: number,
): boolean {
  if (knownEnd - knownStart !== end - start) return false;
  for (let i = knownStart, j = start; i < knownEnd; i++, j++) if (known[i] !== bytes[j]) return false;
  return true;
}
