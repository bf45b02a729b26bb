import { BatchBuffer, TIMESTAMP_BYTES } from './batch-buffer.ts';
import type { FoundBatch, JournalBatch, LaneJournal } from './journal.ts';
import type { Receipt } from './receipt.ts';

/**
 * The way of one partition's lines from the doors to Redis, as a state machine without I/O: lines gather in an open
 * batch, a closed batch gets the next sequence and goes into the journal, and one call to Redis at a time appends the
 * first batch that Redis is not known to hold. While it is under way the next lines gather, so batches grow with the
 * load by themselves; where Redis hangs or fails, `secure` brings them into the journal all the same. What Redis says it
 * holds is believed over what it said before: if it holds less, it lost data, and the lane sends on from there what the
 * journal still has. Whoever drives it (lane-runner.ts) asks `next`, does that, and reports back with `answered` or
 * `failed`; nothing else moves it but lines and `secure`.
 */
export interface LaneOptions {
  /** As the journal numbers it: the partition, or that of its other lines (lane-number.ts). */
  partition: number;
  journal: LaneJournal;
  /** A batch is closed before it grows beyond this. Holds at least one line of the largest size. */
  batchBytes: number;
  /** An open batch waits this long for more lines while nothing is in flight. */
  lingerMs: number;
  /** The same, while nobody waits for any of its lines. */
  unattendedLingerMs: number;
  /** An idle partition is asked this often whether it still holds what was appended. */
  probeEveryMs: number;
  /** How long to wait after so many failures in a row. */
  backoffMs: (failures: number) => number;
  /** For what an earlier start left behind: the last sequence in the journal. Such a lane takes no lines. */
  recovered?: { lastSequence: number };
  events: LaneEvents;
}

export interface LaneEvents {
  /** There is something new to do; `next` will tell. */
  work(): void;
  /** A batch was closed and is in the journal. */
  journaled(lines: number): void;
  /** `again`: Redis had confirmed it before and lost it. */
  confirmed(batch: JournalBatch, again: boolean): void;
  /** Redis lost so many batches that it had confirmed. */
  lostByRedis(batches: number): void;
  /** So many of them are not in the journal any more, and will never come back. */
  gap(batches: number): void;
}

/** What the lines of one request or datagram have in common. One object per request, so that lines cost none. */
export interface Arrival {
  /** Unix milliseconds of Redis's clock. */
  receivedMs: number;
  monotonicMs: number;
  /** Absent where nobody waits. */
  receipt?: Receipt;
  idempotencyKey?: string;
  /** The number in the body of the line that is being added; read only with an Idempotency-Key. */
  lineNumber: number;
}

export type LaneStep =
  /** `afterGap`: Redis holds none of those before it, and the journal no longer does either. */
  | { kind: 'append'; batch: JournalBatch; afterGap: boolean }
  | { kind: 'probe' }
  /** Infinity: until something happens. */
  | { kind: 'wait'; ms: number };

export interface LaneAnswer {
  /** The last sequence that Redis holds. */
  last: number;
  /** Redis's TIME in Unix milliseconds. */
  redisMs: number;
}

/** Digits and a comma of a line number: a batch with an Idempotency-Key holds them besides its lines. */
const LINE_NUMBER_BYTES = 9;

/**
 * How long lines wait for Redis before they go into the journal without it: while it fails, no longer than it takes to
 * gather a few; otherwise so long that it only happens to a Redis that hangs, because each of these makes a batch.
 */
const GATHER_MS = 20;
const HANGING_MS = 250;
/** How long who waits for a closed batch waits for Redis alone. */
const SYNC_AFTER_MS = 100;

export class Lane {
  readonly #options: LaneOptions;
  readonly #buffer: BatchBuffer;
  #receivedMs = 0;
  #openedMs = 0;
  /** The request the open batch belongs to alone, if it came with an Idempotency-Key. */
  #owner: Arrival | undefined;
  #lineNumbers: number[] = [];
  #receipts: Receipt[] = [];
  #lastReceipt: Receipt | undefined;
  /** Receipts of closed batches, until these are confirmed or synced. In the order of sequences. */
  readonly #awaiting = new Map<number, { receipts: Receipt[]; closedMs: number }>();

  /** The last sequence given. */
  #closed = 0;
  /** The last sequence that Redis holds, by its last answer. */
  #held = 0;
  /** The highest it ever confirmed. */
  #everHeld = 0;
  #inFlight: JournalBatch | 'probe' | undefined;
  #failures = 0;
  #retryAtMs = Number.NEGATIVE_INFINITY;
  #contactAtMs = Number.NEGATIVE_INFINITY;
  #contactRedisMs: number | undefined;
  #draining = false;
  /** Redis has said what it holds. A new incarnation need not ask: nothing. */
  #asked: boolean;

