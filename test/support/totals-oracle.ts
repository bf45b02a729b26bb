import { windowStartSec } from '@weir/common/window';
import type { TestEvent } from './event-lines.ts';

/**
 * What Weir must come to, computed the plain way: a Map of groups, a Set of events and a Set of users in each. Names
 * are joined as JSON, which keeps any two apart.
 */
export interface OracleTotals {
  events: number;
  users: number;
}

export class TotalsOracle {
  readonly #windowSec: number;
  readonly #groups = new Map<string, { events: Set<string>; users: Set<string> }>();

  constructor(windowSec: number) {
    this.#windowSec = windowSec;
  }

  /** Content identity: the same event again changes nothing. True when it was new. */
  add({ eventType, product, username, sec, nanos = 0, id }: TestEvent): boolean {
    const name = groupKey(windowStartSec(sec, this.#windowSec), eventType, product);
    let group = this.#groups.get(name);
    if (!group) {
      group = { events: new Set(), users: new Set() };
      this.#groups.set(name, group);
    }
    const before = group.events.size;
    group.events.add(JSON.stringify([username, sec, nanos, id ?? null]));
    group.users.add(username);
    return group.events.size > before;
  }

  /** By `groupKey`. */
  get totals(): Map<string, OracleTotals> {
    return new Map(
      [...this.#groups].map(([name, { events, users }]) => [name, { events: events.size, users: users.size }]),
    );
  }

  get windows(): Set<number> {
    return new Set([...this.#groups.keys()].map((name) => JSON.parse(name)[0] as number));
  }
}

export function groupKey(startSec: number, eventType: string, product: string): string {
  return JSON.stringify([startSec, eventType, product]);
}
