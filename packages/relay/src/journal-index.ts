import type { RecordPlace, SegmentHead, SegmentRead } from './journal-codec.ts';

/**
 * What is where in the journal, in little memory however much lies on disk: a segment is known by the range of sequences
 * it holds of each partition, and the places of its single records only while they are needed. Which segments may be
 * dropped follows from what Redis has confirmed. Pure.
 */
export class Incarnation implements SegmentHead {
  readonly relayId: string;
  readonly incarnation: string;
  /** Per partition: the last sequence that Redis is known to hold. */
  readonly #confirmed = new Map<number, number>();

  constructor({ relayId, incarnation }: SegmentHead) {
    this.relayId = relayId;
    this.incarnation = incarnation;
  }

  confirmed(partition: number): number {
    return this.#confirmed.get(partition) ?? 0;
  }

  confirm(partition: number, sequence: number): void {
    this.#confirmed.set(partition, sequence);
  }
}

interface Range {
  first: number;
  last: number;
  bytes: number;
}

type Place = Omit<RecordPlace, 'partition' | 'sequence'>;

/** Places of all records of a segment: per partition, from the range's first sequence on. */
type Places = Map<number, Place[]>;

export interface Segment {
  readonly name: string;
  readonly incarnation: Incarnation;
  bytes: number;
  /** When it was last written to, or found at the start; a monotonic clock's milliseconds. */
  touchedMs: number;
  /** When its oldest line was received, Unix milliseconds; Infinity while it is empty. */
  receivedMs: number;
  readonly ranges: Map<number, Range>;
  /** Of records that turned out unreadable: `partition:sequence`. */
  readonly unreadable: Set<string>;
}

/** Places kept for reading: about 40 bytes each. Beyond, those of the segment that was longest not read are forgotten. */
const MAX_PLACES = 250_000;

export class JournalIndex {
  /** Oldest first. */
  readonly segments: Segment[] = [];
  bytes = 0;
  readonly #incarnations = new Map<string, Incarnation>();
  /** Least recently used first. */
  readonly #places = new Map<Segment, { count: number; places: Places }>();
  #placeCount = 0;

  incarnation(head: SegmentHead): Incarnation {
    const key = `${head.incarnation} ${head.relayId}`;
    let known = this.#incarnations.get(key);
    if (known === undefined) {
      known = new Incarnation(head);
      this.#incarnations.set(key, known);
    }
    return known;
  }

  addSegment(name: string, incarnation: Incarnation, headBytes: number, nowMs: number): Segment {
    const segment: Segment = {
      name,
      incarnation,
      bytes: headBytes,
      touchedMs: nowMs,
      receivedMs: Number.POSITIVE_INFINITY,
      ranges: new Map(),
      unreadable: new Set(),
    };
    this.segments.push(segment);
    this.bytes += headBytes;
    this.#places.set(segment, { count: 0, places: new Map() });
    return segment;
  }

  /** A record was written at the end of the segment. */
  addRecord(segment: Segment, record: RecordPlace): void {
    const { partition, sequence, receivedMs, bytes } = record;
    const range = segment.ranges.get(partition);
    if (range === undefined) segment.ranges.set(partition, { first: sequence, last: sequence, bytes });
    else {
      range.last = sequence;
      range.bytes += bytes;
    }
    segment.bytes += bytes;
    segment.receivedMs = Math.min(segment.receivedMs, receivedMs);
    this.bytes += bytes;
    const kept = this.#places.get(segment);
    if (kept === undefined) return;
    addPlace(kept.places, record);
    kept.count++;
    this.#placeCount++;
    this.#forgetPlaces(segment);
  }

  /** A segment as it was found on disk. What does not follow in sequence is left out, and everything behind it. */
  addFound(name: string, read: SegmentRead & { head: SegmentHead }, nowMs: number): Segment {
    const { head, records } = read;
    const headBytes = records[0]?.position ?? read.end;
    const segment = this.addSegment(name, this.incarnation(head), headBytes, nowMs);
    for (const record of records) {
      const last = segment.ranges.get(record.partition)?.last;
      if (last !== undefined && record.sequence !== last + 1) break;
      this.addRecord(segment, record);
    }
    return segment;
  }

