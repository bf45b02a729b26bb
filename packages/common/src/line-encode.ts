import type { PointShape } from './point-shape.ts';

/**
 * Totals as InfluxDB line protocol. Pure. The escaping mirrors how InfluxDB reads names and tags (scanMeasurement,
 * scanTagsValue and unescapeTag in its models/points.go): a comma, space or equals sign is part of the value when the byte
 * before it is a backslash, and a backslash before anything else is an ordinary character. So these three are escaped and a
 * backslash never is: doubling it, as many clients do, would store two. The sinks call it.
 */
export const UNIQUE_USER_EVENT = 'unique_user_event';
export const CUMULATIVE_USER_EVENT = 'cumulative_user_event';
/** The two numbers, by the names that they have unless the deployment gives them others (point-shape.ts). */
export const MEASUREMENTS = [UNIQUE_USER_EVENT, CUMULATIVE_USER_EVENT] as const;
export type Measurement = (typeof MEASUREMENTS)[number];

/** One number of one group; the window gives it its timestamp. */
export interface TotalsPoint {
  readonly measurement: Measurement;
  readonly eventType: string;
  readonly product: string;
  readonly value: number;
}

export interface PointWindow {
  readonly startSec: number;
  readonly windowSec: number;
}

/** Writes points in the shape of the deployment. */
export class PointLines {
  readonly #shape: PointShape;
  /** What stands before the event type, between it and the product, and between that and the number. */
  readonly #around: ReadonlyMap<Measurement, readonly [string, string, string]>;

  constructor(shape: PointShape) {
    this.#shape = shape;
    // InfluxDB sorts tags by their keys, and is quickest where they come sorted.
    const tagsFrom = (from: string, to?: string) =>
      shape.tags
        .filter(({ key }) => key > from && (to === undefined || key < to))
        .map(({ key, value }) => `,${escapeTag(key)}=${escapeTag(value)}`)
        .join('');
    const before = tagsFrom('', 'event_type');
    const between = `${tagsFrom('event_type', 'product')},product=`;
    const after = `${tagsFrom('product')} value=`;
    this.#around = new Map(
      MEASUREMENTS.map((each) => {
        return [each, [`${escapeMeasurement(shape.names[each])}${before},event_type=`, between, after]];
      }),
    );
  }

  around(measurement: Measurement): readonly [string, string, string] {
    return this.#around.get(measurement)!;
  }

  /** One line, without its newline. `value` is a float (no `i`); the timestamp is in nanoseconds. */
  line({ measurement, eventType, product, value }: TotalsPoint, window: PointWindow): string {
    if (!Number.isFinite(value)) throw new RangeError(`a total must be a finite number, not ${value}`);
    const [head, between, after] = this.around(measurement);
    const time = nanoseconds(pointSec(window, this.#shape));
    return `${head}${escapeTag(eventType)}${between}${escapeTag(product)}${after}${value} ${time}`;
  }
}

/** The time of a window's points, whole Unix seconds. */
export function pointSec({ startSec, windowSec }: PointWindow, { time }: Pick<PointShape, 'time'>): number {
  return time === 'start' ? startSec : startSec + windowSec;
}

/** Whole seconds as nanoseconds, as text: the number itself is past what a JavaScript number holds exactly. */
export function nanoseconds(sec: number): string {
  return sec === 0 ? '0' : `${sec}000000000`;
}

/** The relay's limits keep these out; here they would change the line's meaning, or that of its neighbours. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what it looks for
export const UNWRITABLE = /^$|[\u0000-\u001f\u007f]|\\$/;

/** Nothing in it to escape or to refuse: one look instead of two, for a window may have a million tags. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what it looks for
const ORDINARY = /^[^\u0000-\u0020,=\\\u007f]+$/;

/** A key or a value. */
export function escapeTag(text: string): string {
  if (ORDINARY.test(text)) return text;
  if (UNWRITABLE.test(text)) throw new RangeError(`no tag can hold ${JSON.stringify(text)}`);
  return text.replace(/[, =]/g, '\\$&');
}

/**
 * A line that begins with a number sign is a comment. A backslash before one of these four is lost on InfluxDB's ways:
 * points with such a name are written under another one, and found under none.
 */
export const NO_MEASUREMENT = /^#|\\[, ="]/;

/** An equals sign or a quote ends no measurement. */
function escapeMeasurement(text: string): string {
  if (UNWRITABLE.test(text) || NO_MEASUREMENT.test(text)) {
    throw new RangeError(`no measurement is ${JSON.stringify(text)}`);
  }
  return text.replace(/[, ]/g, '\\$&');
}
