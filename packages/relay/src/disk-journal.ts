import type { Clock } from '@weir/common/clock';
import type { Logger } from '@weir/common/logger';
import type { FoundBatch, Journal, JournalBatch, LaneJournal } from './journal.ts';
import type { SegmentHead } from './journal-codec.ts';
import type { JournalFiles } from './journal-files.ts';
import type { Incarnation } from './journal-index.ts';
import { JournalMemory } from './journal-memory.ts';
import { diskFault, JournalRing } from './journal-ring.ts';

/**
 * The journal on disk. A batch is written into the page cache as it is appended, so it outlives the process at once; a
 * sync makes it outlive the machine, every `--journal-sync` and as soon as somebody waits for it. One sync is under way at
 * a time, and the next one covers all that came meanwhile. What the disk did not take stays in memory, in order, and is
 * written when the disk takes it again; until then there is room for nothing new. Pure: files and time are arguments.
 */
export interface DiskJournalOptions {
  files: JournalFiles;
  clock: Clock;
  /** Of this start. */
  head: SegmentHead;
  maxBytes: number;
  /** Confirmed batches are kept for this long. */
  ageMs: number;
  /** Of lines that wait for Redis and are on disk already. */
  memoryBytes: number;
  syncEveryMs: number;
  counts: JournalCounts;
  events: {
    /** More batches are synced. */
    synced(): void;
    /** Confirmed batches, the youngest so old, had to go before `ageMs`, for want of bytes. */
    droppedEarly(ageMs: number): void;
  };
  logger: Logger;
}

export interface JournalCounts {
  syncs: number;
  syncSeconds: { observe(seconds: number): void };
  writeFailures: number;
  recoveredBatches: number;
  tornRecords: number;
  damagedSegments: number;
  roomRefusals: number;
}

/** What an earlier start left in the journal. */
export interface Recovered {
  head: SegmentHead;
  /** Per partition that it has batches of. */
  lastSequences: Map<number, number>;
  journal: LaneJournal;
  /** Whether anything of this partition is left. */
  holds(partition: number): boolean;
}

interface Held {
  partition: number;
  batch: JournalBatch;
}

const RETRY_MS = 1_000;

export class DiskJournal implements Journal {
  readonly durable = true;
  readonly #options: DiskJournalOptions;
  readonly #ring: JournalRing;
  readonly #memory: JournalMemory;
  /** The last sequence appended and the last one synced, per partition. */
  readonly #last = new Map<number, number>();
  readonly #synced = new Map<number, number>();
  /** Not written, because the disk does not take it. */
  #unwritten: Held[] = [];
  /** Written, in this order, and not synced. */
  #unsynced: Held[] = [];
  #syncing: Promise<void> | undefined;
  #syncWanted = false;
  #syncedAtMs: number;
  #failingSinceMs: number | undefined;
  #retryAtMs = 0;

  constructor(options: DiskJournalOptions) {
    this.#options = options;
    this.#ring = new JournalRing({ ...options, onDroppedEarly: (ageMs) => options.events.droppedEarly(ageMs) });
    this.#memory = new JournalMemory(options.memoryBytes);
    this.#syncedAtMs = options.clock.monotonicMs();
  }