  /**
   * The first record from this sequence on that can be read. Where two segments hold it, the later one is right: after a
   * sync that failed, records are written anew. So a later segment may hold earlier sequences than one before it, and all of
   * them are looked at.
   */
  locate(
    incarnation: Incarnation,
    partition: number,
    sequence: number,
  ): { segment: Segment; sequence: number } | undefined {
    let next: { segment: Segment; sequence: number } | undefined;
    for (let i = this.segments.length - 1; i >= 0; i--) {
      const segment = this.segments[i]!;
      const range = segment.incarnation === incarnation ? segment.ranges.get(partition) : undefined;
      if (range === undefined || range.last < sequence) continue;
      let first = Math.max(range.first, sequence);
      while (first <= range.last && segment.unreadable.has(`${partition}:${first}`)) first++;
      if (first > range.last || (next !== undefined && next.sequence <= first)) continue;
      next = { segment, sequence: first };
      if (first === sequence) break;
    }
    return next;
  }

  /** Undefined when the places of this segment have to be loaded first. */
  place(segment: Segment, partition: number, sequence: number): Place | undefined {
    const kept = this.#places.get(segment);
    if (kept === undefined) return undefined;
    this.#places.delete(segment);
    this.#places.set(segment, kept);
    return kept.places.get(partition)?.[sequence - segment.ranges.get(partition)!.first];
  }

  loadPlaces(segment: Segment, records: readonly RecordPlace[]): void {
    const places: Places = new Map();
    for (const record of records) addPlace(places, record);
    this.#placeCount += records.length - (this.#places.get(segment)?.count ?? 0);
    this.#places.delete(segment);
    this.#places.set(segment, { count: records.length, places });
    this.#forgetPlaces(segment);
  }

  /** Nothing of it can be read any more. */
  lose(segment: Segment): void {
    segment.ranges.clear();
  }

  drop(segment: Segment): void {
    this.segments.splice(this.segments.indexOf(segment), 1);
    this.bytes -= segment.bytes;
    this.#placeCount -= this.#places.get(segment)?.count ?? 0;
    this.#places.delete(segment);
    const { incarnation } = segment;
    if (this.segments.some((other) => other.incarnation === incarnation)) return;
    this.#incarnations.delete(`${incarnation.incarnation} ${incarnation.relayId}`);
  }

  /** Holds a batch that Redis is not known to hold. */
  owed({ incarnation, ranges }: Segment): boolean {
    for (const [partition, { last }] of ranges) if (last > incarnation.confirmed(partition)) return true;
    return false;
  }

  /** Bytes of segments that may not be dropped, as `active` never may. */
  pinnedBytes(active: Segment | undefined): number {
    return this.segments.reduce((sum, each) => sum + (each === active || this.owed(each) ? each.bytes : 0), 0);
  }

  /** Of batches that are not confirmed; where a segment holds both kinds of a partition, by their share of its range. */
  get unconfirmedBytes(): number {
    let sum = 0;
    for (const { incarnation, ranges } of this.segments) {
      for (const [partition, { first, last, bytes }] of ranges) {
        const owed = Math.min(last - incarnation.confirmed(partition), last - first + 1);
        if (owed > 0) sum += (bytes * owed) / (last - first + 1);
      }
    }
    return Math.round(sum);
  }

  #forgetPlaces(except: Segment): void {
    for (const [segment, { count }] of this.#places) {
      if (this.#placeCount <= MAX_PLACES) return;
      if (segment === except) continue;
      this.#placeCount -= count;
      this.#places.delete(segment);
    }
  }
}

function addPlace(places: Places, { partition, receivedMs, position, bytes }: RecordPlace): void {
  const place = { receivedMs, position, bytes };
  const list = places.get(partition);
  if (list === undefined) places.set(partition, [place]);
  else list.push(place);
}
