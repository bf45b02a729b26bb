/**
 * Totals as InfluxDB line protocol. Pure. The escaping mirrors how InfluxDB reads tags (scanTagsValue and unescapeTag in
 * its models/points.go): a comma, space or equals sign is part of the value when the byte before it is a backslash, and
 * a backslash before anything else is an ordinary character. So these three are escaped and a backslash never is:
 * doubling it, as many clients do, would store two. The sinks and the demo call it.
 */
export const UNIQUE_USER_EVENT = 'unique_user_event';
export const CUMULATIVE_USER_EVENT = 'cumulative_user_event';
export const MEASUREMENTS = [UNIQUE_USER_EVENT, CUMULATIVE_USER_EVENT] as const;
export type Measurement = (typeof MEASUREMENTS)[number];

/** One number of one group; the window gives it its timestamp. */
export interface TotalsPoint {
  readonly measurement: Measurement;
  readonly eventType: string;
  readonly product: string;
  readonly value: number;
}

/** One line, without its newline. `value` is a float (no `i`); the timestamp is the window's start in nanoseconds. */
export function encodeTotals({ measurement, eventType, product, value }: TotalsPoint, startSec: number): string {
  if (!Number.isFinite(value)) throw new RangeError(`a total must be a finite number, not ${value}`);
  return `${measurement},event_type=${encodeTag(eventType)},product=${encodeTag(product)} value=${value} ${nanoseconds(startSec)}`;
}

/** Whole seconds as nanoseconds, as text: the number itself is past what a JavaScript number holds exactly. */
export function nanoseconds(startSec: number): string {
  return startSec === 0 ? '0' : `${startSec}000000000`;
}

/** The relay's limits keep these out; here they would change the line's meaning, or that of its neighbours. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what it looks for
const UNWRITABLE = /^$|[\u0000-\u001f\u007f]|\\$/;

function encodeTag(value: string): string {
  if (UNWRITABLE.test(value)) throw new RangeError(`no tag can hold ${JSON.stringify(value)}`);
  return value.replace(/[, =]/g, '\\$&');
}
