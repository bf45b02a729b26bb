import { MEASUREMENTS, type TotalsPoint } from '@weir/common/line-encode';
import type { GroupCount } from '@weir/common/totals-codec';

/**
 * What sinks hold of a window against each other and against what Redis knows, point by point, and which of it can be mended by
 * writing. Pure. docs/adr has the rules, and why a smaller value is written so reluctantly.
 */
export const KNOWN_BY = ['published', 'final', 'counting', 'gone'] as const;
/**
 * How the right totals are known: `published` those of an open window, `final` the final record of a sealed one; or not:
 * `counting`, more was counted than is published, `gone`, Redis does not know the window any more.
 */
export type KnownBy = (typeof KNOWN_BY)[number];

export interface Truth {
  knownBy: KnownBy;
  /** Of all partitions together; only where they are known. */
  groups: readonly GroupCount[];
  /** The same for as long as the totals are. */
  mark: string;
}

export type PointName = Omit<TotalsPoint, 'value'>;

export interface HeldBySink {
  sink: string;
  points: readonly TotalsPoint[];
}

export const LEAVE = ['on-its-way', 'counting', 'gone', 'redis-lost-data', 'not-borne-out', 'not-counted'] as const;
/** Why a value stays that differs. */
export type Leave = (typeof LEAVE)[number];

export interface SinkValue {
  sink: string;
  /** Null: it has no such point. */
  value: number | null;
  /** Null: nothing is to be done there. */
  repair: 'write' | Leave | null;
}

export interface Difference {
  point: PointName;
  /** What Redis knows; null: nothing of the window, or no such group in it. */
  redis: number | null;
  /** The same where that is right for certain; null: not known. */
  truth: number | null;
  /** What is written where `repair` says so. */
  write: number | null;
  sinks: readonly SinkValue[];
}

export interface RepairRules {
  startSec: number;
  /** Of two values of a window that is gone the larger is taken for right. */
  trustLarger: boolean;
  /** When Redis is last known to have lost data, Unix milliseconds; undefined: never. */
  lostMs: number | undefined;
  /** Sinks that the aggregators are still to bring the window to. */
  onTheWay: ReadonlySet<string>;
}

export function differencesOf(truth: Truth, held: readonly HeldBySink[], rules: RepairRules): Difference[] {
  const isKnown = truth.knownBy === 'published' || truth.knownBy === 'final';
  const right = isKnown ? valuesOf(pointsOf(truth.groups)) : new Map<string, number>();
  const values = held.map(({ points }) => valuesOf(points));
  const names = new Map<string, PointName>();
  for (const points of [isKnown ? pointsOf(truth.groups) : [], ...held.map(({ points }) => points)]) {
    for (const point of points) names.set(nameOf(point), point);
  }
  const differences: Difference[] = [];
  for (const [name, { measurement, eventType, product }] of names) {
    const there = values.map((of) => of.get(name) ?? null);
    const expected = isKnown ? (right.get(name) ?? null) : there[0]!;
    if (there.every((value) => value === expected)) continue;
    const write = isKnown ? expected : truth.knownBy === 'gone' && rules.trustLarger ? largest(there) : null;
    const sinks = held.map(({ sink }, i) => ({ sink, value: there[i]!, repair: repairOf(sink, there[i]!, there) }));
    const redis = isKnown ? expected : null;
    const isDoubted = sinks.some(({ repair }) => repair === 'redis-lost-data' || repair === 'not-borne-out');
    differences.push({
      point: { measurement, eventType, product },
      redis,
      truth: isDoubted ? null : redis,
      write,
      sinks,
    });

    function repairOf(sink: string, value: number | null, all: readonly (number | null)[]): SinkValue['repair'] {
      if (truth.knownBy === 'counting') return 'counting';
      if (!isKnown) return value === largest(all) ? null : rules.trustLarger ? 'write' : 'gone';
      if (value === expected) return null;
      if (expected === null) return 'not-counted';
      if (value === null || value < expected) return rules.onTheWay.has(sink) ? 'on-its-way' : 'write';
      // More than Redis knows: altered by hand, or Redis has lost what the sink still holds.
      if (rules.lostMs !== undefined && rules.startSec * 1_000 < rules.lostMs) return 'redis-lost-data';
      return all.includes(expected) ? 'write' : 'not-borne-out';
    }
  }
  return differences;
}

/** By sink, what is to be written there. */
export function writesOf(differences: readonly Difference[]): Map<string, TotalsPoint[]> {
  const writes = new Map<string, TotalsPoint[]>();
  for (const { point, write, sinks } of differences) {
    for (const { sink, repair } of sinks) {
      if (repair !== 'write') continue;
      const points = writes.get(sink) ?? [];
      points.push({ ...point, value: write! });
      writes.set(sink, points);
    }
  }
  return writes;
}

/** How many of them do not stand in the sink as they were written. */
export function missingOf(written: readonly TotalsPoint[], held: readonly TotalsPoint[]): number {
  const there = valuesOf(held);
  return written.filter((point) => there.get(nameOf(point)) !== point.value).length;
}

export function countRepairs(differences: readonly Difference[], repair: SinkValue['repair']): number {
  return differences.reduce((sum, { sinks }) => sum + sinks.filter((each) => each.repair === repair).length, 0);
}

/** A user lives in one partition, so users add up over the partitions as events do. */
function pointsOf(groups: readonly GroupCount[]): TotalsPoint[] {
  const sums = new Map<string, TotalsPoint>();
  for (const { eventType, product, events, users } of groups) {
    for (const measurement of MEASUREMENTS) {
      const point = { measurement, eventType, product, value: measurement === 'unique_user_event' ? users : events };
      const name = nameOf(point);
      sums.set(name, { ...point, value: point.value + (sums.get(name)?.value ?? 0) });
    }
  }
  return [...sums.values()];
}

function valuesOf(points: readonly TotalsPoint[]): Map<string, number> {
  return new Map(points.map((point) => [nameOf(point), point.value]));
}

function nameOf({ measurement, eventType, product }: PointName): string {
  return `${measurement}\u0000${eventType}\u0000${product}`;
}

function largest(values: readonly (number | null)[]): number {
  return values.reduce<number>((most, value) => Math.max(most, value ?? Number.NEGATIVE_INFINITY), -Infinity);
}
