import { WeirError } from '@weir/common/errors';
import type { Measurement, PointWindow, TotalsPoint } from '@weir/common/line-encode';

/**
 * What is asked of a sink, and no more: write some points of a window, read a window back, pass lines on. A sink keeps no
 * queue and retries nothing by itself; whoever calls it knows what is still to be written.
 */
export interface Sink {
  /** Part of the deployment; the ledger of confirmed windows is kept under it. */
  readonly name: string;
  /** False for files, stdout, and an InfluxDB with `&readback=off`: `read` must not be called then. */
  readonly readable: boolean;
  /**
   * Resolves only when the sink confirmed every point that is not listed as rejected. Rejects with a SinkError; its
   * `outcome` says whether some of the points may be there all the same. No two points may be of one series.
   */
  write(window: SinkWindow, points: readonly SinkPoint[], signal?: AbortSignal): Promise<WriteResult>;
  /**
   * Passes other lines on, each a single line of line protocol with a timestamp in nanoseconds, in the order given: what is
   * confirmed is there as if they had been written one after the other, so of two lines for one series and timestamp the
   * later one holds. Lines may be sent more than once on the way. Resolves only when the sink confirmed every line that is
   * not listed as rejected. Rejects with a SinkError, as `write` does; the same call again does no harm.
   */
  writeLines(lines: readonly string[], signal?: AbortSignal): Promise<LinesResult>;
  /** Every point of Weir's two series that the sink holds for the window; never a part of them. */
  read(window: SinkWindow, signal?: AbortSignal): Promise<SinkPoint[]>;
  /**
   * Reads the files again that it is opened with: certificates, a token. Throws a SettingsError where one cannot be used;
   * then all is as before. Sinks without such files have no such method.
   */
  reload?(): void;
  /** Call it when no write or read is under way. */
  close(): Promise<void>;
}

export type { Measurement };

/** One number of one group in one window. */
export type SinkPoint = TotalsPoint;

export type SinkWindow = PointWindow;

export interface WriteResult {
  /** Points that the sink refuses whatever is tried (another field type, outside its retention), each with its words. */
  readonly rejected: readonly RejectedPoint[];
}

export interface RejectedPoint {
  readonly point: SinkPoint;
  /** As it was sent. */
  readonly line: string;
  readonly reason: string;
}

export interface LinesResult {
  /** Lines that the sink refuses whatever is tried, each with its words; in no order. */
  readonly rejected: readonly RejectedLine[];
}

export interface RejectedLine {
  readonly line: string;
  readonly reason: string;
}

export type SinkErrorCode =
  /** No connection, or it broke. */
  | 'sink-unreachable'
  /** No answer in time. */
  | 'sink-timeout'
  /** The caller's signal ended it. */
  | 'sink-aborted'
  /** TLS: whoever answers there could not show that it is the sink. */
  | 'sink-untrusted'
  /** 401 or 403, or a client certificate that is not taken. */
  | 'sink-unauthorized'
  /** The request as a whole was refused: no such database, no such bucket, a query error. */
  | 'sink-refused'
  /** 5xx or 429: the sink has troubles of its own. */
  | 'sink-unavailable'
  /** An answer that no InfluxDB gives: something else listens there, or the answer was cut short. */
  | 'sink-bad-answer';

/**
 * Whether a write that failed may still take effect, now or later. Closing a connection recalls nothing: a paused InfluxDB
 * reads what stands in its socket when it wakes, so only a refusal, or a connection that never was, is `not-applied`.
 */
export type Outcome = 'not-applied' | 'unknown';

export interface SinkErrorOptions {
  retryable?: boolean;
  outcome: Outcome;
  cause?: unknown;
}

export class SinkError extends WeirError {
  override readonly name = 'SinkError';
  override readonly code: SinkErrorCode;
  readonly outcome: Outcome;

  constructor(code: SinkErrorCode, message: string, { retryable = true, outcome, cause }: SinkErrorOptions) {
    super(code, message, retryable, { cause });
    this.code = code;
    this.outcome = outcome;
  }
}
