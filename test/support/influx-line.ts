import { formatText } from './influx-points.ts';

/**
 * What an accepted line of line protocol says, read the plain way and not the scanner's: for tests that compare the two
 * with what InfluxDB stored. A delimiter counts unless the one character before it is a backslash.
 */
export interface InfluxLine {
  /** As it is written, unlike all names and values below. */
  readonly key: string;
  readonly measurement: string;
  readonly tags: ReadonlyMap<string, string>;
  /** Of a name that stands twice, the last; without `time`, which InfluxDB leaves out. */
  readonly fields: ReadonlyMap<string, InfluxField>;
  /** Nanoseconds. */
  readonly time: bigint | undefined;
}

export interface InfluxField {
  readonly type: 'float' | 'integer' | 'unsigned' | 'boolean' | 'string';
  /** The value as a test prints it: see formatPoints. */
  readonly text: string;
}

const NANOSECONDS: ReadonlyMap<string, bigint> = new Map([
  ['n', 1n],
  ['ns', 1n],
  ['u', 1_000n],
  ['us', 1_000n],
  ['ms', 1_000_000n],
  ['s', 1_000_000_000n],
  ['m', 60_000_000_000n],
  ['h', 3_600_000_000_000n],
]);

const IN_TAGS = /\\([, =])/g;
/** Of measurements and fields, whose names InfluxDB unescapes further than it says. */
const IN_NAMES = /\\([, ="])/g;

export function readInfluxLine(line: string, precision: string): InfluxLine {
  const parts = /^[ \t]*(.*?)(?<!\\) +(.*?)[ \r]*$/s.exec(line);
  if (parts === null) throw new Error(`no line: ${line}`);
  const [, key = '', rest = ''] = parts;
  const [measurement = '', ...tags] = key.split(/(?<!\\),/);
  const { fields, end } = readFields(rest);
  const digits = rest.slice(end).trim();
  return {
    key,
    measurement: measurement.replace(IN_NAMES, '$1'),
    tags: new Map(tags.map(readTag)),
    fields,
    time: digits === '' ? undefined : BigInt(digits) * NANOSECONDS.get(precision)!,
  };
}

function readTag(text: string): [string, string] {
  const equals = text.search(/(?<!\\)=/);
  return [text.slice(0, equals).replace(IN_TAGS, '$1'), text.slice(equals + 1).replace(IN_TAGS, '$1')];
}

function readFields(text: string): { fields: Map<string, InfluxField>; end: number } {
  const fields = new Map<string, InfluxField>();
  let end = 0;
  for (const match of text.matchAll(/((?:[^\\=]|\\.)+)=("(?:[^"\\]|\\.)*"|[^ ,]+)(,|(?= |$))/gsy)) {
    const [whole, name = '', value = '', comma] = match;
    if (name !== 'time') fields.set(name.replace(IN_NAMES, '$1'), readValue(value));
    end = match.index + whole.length;
    if (comma === '') break;
  }
  return { fields, end };
}

function readValue(text: string): InfluxField {
  if (text.startsWith('"')) return { type: 'string', text: formatText(text.slice(1, -1).replace(/\\(["\\])/g, '$1')) };
  if (/^[tf]/i.test(text)) return { type: 'boolean', text: String(/^t/i.test(text)) };
  if (text.endsWith('i')) return { type: 'integer', text: `${BigInt(text.slice(0, -1))}i` };
  if (text.endsWith('u')) return { type: 'unsigned', text };
  return { type: 'float', text: String(Number(text)) };
}

/**
 * Whether InfluxDB 1.x files the point of a line where its own queries do not look. It keeps measurement and tags as they
 * were written, and looks for them as it would write them: with no backslash before a quote or an equals sign in a
 * measurement, with one before every comma and space there, and before an equals sign that begins a tag's value.
 */
export function isLost({ key }: InfluxLine): boolean {
  const [measurement = '', ...tags] = key.split(/(?<!\\),/);
  return /\\["=]|\\\\[, ]/.test(measurement) || tags.some((tag) => /(?<!\\)==/.test(tag));
}