  constructor(options: LaneOptions) {
    this.#options = options;
    this.#asked = options.recovered === undefined;
    this.#closed = options.recovered?.lastSequence ?? 0;
    this.#buffer = new BatchBuffer(options.batchBytes);
  }

  /** Takes source[start, end) as it is: it ends with a timestamp in nanoseconds. */
  add(source: Buffer, start: number, end: number, arrival: Arrival): void {
    this.#admit(end - start + 1, arrival);
    this.#buffer.add(source, start, end);
  }

  /** Takes source[start, end), which has no timestamp, with this one. */
  addStamped(source: Buffer, start: number, end: number, sec: number, nanos: number, arrival: Arrival): void {
    this.#admit(end - start + 1 + TIMESTAMP_BYTES, arrival);
    this.#buffer.addStamped(source, start, end, sec, nanos);
  }

  /** Lines that are in no batch yet. */
  get openBytes(): number {
    return this.#buffer.length;
  }

  /** Of the batch that was closed last; 0 before the first. */
  get lastSequence(): number {
    return this.#closed;
  }

  /** The last call failed: nobody knows when the next one will do better. */
  get failing(): boolean {
    return this.#failures > 0;
  }

  /** Everything it was ever given is in Redis, as far as anybody knows, or lost for good. */
  get empty(): boolean {
    return this.#buffer.lineCount === 0 && this.#asked && this.#due === undefined;
  }

  /** When the first line that Redis is not known to hold was received, Unix ms; Infinity: it holds all of them. */
  get owedSinceMs(): number {
    return this.#due?.receivedMs ?? (this.#buffer.lineCount > 0 ? this.#receivedMs : Number.POSITIVE_INFINITY);
  }