  /** Takes in what earlier starts left behind. Answers each incarnation's part, to be brought to Redis. */
  recover(): Recovered[] {
    const { counts, logger } = this.#options;
    const found = this.#ring.recover();
    if (found.length > 0) {
      const about = { batches: counts.recoveredBatches, incarnations: found.length, bytes: this.bytes };
      logger.info(about, 'found the journal of earlier starts; what Redis does not have of it will be sent');
    }
    return found.map(({ incarnation, lastSequences }) => {
      const holds = (partition: number) => this.#ring.holds(incarnation, partition);
      return { head: incarnation, lastSequences, journal: this.#laneJournal(incarnation), holds };
    });
  }

  get bytes(): number {
    return this.#ring.bytes;
  }

  get unconfirmedBytes(): number {
    return this.#ring.unconfirmedBytes + this.#unwritten.reduce((sum, { batch }) => sum + batch.lines.length, 0);
  }

  /** When the oldest line in it was received, Unix milliseconds; undefined while it is empty. */
  get oldestMs(): number | undefined {
    return this.#ring.oldestMs;
  }

  /** The disk does not take what it is given. */
  get failing(): boolean {
    return this.#failingSinceMs !== undefined;
  }

  hasRoom(bytes: number, openBytes: number): boolean {
    const room = this.#options.maxBytes - openBytes - bytes;
    const has = !this.failing && (this.bytes <= room || this.#ring.pinnedBytes <= room);
    if (!has) this.#options.counts.roomRefusals++;
    return has;
  }

  append(partition: number, batch: JournalBatch): void {
    const due = (this.#last.get(partition) ?? 0) + 1;
    if (batch.sequence !== due) throw new Error(`sequence ${batch.sequence} journaled where ${due} was due`);
    this.#last.set(partition, batch.sequence);
    this.#memory.add(partition, batch);
    this.#unwritten.push({ partition, batch });
    if (!this.failing) this.#write();
    if (this.#memory.over) this.requestSync();
  }

  confirm(partition: number, sequence: number): void {
    this.#ring.own.confirm(partition, sequence);
    this.#memory.release(partition, Math.min(sequence, this.synced(partition)));
  }

  find(partition: number, sequence: number): FoundBatch | undefined {
    if (sequence > (this.#last.get(partition) ?? 0)) return undefined;
    const here = this.#memory.get(partition, sequence);
    if (here !== undefined) return here;
    const onDisk = this.#ring.find(this.#ring.own, partition, sequence);
    if (onDisk?.sequence === sequence) return onDisk;
    const inMemory = this.#memory.from(partition, sequence);
    return inMemory && (onDisk === undefined || inMemory.sequence < onDisk.sequence) ? inMemory : onDisk;
  }

  read(partition: number, sequence: number): JournalBatch | undefined {
    return this.#memory.get(partition, sequence) ?? this.#ring.read(this.#ring.own, partition, sequence);
  }

  synced(partition: number): number {
    return this.#synced.get(partition) ?? 0;
  }

  requestSync(): void {
    if (this.#unsynced.length === 0) return;
    this.#syncWanted = true;
    this.#syncing ??= this.#syncAsWanted().finally(() => {
      this.#syncing = undefined;
    });
  }

  care(): void {
    const { clock, syncEveryMs } = this.#options;
    const nowMs = clock.monotonicMs();
    if (this.failing && nowMs >= this.#retryAtMs) this.#write();
    if (nowMs - this.#syncedAtMs >= syncEveryMs) this.requestSync();
    this.#ring.dropOld();
  }

  async close(): Promise<number> {
    this.#write();
    this.requestSync();
    await this.#syncing;
    this.#ring.close();
    const left = [...this.#unwritten, ...this.#unsynced];
    return left.reduce((lines, { partition, batch }) => {
      return batch.sequence > this.#ring.own.confirmed(partition) ? lines + batch.lineCount : lines;
    }, 0);
  }

  /** Whatever is due to be written, until the disk refuses. */
  #write(): void {
    let written = 0;
    try {
      for (const { partition, batch } of this.#unwritten) {
        this.#ring.write(partition, batch);
        written++;
      }
    } catch (error) {
      this.#refused(error);
    }
    if (written === 0) return;
    this.#unsynced.push(...this.#unwritten.splice(0, written));
    if (this.#unwritten.length > 0 || this.#failingSinceMs === undefined) return;
    const awayMs = Math.round(this.#options.clock.monotonicMs() - this.#failingSinceMs);
    this.#failingSinceMs = undefined;
    this.#options.logger.info({ awayMs }, 'the journal can be written again');
  }

  async #syncAsWanted(): Promise<void> {
    while (this.#syncWanted) {
      this.#syncWanted = false;
      await this.#sync();
    }
  }

  async #sync(): Promise<void> {
    const { clock, counts, events } = this.#options;
    const covered = this.#unsynced;
    this.#unsynced = [];
    const startedMs = clock.monotonicMs();
    try {
      await this.#ring.sync();
    } catch (error) {
      // All that is not known to be durable is written once more, into another file.
      this.#unwritten = [...covered, ...this.#unsynced, ...this.#unwritten];
      this.#unsynced = [];
      this.#refused(error);
      return;
    }
    this.#syncedAtMs = startedMs;
    counts.syncs++;
    counts.syncSeconds.observe((clock.monotonicMs() - startedMs) / 1_000);
    for (const { partition, batch } of covered) this.#synced.set(partition, batch.sequence);
    for (const { partition, batch } of covered) {
      this.#memory.synced(partition, batch.sequence);
      this.#memory.release(partition, Math.min(this.#ring.own.confirmed(partition), this.synced(partition)));
    }
    events.synced();
  }

  #refused(error: unknown): void {
    const { counts, logger, clock } = this.#options;
    const err = diskFault(error);
    counts.writeFailures++;
    this.#retryAtMs = clock.monotonicMs() + RETRY_MS;
    if (this.#failingSinceMs !== undefined) return;
    this.#failingSinceMs = clock.monotonicMs();
    logger.error({ err }, 'the journal cannot be written: nothing new is taken until it can');
  }

  #laneJournal(incarnation: Incarnation): LaneJournal {
    return {
      append: () => {
        throw new Error('an incarnation that is over gets no more batches');
      },
      confirm: (partition, sequence) => incarnation.confirm(partition, sequence),
      find: (partition, sequence) => this.#ring.find(incarnation, partition, sequence),
      read: (partition, sequence) => this.#ring.read(incarnation, partition, sequence),
      synced: () => 0,
    };
  }
}
