/** What an InfluxDB 1.x query answers, told as line protocol again, so that a test compares text with text. Pure. */
export interface Series {
  name: string;
  tags?: Readonly<Record<string, string>>;
  columns: readonly string[];
  values: readonly (readonly (string | number | boolean | null)[])[];
}

/** `fieldKeys` is the answer to SHOW FIELD KEYS: JSON alone does not tell the float 2 from the integer 2. */
export function formatPoints(series: readonly Series[], fieldKeys: readonly Series[]): string[] {
  const types = new Map<string, string>();
  for (const { name, values } of fieldKeys) {
    for (const [field, type] of values) types.set(`${name}\n${field}`, String(type));
  }
  const points: string[] = [];
  for (const { name, tags = {}, columns, values } of series) {
    const key = formatKey(name, Object.entries(tags));
    for (const row of values) {
      const fields: [string, string][] = [];
      let timestamp = '';
      for (const [i, value] of row.entries()) {
        const column = columns[i]!;
        if (column === 'time') timestamp = toNanoseconds(String(value));
        else if (value !== null) fields.push([column, formatField(value, types.get(`${name}\n${column}`))]);
      }
      points.push(formatPoint(key, fields, timestamp));
    }
  }
  return points.sort();
}

export function formatKey(measurement: string, tags: Iterable<readonly [string, string]>): string {
  const present = [...tags].filter(([, value]) => value !== '');
  const texts = present.map(([key, value]) => `${escapeTag(key)}=${escapeTag(value)}`);
  return [escapeWith(measurement, /[, ]/g), ...texts.sort()].join(',');
}

/** `fields`: names, and values as `formatField` and `formatText` make them. */
export function formatPoint(key: string, fields: Iterable<readonly [string, string]>, timestamp: string): string {
  const texts = [...fields].map(([name, value]) => `${escapeTag(name)}=${value}`);
  return `${key} ${texts.sort().join(',')} ${timestamp}`;
}

/** An integer may come as text: see exactJson. */
function formatField(value: string | number | boolean, type: string | undefined): string {
  if (type === 'integer') return `${value}i`;
  if (type === 'float') return String(Number(value));
  return typeof value === 'string' ? formatText(value) : String(value);
}

export function formatText(text: string): string {
  return `"${escapeWith(text, /["\\]/g)}"`;
}

/** JSON in which a number with more digits than JavaScript's numbers hold becomes a text of them. */
export function exactJson(text: string): unknown {
  const exact = text.replace(/"(?:[^"\\]|\\.)*"|(?<![0-9.eE+-])-?[0-9]{16,}(?![0-9.eE])/g, (token) =>
    token.startsWith('"') ? token : `"${token}"`,
  );
  return JSON.parse(exact);
}

/** For tag keys, tag values and field keys. */
export function escapeTag(text: string): string {
  return escapeWith(text, /[,= ]/g);
}

function escapeWith(text: string, special: RegExp): string {
  return text.replace(special, (character) => `\\${character}`);
}

/** `2016-11-07T08:32:00.000000001Z` → `1478507520000000001`. */
export function toNanoseconds(rfc3339: string): string {
  const match = /^([^.Z]+)(?:\.(\d{1,9}))?Z$/.exec(rfc3339);
  if (!match) throw new Error(`${rfc3339} is no RFC 3339 time in UTC`);
  const wholeMs = BigInt(Date.parse(`${match[1]}Z`));
  return String(wholeMs * 1_000_000n + BigInt((match[2] ?? '').padEnd(9, '0')));
}