  /**
   * When the first line was received that the Redis of now may lack, Unix ms: while nothing is known of it, before the first
   * answer and after the connection was lost, the first line that the journal holds, confirmed or not. Infinity: none.
   */
  get unsureSinceMs(): number {
    if (this.#contactRedisMs !== undefined) return this.owedSinceMs;
    const { journal, partition } = this.#options;
    return journal.find(partition, 1)?.receivedMs ?? this.owedSinceMs;
  }

  /**
   * Every line received before this moment is in Redis (its clock, ms); undefined before the first answer, and again after
   * the connection was lost: what Redis confirmed before, it may have lost with a restart or a failover.
   */
  get drainedMs(): number | undefined {
    if (this.#contactRedisMs === undefined) return undefined;
    return Math.min(this.#contactRedisMs, this.owedSinceMs);
  }

  /** The connection to Redis was lost: whatever it holds now, it has to be asked again, and soon. */
  disconnected(): void {
    this.#contactRedisMs = undefined;
    this.#contactAtMs = Number.NEGATIVE_INFINITY;
  }

  /** From now on nothing lingers. */
  drain(): void {
    this.#draining = true;
  }

  /** What to do now. An append or a probe counts as in flight until `answered` or `failed`. */
  next(nowMs: number): LaneStep {
    const { journal, partition, probeEveryMs } = this.#options;
    if (this.#inFlight !== undefined) return { kind: 'wait', ms: Number.POSITIVE_INFINITY };
    if (nowMs < this.#retryAtMs) return { kind: 'wait', ms: this.#retryAtMs - nowMs };
    if (!this.#asked) return this.#probe();
    const openDueMs = this.#buffer.lineCount > 0 ? this.#openedMs + this.#lingerMs : Number.POSITIVE_INFINITY;
    let due = this.#due;
    if (due === undefined && (nowMs >= openDueMs || (this.#draining && this.#buffer.lineCount > 0))) {
      this.#close(nowMs);
      due = this.#due;
    }
    for (; due !== undefined; due = journal.find(partition, due.sequence + 1)) {
      const batch = journal.read(partition, due.sequence);
      if (batch === undefined) continue;
      this.#inFlight = batch;
      // A gap is only ever left knowingly: Redis has said that it holds less than the journal reaches back to.
      return { kind: 'append', batch, afterGap: batch.sequence > this.#held + 1 };
    }
    const probeDueMs = this.#contactAtMs + probeEveryMs;
    if (nowMs >= probeDueMs) return this.#probe();
    return { kind: 'wait', ms: Math.min(openDueMs, probeDueMs) - nowMs };
  }

  /**
   * Where the journal is durable, to be called every few milliseconds whatever is in flight: lines that wait too long for
   * Redis go into the journal. Answers whether somebody waits for the journal to be synced.
   */
  secure(nowMs: number): boolean {
    const hurried = this.failing || this.#draining || this.#contactAtMs === Number.NEGATIVE_INFINITY;
    if (this.#buffer.lineCount > 0 && nowMs - this.#openedMs >= (hurried ? GATHER_MS : HANGING_MS)) this.#close(nowMs);
    for (const { closedMs } of this.#awaiting.values()) return hurried || nowMs - closedMs >= SYNC_AFTER_MS;
    return false;
  }

  /** Whatever is open goes into the journal now. */
  shelve(nowMs: number): void {
    if (this.#buffer.lineCount > 0) this.#close(nowMs);
  }

  /** The journal has been synced. */
  synced(): void {
    this.#settle();
  }

  answered({ last, redisMs }: LaneAnswer, nowMs: number): void {
    const { events, journal, partition } = this.#options;
    const batch = this.#inFlight;
    const held = this.#held;
    this.#inFlight = undefined;
    this.#failures = 0;
    this.#contactAtMs = nowMs;
    this.#contactRedisMs = redisMs;
    // The torn end of an earlier start's journal may have been appended before it was torn.
    if (last > this.#closed && this.#options.recovered === undefined) {
      throw new Error(`Redis holds sequence ${last} of partition ${partition}, never sent`);
    }
    this.#asked = true;
    this.#held = last;
    journal.confirm(partition, last);
    // Whether this call appended it or an earlier one, whose reply was lost, makes no difference.
    if (typeof batch === 'object' && last >= batch.sequence) {
      events.confirmed(batch, batch.sequence <= this.#everHeld);
      if (batch.sequence > held + 1) events.gap(batch.sequence - held - 1);
    }
    if (last < held) events.lostByRedis(held - last);
    if (last < held && held > this.#closed) events.gap(held - Math.max(last, this.#closed));
    this.#everHeld = Math.max(this.#everHeld, last);
    this.#settle();
  }

  /** The call's outcome is unknown, or Redis refused it. The same batch is sent again: it will not be appended twice. */
  failed(nowMs: number): void {
    this.#inFlight = undefined;
    this.#failures++;
    this.#retryAtMs = nowMs + this.#options.backoffMs(this.#failures);
  }

  /** The first batch that Redis is not known to hold and that can be sent. */
  get #due(): FoundBatch | undefined {
    return this.#options.journal.find(this.#options.partition, this.#held + 1);
  }

  get #lingerMs(): number {
    const { lingerMs, unattendedLingerMs } = this.#options;
    return this.#receipts.length > 0 ? lingerMs : unattendedLingerMs;
  }

  #probe(): LaneStep {
    this.#inFlight = 'probe';
    return { kind: 'probe' };
  }

  #admit(bytes: number, arrival: Arrival): void {
    const owner = arrival.idempotencyKey === undefined ? undefined : arrival;
    const extraBytes = owner === undefined ? 0 : (this.#lineNumbers.length + 1) * LINE_NUMBER_BYTES;
    if (this.#buffer.lineCount > 0 && (owner !== this.#owner || !this.#buffer.fits(bytes + extraBytes))) {
      this.#close(arrival.monotonicMs);
      this.#options.events.work();
    }
    if (this.#buffer.lineCount === 0) {
      this.#owner = owner;
      this.#receivedMs = arrival.receivedMs;
      this.#openedMs = arrival.monotonicMs;
      this.#options.events.work();
    }
    const { receipt } = arrival;
    if (receipt !== undefined && receipt !== this.#lastReceipt) {
      this.#lastReceipt = receipt;
      // The batch is due sooner from now on.
      if (this.#receipts.push(receipt) === 1) this.#options.events.work();
      receipt.expect();
    }
    if (owner !== undefined) this.#lineNumbers.push(arrival.lineNumber);
  }

  #close(nowMs: number): void {
    const { journal, partition, events } = this.#options;
    const { lineCount } = this.#buffer;
    const sequence = ++this.#closed;
    if (this.#receipts.length > 0) this.#awaiting.set(sequence, { receipts: this.#receipts, closedMs: nowMs });
    journal.append(partition, {
      sequence,
      receivedMs: this.#receivedMs,
      lineCount,
      lines: this.#buffer.take(),
      ...(this.#owner?.idempotencyKey === undefined
        ? {}
        : { idempotencyKey: this.#owner.idempotencyKey, lineNumbers: this.#lineNumbers.join(',') }),
    });
    events.journaled(lineCount);
    this.#receipts = [];
    this.#lastReceipt = undefined;
    this.#owner = undefined;
    this.#lineNumbers = [];
  }

  /**
   * A receipt settles when its batch is first confirmed, or synced to the journal; that Redis may lose it later is the
   * journal's business.
   */
  #settle(): void {
    const { journal, partition } = this.#options;
    const safe = Math.max(this.#held, journal.synced(partition));
    for (const [sequence, { receipts }] of this.#awaiting) {
      if (sequence > safe) return;
      this.#awaiting.delete(sequence);
      for (const receipt of receipts) receipt.settle();
    }
  }
}
