import type { JournalBatch } from './journal.ts';

/**
 * The batches of a journal on disk that are in memory as well: those not synced yet, and those that Redis does not have
 * yet, as long as there is room. The ones that came first stay, because they are sent first; what comes beyond the bound
 * leaves memory as soon as it is synced and is read from disk when it is due. Pure.
 */
export class JournalMemory {
  readonly #maxBytes: number;
  readonly #partitions = new Map<number, Map<number, JournalBatch>>();
  /** Came when the bound was reached: `partition:sequence`. */
  readonly #surplus = new Set<string>();
  #bytes = 0;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  get bytes(): number {
    return this.#bytes;
  }

  get over(): boolean {
    return this.#bytes > this.#maxBytes;
  }

  add(partition: number, batch: JournalBatch): void {
    let batches = this.#partitions.get(partition);
    if (batches === undefined) {
      batches = new Map();
      this.#partitions.set(partition, batches);
    }
    batches.set(batch.sequence, batch);
    this.#bytes += sizeOf(batch);
    if (this.over) this.#surplus.add(`${partition}:${batch.sequence}`);
  }

  get(partition: number, sequence: number): JournalBatch | undefined {
    return this.#partitions.get(partition)?.get(sequence);
  }

  /** The first one from this sequence on. */
  from(partition: number, sequence: number): JournalBatch | undefined {
    // In the order they were added, which is that of their sequences.
    for (const batch of this.#partitions.get(partition)?.values() ?? []) if (batch.sequence >= sequence) return batch;
    return undefined;
  }

  /** It is on disk for good. */
  synced(partition: number, sequence: number): void {
    if (this.#surplus.delete(`${partition}:${sequence}`)) this.#remove(partition, sequence);
  }

  /** Those up to this sequence are not needed here any more. */
  release(partition: number, sequence: number): void {
    for (const each of this.#partitions.get(partition)?.keys() ?? []) {
      if (each > sequence) return;
      this.#surplus.delete(`${partition}:${each}`);
      this.#remove(partition, each);
    }
  }

  #remove(partition: number, sequence: number): void {
    const batches = this.#partitions.get(partition);
    const batch = batches?.get(sequence);
    if (batch === undefined) return;
    batches!.delete(sequence);
    this.#bytes -= sizeOf(batch);
  }
}

/** Besides the lines: objects, the map's slot. */
const BATCH_OVERHEAD_BYTES = 256;

function sizeOf({ lines, lineNumbers }: JournalBatch): number {
  return lines.length + (lineNumbers?.length ?? 0) + BATCH_OVERHEAD_BYTES;
}
