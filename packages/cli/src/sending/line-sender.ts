import type { Clock } from '@weir/common/clock';
import { WeirError } from '@weir/common/errors';
import { ConfirmedLines } from './confirmed-lines.ts';
import { InFlight } from './in-flight.ts';
import type { Piece } from './line-cutter.ts';
import type { LinePreparer } from './prepare-lines.ts';
import type { Rejection } from './relay-answer.ts';
import type { RelayClient } from './relay-client.ts';

/**
 * Sends pieces of an input, several at a time, and knows at every moment up to which line all is confirmed. It ends with the
 * input, at the first piece that no relay takes, or when it is told to; what is in flight then is waited for.
 */
export interface SenderOptions {
  client: Pick<RelayClient, 'write'>;
  preparer: LinePreparer;
  inFlight: number;
  /** Lines a second; undefined: as fast as they are taken. */
  linesPerSec: number | undefined;
  /** What the keys of the requests begin with; never the same again. */
  run: string;
  fromLine: number;
  clock: Clock;
  /** Unix milliseconds, with fractions. */
  wallMs: () => number;
  /** Aborted: no further piece is sent. */
  stopping: AbortSignal;
  onRejected: (rejections: readonly Rejection[], rejected: number, piece: Piece) => void;
  onWithoutTimestamp: () => void;
}

export interface Sent {
  /** Lines that a relay confirmed. */
  accepted: number;
  rejected: number;
  withoutTimestamp: number;
  requests: number;
  /** Bytes of the input behind what was confirmed. */
  inputBytes: number;
  confirmed: ConfirmedLines;
  fault?: WeirError;
}

export class LineSender {
  readonly #options: SenderOptions;
  readonly #flight: InFlight;
  readonly sent: Sent;

  constructor(options: SenderOptions) {
    this.#options = options;
    this.#flight = new InFlight(options.inFlight);
    const confirmed = new ConfirmedLines(options.fromLine - 1);
    this.sent = { accepted: 0, rejected: 0, withoutTimestamp: 0, requests: 0, inputBytes: 0, confirmed };
  }

  async send(pieces: AsyncIterable<Piece>): Promise<Sent> {
    const { linesPerSec, clock, stopping } = this.#options;
    const startedMs = clock.monotonicMs();
    let lines = 0;
    for await (const piece of pieces) {
      const dueMs = linesPerSec === undefined ? 0 : startedMs + (lines / linesPerSec) * 1_000;
      const waitMs = dueMs - clock.monotonicMs();
      if (waitMs > 0) await clock.sleep(waitMs, stopping);
      await this.#flight.room();
      if (stopping.aborted || this.sent.fault) break;
      lines += piece.lineCount;
      this.#flight.add(this.#sendOne(piece));
    }
    await this.#flight.done();
    return this.sent;
  }

  async #sendOne(piece: Piece): Promise<void> {
    const { preparer, run, wallMs, onRejected, onWithoutTimestamp } = this.#options;
    const { sent } = this;
    try {
      const { bytes, lines, withoutTimestamp, rejections } = preparer.prepare(piece.bytes, wallMs());
      if (withoutTimestamp > 0 && sent.withoutTimestamp === 0) onWithoutTimestamp();
      sent.withoutTimestamp += withoutTimestamp;
      sent.rejected += rejections.length;
      if (rejections.length > 0) onRejected(rejections, rejections.length, piece);
      if (lines > 0) await this.#write(bytes, lines, `${run}-${piece.firstLine}`, piece);
      sent.inputBytes = Math.max(sent.inputBytes, piece.inputBytes);
      sent.confirmed.confirm(piece);
    } catch (error) {
      if (!(error instanceof WeirError)) throw error;
      sent.fault ??= error;
    }
  }

  async #write(bytes: Buffer, lines: number, key: string, piece: Piece): Promise<void> {
    const { client, onRejected } = this.#options;
    const { verdict, requests } = await client.write(bytes, key);
    // Whatever somebody answers who is no relay.
    const rejected = verdict.kind === 'partly' ? Math.min(lines, verdict.rejected) : 0;
    this.sent.requests += requests;
    this.sent.rejected += rejected;
    this.sent.accepted += lines - rejected;
    if (verdict.kind === 'partly') onRejected(verdict.rejections, rejected, piece);
  }
}
