import { HttpError } from '@influxdata/influxdb-client';
import { MEASUREMENTS, type PointLines } from '@weir/common/line-encode';
import { serverWords } from './influx-faults.ts';
import { inRequests } from './line-requests.ts';
import { partLines } from './line-text.ts';
import {
  type LinesResult,
  type Measurement,
  SinkError,
  type SinkPoint,
  type SinkWindow,
  type WriteResult,
} from './sink.ts';

/**
 * Lines to InfluxDB, one request after the other, and around the lines it refuses. InfluxDB answers 400 when it refused
 * some lines of a request and kept the others, without saying which: halving the request until a single line is refused
 * tells them apart, and the good ones, written again on the way, only overwrite themselves. The halves go in order and
 * each line is sent last within its own half, so that of two lines for one series and timestamp the later one holds.
 */

/** Sends lines in one request; resolves when all of them are confirmed. */
export type SendLines = (lines: string[]) => Promise<void>;

/** A window's points. One that alone is too large for the way there (413) fails the write: points are never so large. */
export async function writePoints(
  lines: PointLines,
  window: SinkWindow,
  points: readonly SinkPoint[],
  send: SendLines,
): Promise<WriteResult> {
  const run = new LineWrite<SinkPoint>(send, { tooLargeAlone: 'fails' });
  // One measurement after the other: a field of another type spoils all points of a measurement, which then share requests.
  for (const measurement of MEASUREMENTS) {
    await run.write(encoded(lines, window, points, measurement));
  }
  return { rejected: run.rejected.map(({ of, line, reason }) => ({ point: of, line, reason })) };
}

/** Other lines. One that alone is too large for the way there is refused: it would hold up all that come behind it. */
export async function writeLines(lines: readonly string[], send: SendLines): Promise<LinesResult> {
  const { sound, rejected } = partLines(lines);
  const run = new LineWrite<undefined>(send, { tooLargeAlone: 'refused' });
  await run.write(sound.map((line) => ({ line, of: undefined })));
  return { rejected: [...rejected, ...run.rejected.map(({ line, reason }) => ({ line, reason }))] };
}

/** Line by line as they are asked for: a window of a million points is not held a second time. */
function* encoded(
  lines: PointLines,
  window: SinkWindow,
  points: readonly SinkPoint[],
  measurement: Measurement,
): Generator<Entry<SinkPoint>> {
  for (const point of points) {
    if (point.measurement === measurement) yield { line: lines.line(point, window), of: point };
  }
}

interface Entry<T> {
  readonly line: string;
  readonly of: T;
}

class LineWrite<T> {
  readonly rejected: (Entry<T> & { reason: string })[] = [];
  readonly #send: SendLines;
  readonly #tooLargeAlone: 'fails' | 'refused';
  /** Once some lines may be there, no later failure makes the write as a whole `not-applied`. */
  #someApplied = false;

  constructor(send: SendLines, { tooLargeAlone }: { tooLargeAlone: 'fails' | 'refused' }) {
    this.#send = send;
    this.#tooLargeAlone = tooLargeAlone;
  }

  async write(entries: Iterable<Entry<T>>): Promise<void> {
    for (const request of inRequests(entries)) await this.#writeRequest(request);
  }

  async #writeRequest(entries: readonly Entry<T>[]): Promise<void> {
    const refusal = await this.#try(entries);
    if (refusal === undefined) return;
    if (entries.length === 1 || refusal.dropped === entries.length) {
      for (const entry of entries) this.rejected.push({ ...entry, reason: refusal.reason });
      return;
    }
    const middle = entries.length >> 1;
    await this.#writeRequest(entries.slice(0, middle));
    await this.#writeRequest(entries.slice(middle));
  }

  /** Undefined when every line is confirmed. */
  async #try(entries: readonly Entry<T>[]): Promise<LineRefusal | undefined> {
    try {
      await this.#send(entries.map(({ line }) => line));
      this.#someApplied = true;
      return undefined;
    } catch (error) {
      if (!(error instanceof SinkError)) throw error;
      const refusal = this.#refusalOf(error, entries.length);
      if (refusal !== undefined) return refusal;
      if (this.#someApplied && error.outcome === 'not-applied') {
        const { code, message, retryable } = error;
        throw new SinkError(code, message, { retryable, outcome: 'unknown', cause: error });
      }
      throw error;
    }
  }

  /**
   * Tells "some of these lines" from "this request": only the former may ever cost a line. No version has a code for it
   * (1.x has no codes at all; 2.x has one `invalid` for both), so this one place reads InfluxDB's words.
   */
  #refusalOf(error: SinkError, count: number): LineRefusal | undefined {
    const answer = error.cause;
    if (!(answer instanceof HttpError)) return undefined;
    const reason = serverWords(answer);
    if (answer.statusCode === 413) {
      // Nobody took a byte of it.
      return count > 1 || this.#tooLargeAlone === 'refused' ? { reason, dropped: undefined } : undefined;
    }
    if (answer.statusCode !== 400 && answer.statusCode !== 422) return undefined;
    // The last is said, without "partial write", where two lines of one request would make one new field of two types.
    if (!/partial write|unable to parse|field type conflict/.test(reason)) return undefined;
    this.#someApplied = true;
    const dropped = /dropped=([0-9]+)$/.exec(reason)?.[1];
    return { reason, dropped: dropped === undefined ? undefined : Number(dropped) };
  }
}

interface LineRefusal {
  reason: string;
  /** How many points InfluxDB says it left out, where it says so. */
  dropped: number | undefined;
}
