import {
  CUMULATIVE_USER_EVENT,
  escapeTag,
  type Measurement,
  NO_MEASUREMENT,
  UNIQUE_USER_EVENT,
  UNWRITABLE,
} from './line-encode.ts';
import { type ValueType, valueType } from './setting-values.ts';

/**
 * How totals look in the databases: what the two numbers are called there, which tags every point has besides event type
 * and product, and which end of the window is its time. It decides which series they are, for writing and for reading
 * back, so it belongs to the deployment. Pure.
 */
export interface PointShape {
  readonly names: Readonly<Record<Measurement, string>>;
  /** Sorted by key. */
  readonly tags: readonly PointTag[];
  readonly time: PointTime;
}

export type PointTime = 'start' | 'end';

export interface PointTag {
  readonly key: string;
  readonly value: string;
}

export const DEFAULT_SHAPE: PointShape = {
  names: { [UNIQUE_USER_EVENT]: UNIQUE_USER_EVENT, [CUMULATIVE_USER_EVENT]: CUMULATIVE_USER_EVENT },
  tags: [],
  time: 'start',
};

const MAX_NAME_BYTES = 128;
const MAX_TAGS = 16;
/** Columns of every point already, and what InfluxQL and Flux call columns of their own. */
const TAKEN_KEYS = new Set(['event_type', 'product', 'time', 'value', 'result', 'table']);

export const measurementName: ValueType<string> = valueType(
  'a measurement name of 1 to 128 bytes without control characters, not beginning with #, ' +
    'without a backslash before a comma, space, equals sign or quote or at the end',
  (text) => (isWritable(text) && !NO_MEASUREMENT.test(text) ? text : undefined),
);

export const pointTags: ValueType<readonly PointTag[]> = valueType(
  'at most 16 tags as key=value, joined by commas, such as region=eu,env=prod; commas and equals signs in a name are ' +
    'written with a backslash before them; no key twice, and none of event_type, product, time, value, result, table or _…',
  readPointTags,
);

/** As they stand in a line, which is also how they are recorded; `pointTags` reads it back. */
export function formatPointTags(tags: readonly PointTag[]): string {
  return tags.map(({ key, value }) => `${escapeTag(key)}=${escapeTag(value)}`).join(',');
}

function readPointTags(text: string): readonly PointTag[] | undefined {
  const tags: PointTag[] = [];
  for (const part of text === '' ? [] : text.split(/(?<!\\),/)) {
    const [key = '', value = '', ...more] = part.split(/(?<!\\)=/).map(unescapeTag);
    if (more.length > 0 || !isWritable(key) || !isWritable(value)) return undefined;
    if (TAKEN_KEYS.has(key) || key.startsWith('_') || tags.some((tag) => tag.key === key)) return undefined;
    tags.push({ key, value });
  }
  return tags.length > MAX_TAGS ? undefined : tags.sort((a, b) => (a.key < b.key ? -1 : 1));
}

/** As InfluxDB does it. */
function unescapeTag(text: string): string {
  return text.replaceAll('\\,', ',').replaceAll('\\ ', ' ').replaceAll('\\=', '=');
}

/** Lone surrogates are no text: they would be written as another character. */
function isWritable(text: string): boolean {
  return !UNWRITABLE.test(text) && Buffer.byteLength(text) <= MAX_NAME_BYTES && !/\p{Surrogate}/u.test(text);
}
