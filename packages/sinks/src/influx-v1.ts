import { MEASUREMENTS, nanoseconds, PointLines, pointSec } from '@weir/common/line-encode';
import type { PointShape } from '@weir/common/point-shape';
import type { InfluxV1Spec } from '@weir/common/sink-url';
import { InfluxHttp } from './influx-http.ts';
import { type SendLines, writeLines, writePoints } from './influx-write.ts';
import { InfluxqlAnswer } from './influxql-answer.ts';
import type { LinesResult, Sink, SinkPoint, SinkWindow, WriteResult } from './sink.ts';

/**
 * A sink on the InfluxDB 1.x API. Writes go through the client's WriteApi with its path turned to `/write`; reads are one
 * InfluxQL query. `*::tag` makes columns of all tags, so that points of other series (with one tag more) can be told from
 * Weir's own; grouping by tags instead takes four times as long and four times the bytes.
 */
export class InfluxV1Sink implements Sink {
  readonly name: string;
  readonly readable: boolean;
  readonly #http: InfluxHttp;
  readonly #writePath: string;
  readonly #place: Record<string, string>;
  readonly #shape: PointShape;
  readonly #lines: PointLines;

  constructor(spec: InfluxV1Spec, shape: PointShape) {
    this.#shape = shape;
    this.#lines = new PointLines(shape);
    this.name = spec.name;
    this.readable = spec.readback;
    this.#place = { db: spec.db, ...(spec.rp === undefined ? {} : { rp: spec.rp }) };
    // `n`, not `ns`: 1.x takes every precision it does not know for nanoseconds, but says `n` in its manual.
    this.#writePath = `/write?${new URLSearchParams({ ...this.#place, precision: 'n' })}`;
    this.#http = new InfluxHttp({
      sinkName: spec.name,
      url: spec.url,
      timeoutMs: spec.timeoutMs,
      gzip: spec.gzip,
      ...(spec.tls ? { tls: spec.tls } : {}),
      // In a header rather than the query, which servers and proxies log.
      ...(spec.login ? { headers: { authorization: basic(spec.login) } } : {}),
      missing: missingDatabase(spec.db),
    });
  }

  write(window: SinkWindow, points: readonly SinkPoint[], signal?: AbortSignal): Promise<WriteResult> {
    return writePoints(this.#lines, window, points, this.#send(signal));
  }

  writeLines(lines: readonly string[], signal?: AbortSignal): Promise<LinesResult> {
    return writeLines(lines, this.#send(signal));
  }

  async read(window: SinkWindow, signal?: AbortSignal): Promise<SinkPoint[]> {
    const from = MEASUREMENTS.map((measurement) => quoted(this.#shape.names[measurement])).join(', ');
    const q = `SELECT "value"::field, *::tag FROM ${from} WHERE time = ${nanoseconds(pointSec(window, this.#shape))}`;
    // Chunked: no `max-row-limit` cuts the answer short, and neither side holds it whole.
    const query = new URLSearchParams({ ...this.#place, q, epoch: 'ns', chunked: 'true' });
    const answer = new InfluxqlAnswer(this.name, this.#shape, missingDatabase(this.#place.db ?? ''));
    await this.#http.get(`/query?${query}`, (chunk) => answer.take(chunk), signal);
    return answer.end();
  }

  reload(): void {
    this.#http.reload();
  }

  async close(): Promise<void> {
    this.#http.close();
  }

  #send(signal: AbortSignal | undefined): SendLines {
    return (lines) => this.#http.write(this.#writePath, lines, signal);
  }
}

function basic({ username, password }: { username: string; password: string }): string {
  return `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`;
}

function missingDatabase(db: string): string {
  return `to make the database: CREATE DATABASE ${quoted(db)}`;
}

/** An identifier of InfluxQL. */
function quoted(name: string): string {
  return `"${name.replace(/["\\]/g, '\\$&')}"`;
}
