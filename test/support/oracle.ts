import { escapeTag } from './influx-points.ts';

/** A user event as a client means it. */
export interface MadeUpEvent {
  product: string;
  eventType: string;
  username: string;
  /** Unix nanoseconds. */
  timestamp: bigint;
}

const NS_PER_SECOND = 1_000_000_000n;

/**
 * What must come out, counted the plain way: a Set of identities, and per window and group a count and a Set of
 * usernames. It shares no code with what it judges. Under `content` identity the same event counts once.
 */
export class Oracle {
  readonly #windowNs: bigint;
  readonly #seen = new Set<string>();
  readonly #windows = new Map<bigint, Map<string, { group: MadeUpEvent; events: number; users: Set<string> }>>();

  constructor({ windowSec = 60 }: { windowSec?: number } = {}) {
    this.#windowNs = BigInt(windowSec) * NS_PER_SECOND;
  }

  /** Different events so far. */
  get events(): number {
    return this.#seen.size;
  }

  /** Answers false when the event was there already. */
  add(event: MadeUpEvent): boolean {
    const { product, eventType, username, timestamp } = event;
    const identity = JSON.stringify([product, eventType, username, String(timestamp)]);
    if (this.#seen.has(identity)) return false;
    this.#seen.add(identity);
    const start = timestamp - (timestamp % this.#windowNs);
    const groups = this.#windows.get(start) ?? new Map();
    this.#windows.set(start, groups);
    const key = JSON.stringify([product, eventType]);
    const totals = groups.get(key) ?? { group: event, events: 0, users: new Set() };
    groups.set(key, totals);
    totals.events++;
    totals.users.add(username);
    return true;
  }

  /** Sorted, in the form of `Influxd.points`. */
  points(): string[] {
    const points: string[] = [];
    for (const [start, groups] of this.#windows) {
      for (const { group, events, users } of groups.values()) {
        const tags = `event_type=${escapeTag(group.eventType)},product=${escapeTag(group.product)}`;
        points.push(`cumulative_user_event,${tags} value=${events} ${start}`);
        points.push(`unique_user_event,${tags} value=${users.size} ${start}`);
      }
    }
    return points.sort();
  }
}
