import {
  type FluxTableMetaData,
  flux,
  fluxDateTime,
  type InfluxDB,
  linesToRowsIterable,
} from '@influxdata/influxdb-client';
import { MEASUREMENTS, type Measurement, PointLines, pointSec } from '@weir/common/line-encode';
import type { PointShape } from '@weir/common/point-shape';
import type { InfluxV2Spec } from '@weir/common/sink-url';
import { oneLine } from './influx-faults.ts';
import { badAnswer, InfluxHttp } from './influx-http.ts';
import { type SendLines, writeLines, writePoints } from './influx-write.ts';
import { type LinesResult, type Sink, SinkError, type SinkPoint, type SinkWindow, type WriteResult } from './sink.ts';

/**
 * A sink on the InfluxDB 2.x API. Reads are Flux, one query per measurement: `group()` puts a measurement's series into
 * one table, which needs one type of `_value`, and that is only certain within a measurement. Points with further tags
 * belong to other series and are left out by looking at the columns.
 */
export class InfluxV2Sink implements Sink {
  readonly name: string;
  readonly readable: boolean;
  readonly #http: InfluxHttp;
  readonly #org: string;
  readonly #bucket: string;
  readonly #shape: PointShape;
  /** Those of every point. */
  readonly #tags: ReadonlyMap<string, string>;
  readonly #lines: PointLines;

  constructor(spec: InfluxV2Spec, shape: PointShape) {
    this.#shape = shape;
    this.#tags = new Map(shape.tags.map(({ key, value }) => [key, value]));
    this.#lines = new PointLines(shape);
    this.name = spec.name;
    this.readable = spec.readback;
    this.#org = spec.org;
    this.#bucket = spec.bucket;
    this.#http = new InfluxHttp({
      sinkName: spec.name,
      url: spec.url,
      timeoutMs: spec.timeoutMs,
      gzip: spec.gzip,
      ...(spec.tls ? { tls: spec.tls } : {}),
      ...(spec.token === undefined ? {} : { token: spec.token }),
      missing: `no such organization or bucket, or a token that may not see it; to make it: influx bucket create -o ${spec.org} -n ${spec.bucket}`,
    });
  }

  write(window: SinkWindow, points: readonly SinkPoint[], signal?: AbortSignal): Promise<WriteResult> {
    return writePoints(this.#lines, window, points, this.#send(signal));
  }

  writeLines(lines: readonly string[], signal?: AbortSignal): Promise<LinesResult> {
    return writeLines(lines, this.#send(signal));
  }

  async read(window: SinkWindow, signal?: AbortSignal): Promise<SinkPoint[]> {
    const points: SinkPoint[] = [];
    for (const measurement of MEASUREMENTS) {
      const query = (client: InfluxDB) => this.#readMeasurement(client, measurement, window);
      points.push(...(await this.#http.query(query, signal)));
    }
    return points;
  }

  reload(): void {
    this.#http.reload();
  }

  async close(): Promise<void> {
    this.#http.close();
  }

  #send(signal: AbortSignal | undefined): SendLines {
    const path = `/api/v2/write?${new URLSearchParams({ org: this.#org, bucket: this.#bucket, precision: 'ns' })}`;
    return (lines) => this.#http.write(path, lines, signal);
  }

  async #readMeasurement(client: InfluxDB, measurement: Measurement, window: SinkWindow): Promise<SinkPoint[]> {
    const start = new Date(pointSec(window, this.#shape) * 1_000).toISOString();
    const query = flux`from(bucket: ${this.#bucket})
  |> range(start: ${fluxDateTime(start)}, stop: ${fluxDateTime(start.replace('.000Z', '.000000001Z'))})
  |> filter(fn: (r) => r._measurement == ${this.#shape.names[measurement]} and r._field == "value")
  |> group()
  |> drop(columns: ["_start", "_stop", "_field"])`;
    const points: SinkPoint[] = [];
    const lines = this.#annotated(client.getQueryApi(this.#org).iterateLines(query));
    for await (const { values, tableMeta } of linesToRowsIterable(lines)) {
      const point = this.#pointOf(measurement, values, tableMeta);
      if (point !== undefined) points.push(point);
    }
    return points;
  }

  /** Any text makes some CSV, and a page of some other server would pass for a bucket without points. */
  async *#annotated(lines: AsyncIterable<string>): AsyncGenerator<string> {
    let known = false;
    for await (const line of lines) {
      if (!known && line !== '' && !line.startsWith('#')) {
        throw badAnswer(this.name, `the answer to a query is no annotated CSV: ${oneLine(line)}`);
      }
      known ||= line !== '';
      yield line;
    }
  }

  #pointOf(measurement: Measurement, values: string[], table: FluxTableMetaData): SinkPoint | undefined {
    let eventType = '';
    let product = '';
    let value: number | undefined;
    let ownTags = 0;
    for (const column of table.columns) {
      const cell = values[column.index] || column.defaultValue;
      switch (column.label) {
        case 'result':
        case 'table':
        case '_time':
        case '_measurement':
          break;
        case '_value':
          value = column.dataType === 'string' || cell === '' ? undefined : Number(cell);
          break;
        case 'event_type':
          eventType = cell;
          break;
        case 'product':
          product = cell;
          break;
        case 'error':
          // A query that fails on the way answers 200 and says so in a last table.
          throw new SinkError('sink-refused', `sink ${this.name}: query failed: ${oneLine(cell)}`, {
            outcome: 'not-applied',
          });
        default:
          // A tag never is the empty text: that stands for a tag the point does not have.
          if (cell === '') break;
          if (this.#tags.get(column.label) !== cell) return undefined;
          ownTags++;
      }
    }
    if (ownTags < this.#tags.size) return undefined;
    if (value === undefined) return undefined;
    if (Number.isNaN(value)) throw badAnswer(this.name, `the value ${JSON.stringify(values)} is no number`);
    return eventType === '' || product === '' ? undefined : { measurement, eventType, product, value };
  }
}
