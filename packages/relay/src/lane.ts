import { BatchBuffer, TIMESTAMP_BYTES } from './batch-buffer.ts';
import type { Journal, JournalBatch } from './journal.ts';
import type { Receipt } from './receipt.ts';

/**
 * The way of one partition's lines from the doors to Redis, as a state machine without I/O: lines gather in an open
 * batch, a closed batch gets the next sequence and goes into the journal, and one call to Redis at a time appends the
 * first batch that Redis is not known to hold. While it is under way the next lines gather, so batches grow with the
 * load by themselves. What Redis says it holds is believed over what it said before: if it holds less, it lost data,
 * and the lane sends on from there what the journal still has. Whoever drives it (lane-runner.ts) asks `next`, does
 * that, and reports back with `answered` or `failed`; nothing else moves it but lines.
 */
export interface LaneOptions {
  partition: number;
  journal: Journal;
  /** A batch is closed before it grows beyond this. Holds at least one line of the largest size. */
  batchBytes: number;
  /** An open batch waits this long for more lines while nothing is in flight. */
  lingerMs: number;
  /** An idle partition is asked this often whether it still holds what was appended. */
  probeEveryMs: number;
  /** How long to wait after so many failures in a row. */
  backoffMs: (failures: number) => number;
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
  /** Receipts of closed batches, until they are confirmed. */
  readonly #awaiting = new Map<number, Receipt[]>();
  #settled = 0;

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

  constructor(options: LaneOptions) {
    this.#options = options;
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

  /** Everything it was ever given is in Redis, as far as anybody knows. */
  get empty(): boolean {
    return this.#buffer.lineCount === 0 && this.#held === this.#closed;
  }

  get waitingLines(): number {
    let lines = this.#buffer.lineCount;
    for (let sequence = this.#held + 1; sequence <= this.#closed; sequence++) {
      lines += this.#options.journal.read(this.#options.partition, sequence)?.lineCount ?? 0;
    }
    return lines;
  }

  /**
   * Every line received before this moment is in Redis (its clock, ms); undefined before the first answer, and again after
   * the connection was lost: what Redis confirmed before, it may have lost with a restart or a failover.
   */
  get drainedMs(): number | undefined {
    if (this.#contactRedisMs === undefined) return undefined;
    const { journal, partition } = this.#options;
    const first = Math.max(this.#held + 1, journal.oldest(partition));
    const waiting = journal.read(partition, first)?.receivedMs ?? this.#openReceivedMs;
    return Math.min(this.#contactRedisMs, waiting);
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
    const { journal, partition, lingerMs, probeEveryMs } = this.#options;
    if (this.#inFlight !== undefined) return { kind: 'wait', ms: Number.POSITIVE_INFINITY };
    if (nowMs < this.#retryAtMs) return { kind: 'wait', ms: this.#retryAtMs - nowMs };
    const openDueMs = this.#buffer.lineCount > 0 ? this.#openedMs + lingerMs : Number.POSITIVE_INFINITY;
    if (this.#held === this.#closed && (nowMs >= openDueMs || (this.#draining && this.#buffer.lineCount > 0))) {
      this.#close();
    }
    if (this.#held < this.#closed) {
      const sequence = Math.max(this.#held + 1, journal.oldest(partition));
      const batch = journal.read(partition, sequence)!;
      this.#inFlight = batch;
      // A gap is only ever left knowingly: Redis has said that it holds less than the journal reaches back to.
      return { kind: 'append', batch, afterGap: sequence > this.#held + 1 };
    }
    const probeDueMs = this.#contactAtMs + probeEveryMs;
    if (nowMs >= probeDueMs) {
      this.#inFlight = 'probe';
      return { kind: 'probe' };
    }
    return { kind: 'wait', ms: Math.min(openDueMs, probeDueMs) - nowMs };
  }

  answered({ last, redisMs }: LaneAnswer, nowMs: number): void {
    const { events, journal, partition } = this.#options;
    const batch = this.#inFlight;
    const held = this.#held;
    this.#inFlight = undefined;
    this.#failures = 0;
    this.#contactAtMs = nowMs;
    this.#contactRedisMs = redisMs;
    if (last > this.#closed) throw new Error(`Redis holds sequence ${last} of partition ${partition}, never sent`);
    this.#held = last;
    journal.confirm(partition, last);
    // Whether this call appended it or an earlier one, whose reply was lost, makes no difference.
    if (typeof batch === 'object' && last >= batch.sequence) {
      events.confirmed(batch, batch.sequence <= this.#everHeld);
      if (batch.sequence > held + 1) events.gap(batch.sequence - held - 1);
    }
    if (last < held) events.lostByRedis(held - last);
    this.#everHeld = Math.max(this.#everHeld, last);
    this.#settle();
  }

  /** The call's outcome is unknown, or Redis refused it. The same batch is sent again: it will not be appended twice. */
  failed(nowMs: number): void {
    this.#inFlight = undefined;
    this.#failures++;
    this.#retryAtMs = nowMs + this.#options.backoffMs(this.#failures);
  }

  get #openReceivedMs(): number {
    return this.#buffer.lineCount > 0 ? this.#receivedMs : Number.POSITIVE_INFINITY;
  }

  #admit(bytes: number, arrival: Arrival): void {
    const owner = arrival.idempotencyKey === undefined ? undefined : arrival;
    const extraBytes = owner === undefined ? 0 : (this.#lineNumbers.length + 1) * LINE_NUMBER_BYTES;
    if (this.#buffer.lineCount > 0 && (owner !== this.#owner || !this.#buffer.fits(bytes + extraBytes))) {
      this.#close();
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
      this.#receipts.push(receipt);
      receipt.expect();
    }
    if (owner !== undefined) this.#lineNumbers.push(arrival.lineNumber);
  }

  #close(): void {
    const { journal, partition, events } = this.#options;
    const { lineCount } = this.#buffer;
    const sequence = ++this.#closed;
    if (this.#receipts.length > 0) this.#awaiting.set(sequence, this.#receipts);
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

  /** A receipt settles when its batch is first confirmed; that Redis may lose it later is the journal's business. */
  #settle(): void {
    while (this.#settled < this.#held) {
      this.#settled++;
      const receipts = this.#awaiting.get(this.#settled);
      this.#awaiting.delete(this.#settled);
      for (const receipt of receipts ?? []) receipt.settle();
    }
  }
}
