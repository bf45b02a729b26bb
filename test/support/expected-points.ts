import type { InfluxField, InfluxLine } from './influx-line.ts';
import { formatKey, formatPoint } from './influx-points.ts';

/** What an InfluxDB holds after some lines: of two for one series and time, the later one's fields hold. */
export class ExpectedPoints {
  readonly #series = new Map<string, Map<bigint, Map<string, string>>>();

  add({ measurement, tags, fields }: InfluxLine, time: bigint): void {
    const points = entryOf(this.#series, formatKey(measurement, tags), () => new Map());
    const point = entryOf(points, time, () => new Map());
    for (const [name, { text }] of fields) point.set(name, text);
  }

  /** As Influxd.points tells them. */
  get points(): string[] {
    const texts: string[] = [];
    for (const [key, points] of this.#series) {
      for (const [time, fields] of points) texts.push(formatPoint(key, fields, String(time)));
    }
    return texts.sort();
  }
}

/** The types that fields have in a database: a field has the type with which it was written first. */
export class FieldTypes {
  readonly #types = new Map<string, InfluxField['type']>();

  add(line: InfluxLine): void {
    for (const [field, type] of typesOf(line)) this.#types.set(field, type);
  }

  /** Whether no field of the line has another type. */
  admits(line: InfluxLine): boolean {
    return typesOf(line).every(([field, type]) => (this.#types.get(field) ?? type) === type);
  }
}

function typesOf({ measurement, fields }: InfluxLine): [string, InfluxField['type']][] {
  return [...fields].map(([name, { type }]) => [JSON.stringify([measurement, name]), type]);
}

function entryOf<K, V>(map: Map<K, V>, key: K, make: () => V): V {
  const known = map.get(key);
  if (known !== undefined) return known;
  const made = make();
  map.set(key, made);
  return made;
}
