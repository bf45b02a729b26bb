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
    const head = [escapeWith(name, /[, ]/g), ...formatTags(tags)].join(',');
    for (const row of values) {
      const fields: string[] = [];
      let timestamp = '';
      for (const [i, value] of row.entries()) {
        const column = columns[i]!;
        if (column === 'time') timestamp = toNanoseconds(String(value));
        else if (value !== null) {
          fields.push(`${escapeTag(column)}=${formatField(value, types.get(`${name}\n${column}`))}`);
        }
      }
      points.push(`${head} ${fields.sort().join(',')} ${timestamp}`);
    }
  }
  return points.sort();
}

function formatTags(tags: Readonly<Record<string, string>>): string[] {
  const present = Object.entries(tags).filter(([, value]) => value !== '');
  return present.map(([key, value]) => `${escapeTag(key)}=${escapeTag(value)}`).sort();
}

function formatField(value: string | number | boolean, type: string | undefined): string {
  if (typeof value === 'string') return `"${escapeWith(value, /["\\]/g)}"`;
  return type === 'integer' ? `${value}i` : String(value);
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
