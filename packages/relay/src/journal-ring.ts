import type { Clock } from '@weir/common/clock';
import { WeirError } from '@weir/common/errors';
import type { Logger } from '@weir/common/logger';
import type { FoundBatch, JournalBatch } from './journal.ts';
import {
  decodeRecord,
  encodeHead,
  encodeRecord,
  type RecordPlace,
  readSegment,
  type SegmentHead,
  type SegmentRead,
} from './journal-codec.ts';
import type { JournalFile, JournalFiles } from './journal-files.ts';
import { Incarnation, JournalIndex, type Segment } from './journal-index.ts';

/**
 * The segments of the journal, as files in a ring: written at the one end, dropped at the other once Redis has what is in
 * them. Reading never fails: what the disk does not give back any more is said loudly, and is not found from then on.
 * Writing and syncing throw, and leave behind no piece of what was not written. Pure: files and time are arguments.
 */
export interface JournalRingOptions {
  files: JournalFiles;
  clock: Clock;
  /** Of this start. */
  head: SegmentHead;
  maxBytes: number;
  /** Confirmed batches are kept for this long. */
  ageMs: number;
  counts: { recoveredBatches: number; tornRecords: number; damagedSegments: number };
  /** Confirmed batches, the youngest so old, had to go before `ageMs`, for want of bytes. */
  onDroppedEarly: (ageMs: number) => void;
  logger: Logger;
}

/** What an earlier start left behind. */
export interface Found {
  incarnation: Incarnation;
  /** Per partition that it has batches of. */
  lastSequences: Map<number, number>;
}

const MAX_SEGMENT_BYTES = 16 * 2 ** 20;
const MIN_SEGMENTS = 16;
/** A quiet relay's segments are closed after this share of `ageMs`, or nothing would ever grow old. */
const SEGMENT_AGE_SHARE = 1 / 8;
/** Of segments whose head cannot be read. */
const NOBODY = new Incarnation({ relayId: '', incarnation: '' });
const NAME = /^([0-9]{12})\.journal$/;

export class JournalRing {
  readonly own: Incarnation;
  readonly #options: JournalRingOptions;
  readonly #segmentBytes: number;
  readonly #index = new JournalIndex();
  #active: { file: JournalFile; segment: Segment; openedMs: number } | undefined;
  /** Files that are not written to any more and wait for their last sync. */
  #closing: JournalFile[] = [];
  #nextNumber = 1;
  #directoryDirty = false;

  constructor(options: JournalRingOptions) {
    this.#options = options;
    this.#segmentBytes = Math.min(MAX_SEGMENT_BYTES, options.maxBytes / MIN_SEGMENTS);
    this.own = this.#index.incarnation(options.head);
  }

