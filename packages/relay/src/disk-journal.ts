import type { Clock } from '@weir/common/clock';
import { WeirError } from '@weir/common/errors';
import type { Logger } from '@weir/common/logger';
import type { FoundBatch, Journal, JournalBatch, LaneJournal } from './journal.ts';
import {
  decodeRecord,
  encodeHead,
  encodeRecord,
  readSegment,
  type SegmentHead,
  type SegmentRead,
} from './journal-codec.ts';
import type { JournalFile, JournalFiles } from './journal-files.ts';
import { Incarnation, JournalIndex, type Segment } from './journal-index.ts';
import { JournalMemory } from './journal-memory.ts';

/**
 * The journal on disk: a ring of segments. A batch is written into the page cache as it is appended, so it outlives the
 * process at once; a sync makes it outlive the machine, every `--journal-sync` and as soon as somebody waits for it. One
 * sync is under way at a time, and the next one covers all that came meanwhile. What the disk did not take stays in memory,
 * in order, and is written when the disk takes it again; until then there is room for nothing new. Pure: files and time
 * are arguments.
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

interface Held {
  partition: number;
  batch: JournalBatch;
}

const MAX_SEGMENT_BYTES = 16 * 2 ** 20;
const MIN_SEGMENTS = 16;
/** A quiet relay's segments are closed after this share of `ageMs`, or nothing would ever grow old. */
const SEGMENT_AGE_SHARE = 1 / 8;
const RETRY_MS = 1_000;
/** Of segments whose head cannot be read. */
const NOBODY = new Incarnation({ relayId: '', incarnation: '' });
const NAME = /^([0-9]{12})\.journal$/;

export class DiskJournal implements Journal {
  readonly durable = true;
  readonly #options: DiskJournalOptions;
  readonly #index = new JournalIndex();
  readonly #own: Incarnation;
  readonly #memory: JournalMemory;
  /** The last sequence appended and the last one synced, per partition. */
  readonly #last = new Map<number, number>();
  readonly #synced = new Map<number, number>();
  /** Not written, because the disk does not take it. */
  #unwritten: Held[] = [];
  /** Written, in this order, and not synced. */
  #unsynced: Held[] = [];
  #active: { file: JournalFile; segment: Segment; openedMs: number } | undefined;
  /** Files that are not written to any more and wait for their last sync. */
  #closing: JournalFile[] = [];
  #nextNumber = 1;
  #directoryDirty = false;
  #syncing: Promise<void> | undefined;
  #syncWanted = false;
  #syncedAtMs: number;
  #failingSinceMs: number | undefined;
  #retryAtMs = 0;

  constructor(options: DiskJournalOptions) {
    this.#options = options;
    this.#own = this.#index.incarnation(options.head);
    this.#memory = new JournalMemory(options.memoryBytes);
    this.#syncedAtMs = options.clock.monotonicMs();
  }

