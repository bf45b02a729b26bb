/**
 * A set of 64-bit hashes as two unsigned 32-bit halves (hash.ts answers signed ones; the digest's columns make them so):
 * open addressing with linear probing on one Uint32Array, 8 bytes a slot, at most 60 % full. Hashes are uniform, so their
 * low bits are the slot. The value 0 marks an empty slot and cannot be stored (hash.ts never answers it). On the hot path:
 * one cache line per lookup, no allocation but for growth.
 *
 * A value may also be proposed: it is in the set, and can still be taken back. That costs one lookup where a second set
 * beside this one, whose values would have to be added here once they are certain, costs three. The last value added to a
 * table of this kind ends its run of slots, so nobody's search leads past it: taking values back in the opposite order
 * leaves the table as it was.
 */
const MAX_FULL = 0.6;
const NOTHING = new Uint32Array(0);
const FIRST_PROPOSALS = 64;

export class U64Set {
  #slots: Uint32Array;
  #mask: number;
  #size = 0;
  /** Pairs of halves, in the order in which they were proposed. */
  #proposed = NOTHING;
  #proposals = 0;

  constructor(expected = 0) {
    const capacity = capacityFor(expected);
    this.#slots = new Uint32Array(capacity * 2);
    this.#mask = capacity - 1;
  }

  get size(): number {
    return this.#size;
  }

  /** How many of them are only proposed. */
  get proposals(): number {
    return this.#proposals;
  }

  /** The high and low halves of what is proposed, in order. Valid until the next proposal. */
  get proposedWords(): Uint32Array {
    return this.#proposed.subarray(0, this.#proposals * 2);
  }

  /** Bytes held by the table. */
  get bytes(): number {
    return this.#slots.byteLength + this.#proposed.byteLength;
  }

  has(hi: number, lo: number): boolean {
    const slots = this.#slots;
    let at = (lo & this.#mask) * 2;
    for (;;) {
      const slotHi = slots[at]!;
      const slotLo = slots[at + 1]!;
      if (slotHi === hi && slotLo === lo) return true;
      if (slotHi === 0 && slotLo === 0) return false;
      at = (at + 2) & (this.#mask * 2 + 1);
    }
  }

  /** True when the value was not there before. Nothing may be proposed meanwhile. */
  add(hi: number, lo: number): boolean {
    if (this.#proposals > 0) throw new Error('a value was added behind one that may be taken back');
    if (!this.#insert(hi, lo)) return false;
    if (this.#size > (this.#mask + 1) * MAX_FULL) this.#grow((this.#mask + 1) * 2);
    return true;
  }

  /** True when the value was not there before; then it stays until it is taken back, and for good once it is kept. */
  propose(hi: number, lo: number): boolean {
    if (!this.#insert(hi, lo)) return false;
    const at = this.#proposals * 2;
    if (at === this.#proposed.length) {
      const more = new Uint32Array(Math.max(FIRST_PROPOSALS * 2, at * 2));
      more.set(this.#proposed);
      this.#proposed = more;
    }
    this.#proposed[at] = hi;
    this.#proposed[at + 1] = lo;
    this.#proposals++;
    if (this.#size > (this.#mask + 1) * MAX_FULL) this.#growAround((this.#mask + 1) * 2);
    return true;
  }

  /** What is proposed belongs to the set. */
  keep(): void {
    this.#proposals = 0;
    this.#proposed = NOTHING;
  }

  /** What is proposed was never there. */
  takeBack(): void {
    this.#withdraw();
    this.keep();
  }

  /** Makes room for `more` further values at once, instead of doubling on the way. */
  reserve(more: number): void {
    const capacity = capacityFor(this.#size + more);
    if (capacity > this.#mask + 1) this.#growAround(capacity);
  }

  #insert(hi: number, lo: number): boolean {
    if (hi === 0 && lo === 0) throw new RangeError('0 marks an empty slot and cannot be stored');
    const slots = this.#slots;
    let at = (lo & this.#mask) * 2;
    for (;;) {
      const slotHi = slots[at]!;
      const slotLo = slots[at + 1]!;
      if (slotHi === hi && slotLo === lo) return false;
      if (slotHi === 0 && slotLo === 0) break;
      at = (at + 2) & (this.#mask * 2 + 1);
    }
    slots[at] = hi;
    slots[at + 1] = lo;
    this.#size++;
    return true;
  }

  /** Empties the slots of what is proposed, the last first. */
  #withdraw(): void {
    const { proposedWords: words } = this;
    for (let i = words.length - 2; i >= 0; i -= 2) {
      const at = this.#find(words[i]!, words[i + 1]!);
      this.#slots[at] = 0;
      this.#slots[at + 1] = 0;
    }
    this.#size -= this.#proposals;
  }

  /** A table that grows puts its values in another order: those proposed have to come last again. */
  #growAround(capacity: number): void {
    const { proposedWords: words } = this;
    this.#withdraw();
    this.#grow(capacity);
    for (let i = 0; i < words.length; i += 2) {
      const at = this.#find(words[i]!, words[i + 1]!);
      this.#slots[at] = words[i]!;
      this.#slots[at + 1] = words[i + 1]!;
    }
    this.#size += this.#proposals;
  }

  /** Where the value stands, or would. */
  #find(hi: number, lo: number): number {
    const slots = this.#slots;
    let at = (lo & this.#mask) * 2;
    while ((slots[at] !== hi || slots[at + 1] !== lo) && (slots[at] !== 0 || slots[at + 1] !== 0)) {
      at = (at + 2) & (this.#mask * 2 + 1);
    }
    return at;
  }

  #grow(capacity: number): void {
    const old = this.#slots;
    const slots = new Uint32Array(capacity * 2);
    const mask = capacity - 1;
    for (let i = 0; i < old.length; i += 2) {
      const hi = old[i]!;
      const lo = old[i + 1]!;
      if (hi === 0 && lo === 0) continue;
      let at = (lo & mask) * 2;
      while (slots[at] !== 0 || slots[at + 1] !== 0) at = (at + 2) & (mask * 2 + 1);
      slots[at] = hi;
      slots[at + 1] = lo;
    }
    this.#slots = slots;
    this.#mask = mask;
  }
}

function capacityFor(values: number): number {
  let capacity = 16;
  while (values > capacity * MAX_FULL) capacity *= 2;
  return capacity;
}
