import type { SinkPoint } from '@weir/sinks/sink';
import type { GroupCount } from './totals-codec.ts';

/**
 * What to write to a sink, given a window's totals and what the sink holds. Pure. No history of Weir over-counts, so of
 * two values for one point the larger is right: a smaller one is never written, and that it would have been is reported,
 * because it means that Redis lost what the sink still knows.
 */
export interface FlushPlan {
  /** Only what is larger than what the sink holds. */
  readonly points: readonly SinkPoint[];
  /** Their names, in the same order: a window may have a million, and each is put together once. */
  readonly names: readonly string[];
  /** Points of which the sink holds more than the totals say. */
  readonly shrunk: readonly { point: SinkPoint; held: number }[];
}

/** What a sink holds of one window, by point. */
export type Held = ReadonlyMap<string, number>;

export function pointName({ measurement, eventType, product }: Omit<SinkPoint, 'value'>): string {
  return `${measurement}\u0000${eventType}\u0000${product}`;
}

export function heldOf(points: readonly SinkPoint[]): Map<string, number> {
  return new Map(points.map((point) => [pointName(point), point.value]));
}

export function pointsOf(totals: readonly GroupCount[]): SinkPoint[] {
  const points: SinkPoint[] = [];
  for (const { eventType, product, events, users } of totals) {
    points.push({ measurement: 'unique_user_event', eventType, product, value: users });
    points.push({ measurement: 'cumulative_user_event', eventType, product, value: events });
  }
  return points;
}

export function planFlush(totals: readonly GroupCount[], held: Held): FlushPlan {
  const points: SinkPoint[] = [];
  const names: string[] = [];
  const shrunk: { point: SinkPoint; held: number }[] = [];
  for (const point of pointsOf(totals)) {
    const name = pointName(point);
    const there = held.get(name);
    if (there === undefined || there < point.value) {
      points.push(point);
      names.push(name);
    } else if (there > point.value) shrunk.push({ point, held: there });
  }
  return { points, names, shrunk };
}