  /** Takes in what earlier starts left behind. Answers each incarnation's part, to be brought to Redis. */
  recover(): Recovered[] {
    const { files, clock, counts, logger } = this.#options;
    const recovered = new Map<Incarnation, Recovered>();
    for (const { name, bytes } of files.list().sort((a, b) => (a.name < b.name ? -1 : 1))) {
      const number = NAME.exec(name)?.[1];
      if (number === undefined) continue;
      this.#nextNumber = Math.max(this.#nextNumber, Number(number) + 1);
      const read = this.#readFound(name, bytes);
      if (read?.head === undefined || read.records.length === 0) {
        // What is damaged stays for as long as all else does, for whoever wants to look.
        if (read?.state === 'torn' || read?.state === 'whole') this.#remove(name);
        else this.#index.addSegment(name, NOBODY, bytes, clock.monotonicMs());
        continue;
      }
      const { head, records } = read;
      const { incarnation, ranges } = this.#index.addFound(name, { ...read, head }, clock.monotonicMs());
      counts.recoveredBatches += records.length;
      let part = recovered.get(incarnation);
      if (part === undefined) {
        part = { head: incarnation, lastSequences: new Map(), journal: this.#laneJournal(incarnation) };
        recovered.set(incarnation, part);
      }
      for (const [partition, { last }] of ranges) {
        part.lastSequences.set(partition, Math.max(part.lastSequences.get(partition) ?? 0, last));
      }
    }
    if (counts.recoveredBatches > 0) {
      const about = { batches: counts.recoveredBatches, incarnations: recovered.size, bytes: this.bytes };
      logger.info(about, 'found the journal of earlier starts; what Redis does not have of it will be sent');
    }
    return [...recovered.values()];
  }

  get bytes(): number {
    return this.#index.bytes;
  }

  get unconfirmedBytes(): number {
    return this.#index.unconfirmedBytes + this.#unwritten.reduce((sum, { batch }) => sum + batch.lines.length, 0);
  }

  /** When the oldest line in it was received, Unix milliseconds; undefined while it is empty. */
  get oldestMs(): number | undefined {
    return this.#index.segments.find(({ ranges }) => ranges.size > 0)?.receivedMs;
  }

  /** The disk does not take what it is given. */
  get failing(): boolean {
    return this.#failingSinceMs !== undefined;
  }

  hasRoom(bytes: number, openBytes: number): boolean {
    const room = this.#options.maxBytes - openBytes - bytes;
    const has = !this.failing && (this.bytes <= room || this.#index.pinnedBytes(this.#active?.segment) <= room);
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
    this.#own.confirm(partition, sequence);
    this.#memory.release(partition, Math.min(sequence, this.synced(partition)));
  }

  find(partition: number, sequence: number): FoundBatch | undefined {
    if (sequence > (this.#last.get(partition) ?? 0)) return undefined;
    return this.#memory.get(partition, sequence) ?? this.#find(this.#own, partition, sequence);
  }

  read(partition: number, sequence: number): JournalBatch | undefined {
    return this.#memory.get(partition, sequence) ?? this.#read(this.#own, partition, sequence);
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
    const { clock, syncEveryMs, ageMs } = this.#options;
    const nowMs = clock.monotonicMs();
    if (this.failing && nowMs >= this.#retryAtMs) this.#write();
    if (nowMs - this.#syncedAtMs >= syncEveryMs) this.requestSync();
    if (this.#active && nowMs - this.#active.openedMs >= ageMs * SEGMENT_AGE_SHARE) this.#endSegment();
    for (const segment of [...this.#index.segments]) {
      if (nowMs - segment.touchedMs < ageMs) break;
      if (segment !== this.#active?.segment && !this.#index.owed(segment)) this.#drop(segment);
    }
  }

  async close(): Promise<number> {
    this.#write();
    this.requestSync();
    await this.#syncing;
    this.#endSegment();
    for (const file of this.#closing.splice(0)) this.#quietly(() => file.close());
    const left = [...this.#unwritten, ...this.#unsynced];
    return left.reduce((lines, { partition, batch }) => {
      return batch.sequence > this.#own.confirmed(partition) ? lines + batch.lineCount : lines;
    }, 0);
  }

  #readFound(name: string, bytes: number): SegmentRead | undefined {
    const { files, counts, logger } = this.#options;
    try {
      const read = readSegment(files.read(name, 0, bytes));
      if (read.state === 'damaged') this.#damaged(name, `unreadable from byte ${read.end} of ${bytes} on`);
      if (read.state === 'torn') {
        counts.tornRecords++;
        const about = { segment: name, atByte: read.end, ofBytes: bytes };
        logger.warn(about, 'the journal has a torn end, as a crash leaves it');
      }
      return read;
    } catch (error) {
      this.#damaged(name, fault(error).message);
      return undefined;
    }
  }

  /** Whatever is due to be written, until the disk refuses. */
  #write(): void {
    let written = 0;
    try {
      for (const { partition, batch } of this.#unwritten) {
        this.#writeRecord(partition, batch);
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

  #writeRecord(partition: number, batch: JournalBatch): void {
    const parts = encodeRecord(partition, batch);
    const bytes = parts[0].length + parts[1].length;
    const { file, segment } = this.#segmentFor();
    const position = segment.bytes;
    writeWhole(file, parts, position);
    segment.touchedMs = this.#options.clock.monotonicMs();
    const { sequence, receivedMs } = batch;
    this.#index.addRecord(segment, { partition, sequence, receivedMs, position, bytes });
  }

  #segmentFor(): { file: JournalFile; segment: Segment } {
    const { files, maxBytes, head, clock } = this.#options;
    const segmentBytes = Math.min(MAX_SEGMENT_BYTES, maxBytes / MIN_SEGMENTS);
    if (this.#active && this.#active.segment.bytes >= segmentBytes) this.#endSegment();
    if (this.#active) return this.#active;
    // One segment more than needed: `hasRoom` then seldom has to look at each of them.
    this.#makeRoom(2 * segmentBytes);
    const name = `${String(this.#nextNumber++).padStart(12, '0')}.journal`;
    const file = files.create(name);
    this.#directoryDirty = true;
    const bytes = encodeHead(head);
    try {
      writeWhole(file, [bytes], 0);
    } catch (error) {
      this.#quietly(() => file.close());
      this.#remove(name);
      throw error;
    }
    const openedMs = clock.monotonicMs();
    this.#active = { file, openedMs, segment: this.#index.addSegment(name, this.#own, bytes.length, openedMs) };
    return this.#active;
  }

  #endSegment(): void {
    if (this.#active === undefined) return;
    this.#closing.push(this.#active.file);
    this.#active = undefined;
  }

  /** Drops confirmed segments, the oldest first, until so many bytes more fit. */
  #makeRoom(bytes: number): void {
    const { maxBytes, clock, events } = this.#options;
    for (const segment of [...this.#index.segments]) {
      if (this.bytes + bytes <= maxBytes) return;
      if (this.#index.owed(segment)) continue;
      this.#drop(segment);
      events.droppedEarly(clock.monotonicMs() - segment.touchedMs);
    }
  }

  #drop(segment: Segment): void {
    this.#index.drop(segment);
    this.#remove(segment.name);
  }

  #remove(name: string): void {
    const { files, logger } = this.#options;
    files.remove(name).catch((error: unknown) => {
      logger.warn({ err: fault(error) }, 'a segment of the journal could not be removed; the next start tries again');
    });
  }

  async #syncAsWanted(): Promise<void> {
    while (this.#syncWanted) {
      this.#syncWanted = false;
      await this.#sync();
    }
  }

  async #sync(): Promise<void> {
    const { files, clock, counts, events } = this.#options;
    const covered = this.#unsynced;
    const closing = this.#closing;
    const active = this.#active;
    const directory = this.#directoryDirty;
    this.#unsynced = [];
    this.#closing = [];
    this.#directoryDirty = false;
    const startedMs = clock.monotonicMs();
    try {
      for (const file of closing) await file.sync();
      await active?.file.sync();
      if (directory) await files.syncDirectory();
    } catch (error) {
      // The system may have dropped what it could not write, and says so only once: all of it is written anew elsewhere.
      this.#closing.push(...closing);
      this.#directoryDirty = true;
      this.#endSegment();
      for (const file of this.#closing.splice(0)) this.#quietly(() => file.close());
      this.#unwritten = [...covered, ...this.#unsynced, ...this.#unwritten];
      this.#unsynced = [];
      this.#refused(error);
      return;
    }
    for (const file of closing) this.#quietly(() => file.close());
    this.#syncedAtMs = clock.monotonicMs();
    counts.syncs++;
    counts.syncSeconds.observe((this.#syncedAtMs - startedMs) / 1_000);
    for (const { partition, batch } of covered) this.#synced.set(partition, batch.sequence);
    for (const { partition, batch } of covered) {
      this.#memory.synced(partition, batch.sequence);
      this.#memory.release(partition, Math.min(this.#own.confirmed(partition), this.synced(partition)));
    }
    events.synced();
  }

  #refused(error: unknown): void {
    const { counts, logger, clock } = this.#options;
    const err = fault(error);
    counts.writeFailures++;
    this.#retryAtMs = clock.monotonicMs() + RETRY_MS;
    if (this.#failingSinceMs !== undefined) return;
    this.#failingSinceMs = clock.monotonicMs();
    logger.error({ err }, 'the journal cannot be written: nothing new is taken until it can');
  }

  #find(incarnation: Incarnation, partition: number, sequence: number): FoundBatch | undefined {
    for (;;) {
      const found = this.#index.locate(incarnation, partition, sequence);
      const inMemory = incarnation === this.#own ? this.#memory.from(partition, sequence) : undefined;
      if (inMemory && (found === undefined || inMemory.sequence < found.sequence)) return inMemory;
      if (found === undefined) return undefined;
      const receivedMs = this.#place(found.segment, partition, found.sequence)?.receivedMs;
      if (receivedMs !== undefined) return { sequence: found.sequence, receivedMs };
    }
  }

  #read(incarnation: Incarnation, partition: number, sequence: number): JournalBatch | undefined {
    const found = this.#index.locate(incarnation, partition, sequence);
    if (found?.sequence !== sequence) return undefined;
    const { segment } = found;
    const place = this.#place(segment, partition, sequence);
    if (place === undefined) return undefined;
    try {
      const record = decodeRecord(this.#options.files.read(segment.name, place.position, place.bytes));
      if (record?.partition === partition && record.batch.sequence === sequence) return record.batch;
      this.#damaged(segment.name, `a record at byte ${place.position} is not what was written there`);
    } catch (error) {
      this.#damaged(segment.name, fault(error).message);
    }
    segment.unreadable.add(`${partition}:${sequence}`);
    return undefined;
  }

  /** Undefined when the segment cannot be read; then nothing is found in it any more. */
  #place(segment: Segment, partition: number, sequence: number) {
    const place = this.#index.place(segment, partition, sequence);
    if (place !== undefined) return place;
    try {
      this.#index.loadPlaces(segment, readSegment(this.#options.files.read(segment.name, 0, segment.bytes)).records);
      const loaded = this.#index.place(segment, partition, sequence);
      if (loaded !== undefined) return loaded;
      this.#damaged(segment.name, 'records that were there are gone');
    } catch (error) {
      this.#damaged(segment.name, fault(error).message);
    }
    this.#index.lose(segment);
    return undefined;
  }

  #damaged(name: string, why: string): void {
    this.#options.counts.damagedSegments++;
    this.#options.logger.error({ segment: name, why }, 'the journal is damaged: batches in it may be lost');
  }

  #laneJournal(incarnation: Incarnation): LaneJournal {
    return {
      append: () => {
        throw new Error('an incarnation that is over gets no more batches');
      },
      confirm: (partition, sequence) => incarnation.confirm(partition, sequence),
      find: (partition, sequence) => this.#find(incarnation, partition, sequence),
      read: (partition, sequence) => this.#read(incarnation, partition, sequence),
      synced: () => 0,
    };
  }

  /** For what is tried on the way out of a fault, or after everything that mattered is done. */
  #quietly(run: () => void): void {
    try {
      run();
    } catch (error) {
      this.#options.logger.debug({ err: fault(error) }, 'the journal could not tidy up');
    }
  }
}

/** What an earlier start left in the journal. */
export interface Recovered {
  head: SegmentHead;
  /** Per partition that it has batches of. */
  lastSequences: Map<number, number>;
  journal: LaneJournal;
}

/** All or nothing: of a record that does not fit, no piece is left behind. */
function writeWhole(file: JournalFile, parts: readonly Buffer[], position: number): void {
  const bytes = parts.reduce((sum, part) => sum + part.length, 0);
  try {
    const written = file.write(parts, position);
    if (written === bytes) return;
    throw new WeirError('journal-short-write', `the disk took ${written} of ${bytes} bytes`, true);
  } catch (error) {
    // Left there, the piece would be read as a torn end at the next start; the next write goes over it either way.
    try {
      file.truncate(position);
    } catch (again) {
      fault(again);
    }
    throw error;
  }
}

/** A bug is none. */
function fault(error: unknown): WeirError {
  if (error instanceof WeirError) return error;
  throw error;
}
