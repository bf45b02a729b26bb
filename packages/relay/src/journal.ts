/**
 * What the relay holds between taking a line and being sure of it. Every closed batch goes in before it is appended to
 * Redis; a confirmed one stays as long as there is room, because Redis may lose what it confirmed and the relay then
 * sends it again. One that was never confirmed is never dropped. Sequences count per lane, and `partition` is the lane's
 * number: a partition has a lane for its events and one for its other lines (lane-number.ts).
 */
export interface JournalBatch {
  /** From 1, without a gap, per partition. */
  readonly sequence: number;
  /** When the first line was received, Unix milliseconds of Redis's clock. */
  readonly receivedMs: number;
  readonly lineCount: number;
  readonly lines: Buffer;
  readonly idempotencyKey?: string;
  /** Each line's number in its request's body, comma separated; only with an Idempotency-Key. */
  readonly lineNumbers?: string;
}

/** The part of the journal that a lane works with: the batches of one incarnation, by partition. */
export interface LaneJournal {
  append(partition: number, batch: JournalBatch): void;
  /** Redis holds the batches up to this sequence, and no later ones. It may be lower than the last time: Redis lost data. */
  confirm(partition: number, sequence: number): void;
  /** The first batch from this sequence on that can be read; undefined where there is none. */
  find(partition: number, sequence: number): FoundBatch | undefined;
  /** May answer undefined for one that was just found: then its disk gave way, and `find` finds it no more. */
  read(partition: number, sequence: number): JournalBatch | undefined;
  /** The batches up to this sequence outlive the machine. 0: none, or the journal is not that kind. */
  synced(partition: number): number;
}

export type FoundBatch = Pick<JournalBatch, 'sequence' | 'receivedMs'>;

export interface Journal extends LaneJournal {
  /** Outlives the process, so that who has a batch in it may answer for the batch. */
  readonly durable: boolean;
  /**
   * Whether so many bytes more can be held, besides `openBytes` that are on their way, without dropping a batch that is
   * not confirmed.
   */
  hasRoom(bytes: number, openBytes: number): boolean;
  /** Somebody waits for what was appended to be synced. */
  requestSync(): void;
  /** To be called about every second: what is due by time. */
  care(): void;
  /** Makes all of it durable, if it can. Answers how many lines it leaves behind that Redis does not have. */
  close(): Promise<number>;
  readonly bytes: number;
  readonly unconfirmedBytes: number;
}

/** What a batch costs besides its lines: objects, the array's slot. */
const BATCH_OVERHEAD_BYTES = 256;

interface Shelf {
  /** In the order of their sequences, without a gap; the first ones may be confirmed. */
  batches: JournalBatch[];
  /** Where the shelf begins in `batches`: dropping from the front of an array would move the rest each time. */
  first: number;
  confirmed: number;
  /** The sequence after the last one ever appended. */
  next: number;
  /** When each batch came, among all shelves: the oldest is dropped first. */
  orders: number[];
}

/**
 * The journal in memory: lost when the process dies, so nothing in it counts as durable. Bounded by bytes; beyond the
 * bound the oldest confirmed batches of any partition are dropped, and when none is left, `hasRoom` says no.
 */
export class MemoryJournal implements Journal {
  readonly durable = false;
  readonly #maxBytes: number;
  /** By lane. */
  readonly #shelves = new Map<number, Shelf>();
  #bytes = 0;
  #unconfirmedBytes = 0;
  #order = 0;

  constructor({ maxBytes }: { maxBytes: number }) {
    this.#maxBytes = maxBytes;
  }

  get bytes(): number {
    return this.#bytes;
  }

  get unconfirmedBytes(): number {
    return this.#unconfirmedBytes;
  }

  hasRoom(bytes: number, openBytes: number): boolean {
    return this.#unconfirmedBytes + openBytes + bytes <= this.#maxBytes;
  }

  append(partition: number, batch: JournalBatch): void {
    const shelf = this.#shelf(partition);
    if (batch.sequence !== shelf.next) {
      throw new Error(`sequence ${batch.sequence} journaled where ${shelf.next} was due`);
    }
    shelf.next++;
    shelf.batches.push(batch);
    shelf.orders.push(this.#order++);
    this.#bytes += sizeOf(batch);
    this.#unconfirmedBytes += sizeOf(batch);
    this.#dropConfirmed();
  }

  confirm(partition: number, sequence: number): void {
    const shelf = this.#shelf(partition);
    const from = Math.min(shelf.confirmed, sequence);
    const to = Math.max(shelf.confirmed, sequence);
    const sign = sequence > shelf.confirmed ? -1 : 1;
    for (let each = from + 1; each <= to; each++) {
      const batch = this.read(partition, each);
      if (batch) this.#unconfirmedBytes += sign * sizeOf(batch);
    }
    shelf.confirmed = sequence;
    this.#dropConfirmed();
  }

  find(partition: number, sequence: number): FoundBatch | undefined {
    return this.read(partition, Math.max(sequence, this.oldest(partition)));
  }

  read(partition: number, sequence: number): JournalBatch | undefined {
    const shelf = this.#shelf(partition);
    return sequence < this.oldest(partition)
      ? undefined
      : shelf.batches[shelf.first + sequence - this.oldest(partition)];
  }

  /** The first sequence that can still be read; 1 where nothing was ever appended. */
  oldest(partition: number): number {
    const shelf = this.#shelf(partition);
    return shelf.next - (shelf.batches.length - shelf.first);
  }

  synced(): number {
    return 0;
  }

  requestSync(): void {
    // Memory is as durable as it gets.
  }

  care(): void {
    // Nothing here is due by time.
  }

  async close(): Promise<number> {
    let lines = 0;
    for (const { batches, first, confirmed } of this.#shelves.values()) {
      for (let i = first; i < batches.length; i++) if (batches[i]!.sequence > confirmed) lines += batches[i]!.lineCount;
    }
    return lines;
  }

  #shelf(lane: number): Shelf {
    let shelf = this.#shelves.get(lane);
    if (shelf === undefined) {
      shelf = { batches: [], first: 0, confirmed: 0, next: 1, orders: [] };
      this.#shelves.set(lane, shelf);
    }
    return shelf;
  }

  #dropConfirmed(): void {
    while (this.#bytes > this.#maxBytes) {
      let oldest: Shelf | undefined;
      for (const shelf of this.#shelves.values()) {
        const batch = shelf.batches[shelf.first];
        if (batch === undefined || batch.sequence > shelf.confirmed) continue;
        if (oldest === undefined || shelf.orders[shelf.first]! < oldest.orders[oldest.first]!) oldest = shelf;
      }
      if (oldest === undefined) return;
      this.#bytes -= sizeOf(oldest.batches[oldest.first]!);
      oldest.first++;
      if (oldest.first * 2 > oldest.batches.length) {
        oldest.batches = oldest.batches.slice(oldest.first);
        oldest.orders = oldest.orders.slice(oldest.first);
        oldest.first = 0;
      }
    }
  }
}

function sizeOf({ lines, lineNumbers }: JournalBatch): number {
  return lines.length + (lineNumbers?.length ?? 0) + BATCH_OVERHEAD_BYTES;
}
