/**
 * A set of 64-bit hashes as two 32-bit halves: open addressing with linear probing on one Uint32Array, 8 bytes a slot,
 * at most 60 % full. Hashes are uniform, so their low bits are the slot. The value 0 marks an empty slot and cannot be
 * stored (hash.ts never answers it). On the hot path: one cache line per lookup, no allocation but for growth.
 */
export class U64Set {
  #slots: Uint32Array;
  #mask: number;
  #size = 0;

  constructor(expected = 0) {
    const capacity = capacityFor(expected);
    this.#slots = new Uint32Array(capacity * 2);
    this.#mask = capacity - 1;
  }

  get size(): number {
    return this.#size;
  }

  /** Bytes held by the table. */
  get bytes(): number {
    return this.#slots.byteLength;
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

  /** True when the value was not there before. */
  add(hi: number, lo: number): boolean {
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
    if (this.#size > (this.#mask + 1) * 0.6) this.#grow((this.#mask + 1) * 2);
    return true;
  }

  /** Makes room for `more` further values at once, instead of doubling on the way. */
  reserve(more: number): void {
    const capacity = capacityFor(this.#size + more);
    if (capacity > this.#mask + 1) this.#grow(capacity);
  }

  clear(): void {
    this.#slots.fill(0);
    this.#size = 0;
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
  while (values > capacity * 0.6) capacity *= 2;
  return capacity;
}
