import { escapeTag } from '../../support/influx-points.ts';
import type { MadeUpEvent } from '../../support/oracle.ts';

/**
 * What the clients know: every event they ever sent, and which of them were answered 2xx. The plain way, a Map and
 * Sets, sharing no code with what it judges. An event is named by its bare line, which says all of its identity.
 */
interface Known {
  /** The tags and the start of its window: what its two points have in common. */
  group: string;
  username: string;
  acked: boolean;
}

/** What a point may say at the end. */
export interface Bounds {
  min: number;
  max: number;
}

export class BooksOfTruth {
  readonly #windowNs: bigint;
  readonly #events = new Map<string, Known>();
  #acked = 0;

  constructor(windowSec: number) {
    this.#windowNs = BigInt(windowSec) * 1_000_000_000n;
  }

  /** Different events sent. */
  get sent(): number {
    return this.#events.size;
  }

  /** Different events answered 2xx. */
  get acked(): number {
    return this.#acked;
  }

  addSent(name: string, { product, eventType, username, timestamp }: MadeUpEvent): void {
    if (this.#events.has(name)) return;
    const start = timestamp - (timestamp % this.#windowNs);
    const tags = `event_type=${escapeTag(eventType)},product=${escapeTag(product)}`;
    this.#events.set(name, { group: `${tags} ${start}`, username, acked: false });
  }

  addAcked(names: readonly string[]): void {
    for (const name of names) {
      const known = this.#events.get(name)!;
      if (!known.acked) this.#acked++;
      known.acked = true;
    }
  }

  /**
   * By point (`pointName`). At least: what was answered 2xx and is no dead letter. At most: everything sent. `dead` has
   * the names of the events found among the dead letters: each of them may be counted as well, because a duplicate that
   * came after the seal is a dead letter, too.
   */
  bounds(dead: ReadonlySet<string>): Map<string, Bounds> {
    const groups = new Map<string, { sure: number; sent: number; sureUsers: Set<string>; users: Set<string> }>();
    for (const [name, { group, username, acked }] of this.#events) {
      const sums = groups.get(group) ?? { sure: 0, sent: 0, sureUsers: new Set(), users: new Set() };
      groups.set(group, sums);
      sums.sent++;
      sums.users.add(username);
      if (!acked || dead.has(name)) continue;
      sums.sure++;
      sums.sureUsers.add(username);
    }
    const bounds = new Map<string, Bounds>();
    for (const [group, { sure, sent, sureUsers, users }] of groups) {
      bounds.set(pointName('cumulative_user_event', group), { min: sure, max: sent });
      bounds.set(pointName('unique_user_event', group), { min: sureUsers.size, max: users.size });
    }
    return bounds;
  }
}

export function pointName(measurement: string, group: string): string {
  return `${measurement},${group}`;
}

/** `unique_user_event,product=a value=2 60` → [`unique_user_event,product=a 60`, 2]. */
export function nameAndValue(point: string): [string, number] {
  const match = /^(.*) value=(\S+) (\d+)$/.exec(point);
  if (!match) throw new Error(`no point of a total: ${point}`);
  return [`${match[1]} ${match[3]}`, Number(match[2])];
}

/** The start of a point's window, Unix seconds. */
export function windowOf(name: string): number {
  return Number(name.slice(name.lastIndexOf(' ') + 1, -9));
}
