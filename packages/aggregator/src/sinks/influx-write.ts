import { HttpError } from '@influxdata/influxdb-client';
import { encodeTotals, MEASUREMENTS } from '@weir/common/line-encode';
import { serverWords } from './influx-faults.ts';
import { type RejectedPoint, SinkError, type SinkPoint, type SinkWindow, type WriteResult } from './sink.ts';

/**
 * A window's points to InfluxDB, in pieces it can swallow, and around the points it refuses. InfluxDB answers 400 when it
 * refused some points of a request and kept the others, without saying which: halving the request until a single point
 * is refused tells them apart, and the good ones, written again on the way, only overwrite themselves.
 *
 * It also covers a trap of the line protocol: where a tag holds both a backslash before a space or an equals sign and a
 * quote, InfluxDB's search for the line's end goes wrong, swallows the lines that follow and refuses them all as
 * invalid. Such a line is read rightly when it is the last of its request, which halving makes it.
 */

/** Points per request: some 400 KB of ordinary names, 3 MB of the longest; InfluxDB 1.x takes 25 MB. */
export const POINTS_PER_REQUEST = 5_000;

/** Sends lines in one request; resolves when all of them are confirmed. */
export type SendLines = (lines: string[]) => Promise<void>;

export async function writePoints(
  window: SinkWindow,
  points: readonly SinkPoint[],
  send: SendLines,
): Promise<WriteResult> {
  const run = new WindowWrite(window.startSec, send);
  // One measurement after the other: a field of another type spoils all points of a measurement, which then share requests.
  for (const measurement of MEASUREMENTS) {
    const own = points.filter((point) => point.measurement === measurement);
    for (let from = 0; from < own.length; from += POINTS_PER_REQUEST) {
      await run.write(own.slice(from, from + POINTS_PER_REQUEST));
    }
  }
  return { rejected: run.rejected };
}

class WindowWrite {
  readonly rejected: RejectedPoint[] = [];
  readonly #startSec: number;
  readonly #send: SendLines;
  /** Once some points may be there, no later failure makes the write as a whole `not-applied`. */
  #someApplied = false;

  constructor(startSec: number, send: SendLines) {
    this.#startSec = startSec;
    this.#send = send;
  }

  async write(points: readonly SinkPoint[]): Promise<void> {
    const refusal = await this.#try(points);
    if (refusal === undefined) return;
    if (points.length === 1 || refusal.dropped === points.length) {
      this.rejected.push(...points.map((point) => ({ point, reason: refusal.reason })));
      return;
    }
    const middle = points.length >> 1;
    await this.write(points.slice(0, middle));
    await this.write(points.slice(middle));
  }

  /** Undefined when every point is confirmed. */
  async #try(points: readonly SinkPoint[]): Promise<PointRefusal | undefined> {
    try {
      await this.#send(points.map((point) => encodeTotals(point, this.#startSec)));
      this.#someApplied = true;
      return undefined;
    } catch (error) {
      if (!(error instanceof SinkError)) throw error;
      const refusal = pointRefusal(error, points.length);
      if (refusal !== undefined) {
        this.#someApplied = true;
        return refusal;
      }
      if (this.#someApplied && error.outcome === 'not-applied') {
        const { code, message, retryable } = error;
        throw new SinkError(code, message, { retryable, outcome: 'unknown', cause: error });
      }
      throw error;
    }
  }
}

interface PointRefusal {
  reason: string;
  /** How many points InfluxDB says it left out, where it says so. */
  dropped: number | undefined;
}

/**
 * Tells "some of these points" from "this request": only the former may ever cost a point. No version has a code for it
 * (1.x has no codes at all; 2.x has one `invalid` for both), so this one place reads InfluxDB's words.
 */
function pointRefusal(error: SinkError, count: number): PointRefusal | undefined {
  const answer = error.cause;
  if (!(answer instanceof HttpError)) return undefined;
  const reason = serverWords(answer);
  if (answer.statusCode === 413) return count > 1 ? { reason, dropped: undefined } : undefined;
  if (answer.statusCode !== 400 && answer.statusCode !== 422) return undefined;
  if (!/partial write|unable to parse/.test(reason)) return undefined;
  const dropped = /dropped=([0-9]+)$/.exec(reason)?.[1];
  return { reason, dropped: dropped === undefined ? undefined : Number(dropped) };
}
