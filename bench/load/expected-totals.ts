import type { Totals } from '@weir/common/event';
import { type EventPool, groupName } from './event-pool.ts';

/** What a system must have counted, worked out from which bodies of a pool were sent for which window. Pure. */
export class ExpectedTotals {
  readonly #pool: EventPool;
  /** Window → how often each body was sent for it. */
  readonly #sent = new Map<number, Uint32Array>();
  #events = 0;

  constructor(pool: EventPool) {
    this.#pool = pool;
  }

  get events(): number {
    return this.#events;
  }

  add(windowSec: number, body: number): void {
    let sent = this.#sent.get(windowSec);
    if (!sent) {
      sent = new Uint32Array(this.#pool.bodies.length);
      this.#sent.set(windowSec, sent);
    }
    sent[body]!++;
    this.#events += this.#pool.linesPerBody;
  }

  /** What was sent besides, of the same pool. */
  merge(other: ExpectedTotals): void {
    for (const [windowSec, sent] of other.#sent) {
      for (const [body, times] of sent.entries()) {
        for (let i = 0; i < times; i++) this.add(windowSec, body);
      }
    }
  }

  /** By `totalsKey`. */
  totals(): Map<string, Totals> {
    const all = new Map<string, Totals>();
    for (const [windowSec, sent] of this.#sent) {
      for (const [group, totals] of this.#totalsOf(sent)) {
        const { eventType, product } = groupName(group);
        all.set(totalsKey({ windowSec, eventType, product }), totals);
      }
    }
    return all;
  }

  #totalsOf(sent: Uint32Array): Map<number, Totals> {
    const pool = this.#pool;
    const seen = new Uint8Array(pool.shape.pairs);
    const byGroup = new Map<number, Totals>();
    for (const [body, times] of sent.entries()) {
      if (times === 0) continue;
      for (let line = 0; line < pool.linesPerBody; line++) {
        const pair = pool.pairOf(body, line);
        const group = pool.groupOf(pair);
        let totals = byGroup.get(group);
        if (!totals) {
          totals = { events: 0, users: 0 };
          byGroup.set(group, totals);
        }
        totals.events += times;
        if (seen[pair] === 0) totals.users++;
        seen[pair] = 1;
      }
    }
    return byGroup;
  }
}

export function totalsKey(of: { windowSec: number; eventType: string; product: string }): string {
  return `${of.windowSec} ${of.eventType} ${of.product}`;
}

/** Throws, with the first few of them, where groups differ. */
export function expectTotals(what: string, held: ReadonlyMap<string, Totals>, expected: ReadonlyMap<string, Totals>) {
  const faults: string[] = [];
  for (const key of new Set([...expected.keys(), ...held.keys()])) {
    const [is, should] = [held.get(key), expected.get(key)].map((totals) =>
      totals ? `${totals.events} events of ${totals.users} users` : 'nothing',
    );
    if (is !== should) faults.push(`${key}: ${is}, expected ${should}`);
  }
  if (faults.length === 0) return;
  throw new Error(`${what} counted ${faults.length} groups wrong:\n${faults.slice(0, 5).join('\n')}`);
}
