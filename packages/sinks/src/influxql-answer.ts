import { MEASUREMENTS, type Measurement } from '@weir/common/line-encode';
import type { PointShape } from '@weir/common/point-shape';
import { oneLine } from './influx-faults.ts';
import { badAnswer } from './influx-http.ts';
import { SinkError, type SinkPoint } from './sink.ts';

/**
 * Reads the chunked answer to an InfluxQL query, piece by piece as it arrives: one JSON document per line, the last one
 * without `partial`. An answer that is not whole is an error, never a short list: a point missing from a read-back would
 * be taken for one that the sink does not hold.
 */
export class InfluxqlAnswer {
  readonly #sinkName: string;
  readonly #shape: PointShape;
  readonly #missing: string;
  readonly #points: SinkPoint[] = [];
  readonly #pieces: Uint8Array[] = [];
  #complete = false;

  constructor(sinkName: string, shape: PointShape, missing: string) {
    this.#sinkName = sinkName;
    this.#shape = shape;
    this.#missing = missing;
  }

  take(chunk: Uint8Array): void {
    let from = 0;
    for (let at = chunk.indexOf(10); at >= 0; at = chunk.indexOf(10, from)) {
      this.#pieces.push(chunk.subarray(from, at));
      this.#document();
      from = at + 1;
    }
    if (from < chunk.length) this.#pieces.push(chunk.subarray(from));
  }

  end(): SinkPoint[] {
    this.#document();
    if (!this.#complete) throw badAnswer(this.#sinkName, 'the answer to a query ends before its end');
    return this.#points;
  }

  #document(): void {
    const text = Buffer.concat(this.#pieces.splice(0)).toString();
    if (text.trim() === '') return;
    for (const result of this.#results(text)) {
      if (result.error !== undefined) throw this.#queryError(result.error);
      for (const series of result.series ?? []) this.#takeSeries(series);
      this.#complete = result.partial !== true;
    }
  }

  #results(text: string): QueryResult[] {
    let answer: QueryAnswer | null;
    try {
      answer = JSON.parse(text);
    } catch (cause) {
      throw badAnswer(this.#sinkName, 'the answer to a query is not JSON', cause);
    }
    if (typeof answer?.error === 'string') throw this.#queryError(answer.error);
    if (!Array.isArray(answer?.results)) throw badAnswer(this.#sinkName, 'the answer to a query has no results');
    return answer.results;
  }

  /** Columns are `time`, the field, then all tags in their order; a tag of the name of an earlier column gets a suffix. */
  #takeSeries({ name, columns, values }: QuerySeries): void {
    const measurement = MEASUREMENTS.find((known) => this.#shape.names[known] === name);
    if (measurement === undefined) return;
    const at: Columns = {
      eventType: columns.indexOf('event_type', 2),
      product: columns.indexOf('product', 2),
      tags: new Map(this.#shape.tags.map(({ key, value }) => [columns.indexOf(key, 2), value])),
      others: [],
    };
    // Where a column is missing no point of the answer has that tag.
    if (at.tags.has(-1)) return;
    for (let i = 2; i < columns.length; i++) if (i !== at.eventType && i !== at.product) at.others.push(i);
    for (const row of values) {
      const point = pointOf(measurement, row, at);
      if (point !== undefined) this.#points.push(point);
    }
  }

  #queryError(words: string): SinkError {
    // InfluxDB 1.x answers 200 here and has no code for it; a wrong guess only costs the remedy.
    const remedy = words.startsWith('database not found') ? ` (${this.#missing})` : '';
    const line = `sink ${this.#sinkName}: query refused: ${oneLine(words)}${remedy}`;
    return new SinkError('sink-refused', line, { outcome: 'not-applied' });
  }
}

interface QueryAnswer {
  results?: QueryResult[];
  error?: string;
}

interface QueryResult {
  series?: QuerySeries[];
  partial?: boolean;
  error?: string;
}

interface QuerySeries {
  name: string;
  columns: string[];
  values: unknown[][];
}

/** Where the tags of Weir's points stand in a row. */
interface Columns {
  eventType: number;
  product: number;
  /** Further ones: the value that each has in every point. */
  tags: ReadonlyMap<number, string>;
  /** All columns of tags but the first two: mostly there are none. */
  others: number[];
}

/** Undefined for a point of another series, or one whose value is no number: neither is a total of Weir's. */
function pointOf(measurement: Measurement, row: readonly unknown[], at: Columns): SinkPoint | undefined {
  const value = row[1];
  const eventType = row[at.eventType];
  const product = row[at.product];
  if (typeof value !== 'number' || typeof eventType !== 'string' || typeof product !== 'string') return undefined;
  for (const i of at.others) if (row[i] !== (at.tags.get(i) ?? null)) return undefined;
  return { measurement, eventType, product, value };
}