  /** Takes in what earlier starts left, each under its own name. */
  recover(): Found[] {
    const { files, clock, counts } = this.#options;
    const found = new Map<Incarnation, Found>();
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
      const { lastSequences } = found.get(incarnation) ?? { lastSequences: new Map<number, number>() };
      found.set(incarnation, { incarnation, lastSequences });
      for (const [partition, { last }] of ranges) {
        lastSequences.set(partition, Math.max(lastSequences.get(partition) ?? 0, last));
      }
    }
    return [...found.values()];
  }

  get bytes(): number {
    return this.#index.bytes;
  }

  /** Of segments that hold something Redis is not known to have, and of the one that is being written. */
  get pinnedBytes(): number {
    return this.#index.pinnedBytes(this.#active?.segment);
  }

  get unconfirmedBytes(): number {
    return this.#index.unconfirmedBytes;
  }

  /** When the oldest line was received, Unix milliseconds; undefined while there is none. */
  get oldestMs(): number | undefined {
    return this.#index.segments.find(({ ranges }) => ranges.size > 0)?.receivedMs;
  }

  write(partition: number, batch: JournalBatch): void {
    const parts = encodeRecord(partition, batch);
    const { file, segment } = this.#segmentToWrite();
    const position = segment.bytes;
    writeWhole(file, parts, position);
    segment.touchedMs = this.#options.clock.monotonicMs();
    const { sequence, receivedMs } = batch;
    const bytes = parts[0].length + parts[1].length;
    this.#index.addRecord(segment, { partition, sequence, receivedMs, position, bytes });
  }

  /** Makes durable what was written before the call; rejects when nobody knows how much of it is. */
  async sync(): Promise<void> {
    const closing = this.#closing.splice(0);
    const active = this.#active;
    const directory = this.#directoryDirty;
    this.#directoryDirty = false;
    try {
      for (const file of closing) await file.sync();
      await active?.file.sync();
      if (directory) await this.#options.files.syncDirectory();
    } catch (error) {
      // The system may have dropped what it could not write, and says so only once: nothing more is written there.
      this.#directoryDirty = true;
      this.#closing.push(...closing);
      this.close();
      throw error;
    }
    for (const file of closing) this.#quietly(() => file.close());
  }

  /** No more is written to the present segment. */
  close(): void {
    this.#endSegment();
    for (const file of this.#closing.splice(0)) this.#quietly(() => file.close());
  }

  /** Drops confirmed segments that are old enough. */
  dropOld(): void {
    const { clock, ageMs } = this.#options;
    const nowMs = clock.monotonicMs();
    if (this.#active && nowMs - this.#active.openedMs >= ageMs * SEGMENT_AGE_SHARE) this.#endSegment();
    for (const segment of [...this.#index.segments]) {
      if (nowMs - segment.touchedMs < ageMs) return;
      if (segment !== this.#active?.segment && !this.#index.owed(segment)) this.#drop(segment);
    }
  }

  /** Whether anything is left of this partition. */
  holds(incarnation: Incarnation, partition: number): boolean {
    return this.#index.locate(incarnation, partition, 1) !== undefined;
  }

  find(incarnation: Incarnation, partition: number, sequence: number): FoundBatch | undefined {
    for (;;) {
      const found = this.#index.locate(incarnation, partition, sequence);
      if (found === undefined) return undefined;
      const receivedMs = this.#place(found.segment, partition, found.sequence)?.receivedMs;
      if (receivedMs !== undefined) return { sequence: found.sequence, receivedMs };
    }
  }

  read(incarnation: Incarnation, partition: number, sequence: number): JournalBatch | undefined {
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
      this.#damaged(segment.name, diskFault(error).message);
    }
    segment.unreadable.add(`${partition}:${sequence}`);
    return undefined;
  }

  #segmentToWrite(): { file: JournalFile; segment: Segment } {
    const { files, head, clock } = this.#options;
    if (this.#active && this.#active.segment.bytes >= this.#segmentBytes) this.#endSegment();
    if (this.#active) return this.#active;
    // One segment more than needed: who asks for room then seldom has to look at each of them.
    this.#makeRoom(2 * this.#segmentBytes);
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
    this.#active = { file, openedMs, segment: this.#index.addSegment(name, this.own, bytes.length, openedMs) };
    return this.#active;
  }

  #endSegment(): void {
    if (this.#active) this.#closing.push(this.#active.file);
    this.#active = undefined;
  }

  /** Drops confirmed segments, the oldest first, until so many bytes more fit. */
  #makeRoom(bytes: number): void {
    const { maxBytes, clock, onDroppedEarly } = this.#options;
    for (const segment of [...this.#index.segments]) {
      if (this.bytes + bytes <= maxBytes) return;
      if (this.#index.owed(segment)) continue;
      this.#drop(segment);
      onDroppedEarly(clock.monotonicMs() - segment.touchedMs);
    }
  }

  #drop(segment: Segment): void {
    this.#index.drop(segment);
    this.#remove(segment.name);
  }

  #remove(name: string): void {
    const { files, logger } = this.#options;
    files.remove(name).catch((error: unknown) => {
      logger.warn(
        { err: diskFault(error) },
        'a segment of the journal could not be removed; the next start tries again',
      );
    });
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
      this.#damaged(name, diskFault(error).message);
      return undefined;
    }
  }

  /** Undefined when the segment cannot be read; then nothing is found in it any more. */
  #place(
    segment: Segment,
    partition: number,
    sequence: number,
  ): Pick<RecordPlace, 'position' | 'bytes' | 'receivedMs'> | undefined {
    const place = this.#index.place(segment, partition, sequence);
    if (place !== undefined) return place;
    try {
      this.#index.loadPlaces(segment, readSegment(this.#options.files.read(segment.name, 0, segment.bytes)).records);
      const loaded = this.#index.place(segment, partition, sequence);
      if (loaded !== undefined) return loaded;
      this.#damaged(segment.name, 'records that were there are gone');
    } catch (error) {
      this.#damaged(segment.name, diskFault(error).message);
    }
    this.#index.lose(segment);
    return undefined;
  }

  #damaged(name: string, why: string): void {
    this.#options.counts.damagedSegments++;
    this.#options.logger.error({ segment: name, why }, 'the journal is damaged: batches in it may be lost');
  }

  /** For what is tried on the way out of a fault, or after everything that mattered is done. */
  #quietly(run: () => void): void {
    try {
      run();
    } catch (error) {
      this.#options.logger.debug({ err: diskFault(error) }, 'the journal could not tidy up');
    }
  }
}

/** All or nothing: of what does not fit no piece is left behind. */
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
      diskFault(again);
    }
    throw error;
  }
}

/** Throws on what is none, but a bug. */
export function diskFault(error: unknown): WeirError {
  if (error instanceof WeirError) return error;
  throw error;
}
