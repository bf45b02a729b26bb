import type { IdlePage, ReadEntry } from '@weir/aggregator/entry-source';
import type { StreamEntry } from '@weir/common/batch';
import { RedisFault } from '@weir/common/redis-fault';

/**
 * A Redis stream with the one consumer group, as far as Weir uses it: the commands of t_stream.c over plain maps. Held to
 * a real Redis by the conformance test. A copy shares what never changes, so it is cheap.
 */
export interface Pending {
  readonly consumer: string;
  readonly deliveredMs: number;
  readonly deliveries: number;
}

interface Group {
  lastDelivered: number;
  /** By key. */
  pending: Map<number, Pending>;
}

/** Ids as numbers that sort like them: at most a thousand entries in one millisecond. */
export const keyOf = (id: string): number => {
  const dash = id.indexOf('-');
  return dash < 0 ? Number(id) * 1000 : Number(id.slice(0, dash)) * 1000 + Number(id.slice(dash + 1));
};
export const idOf = (key: number): string => `${Math.floor(key / 1000)}-${key % 1000}`;

export class SimStream {
  exists = false;
  entries: StreamEntry[] = [];
  lastKey = 0;
  group: Group | undefined;

  clone(): SimStream {
    const copy = new SimStream();
    copy.exists = this.exists;
    copy.entries = [...this.entries];
    copy.lastKey = this.lastKey;
    copy.group = this.group && { lastDelivered: this.group.lastDelivered, pending: new Map(this.group.pending) };
    return copy;
  }

  /** XADD with an id of its own making. */
  add(entry: Omit<StreamEntry, 'id'>, nowMs: number): string {
    const key = Math.max(nowMs * 1000, this.lastKey + 1);
    const id = idOf(key);
    this.exists = true;
    this.lastKey = key;
    this.entries.push({ ...entry, id });
    return id;
  }

  /** XGROUP CREATE … 0 MKSTREAM; a group that is there already is as good. */
  ensureGroup(): void {
    this.exists = true;
    this.group ??= { lastDelivered: 0, pending: new Map() };
  }

  /** XREADGROUP … > without BLOCK. */
  readNew(consumer: string, count: number, nowMs: number): ReadEntry[] {
    const group = this.#group();
    const found: ReadEntry[] = [];
    if (group.lastDelivered >= this.lastKey) return found;
    for (const entry of this.entries) {
      const key = keyOf(entry.id);
      if (key <= group.lastDelivered) continue;
      if (found.length === count) break;
      group.lastDelivered = key;
      group.pending.set(key, { consumer, deliveredMs: nowMs, deliveries: 1 });
      found.push(asRead(entry));
    }
    return found;
  }

  /** XREADGROUP with an id: what this consumer has pending after it. */
  readOwnPending(consumer: string, afterId: string, count: number, nowMs: number): ReadEntry[] {
    const after = keyOf(afterId);
    const found: ReadEntry[] = [];
    for (const [key, pending] of this.#pendingInOrder()) {
      if (key <= after || pending.consumer !== consumer) continue;
      if (found.length === count) break;
      const entry = this.#find(key);
      if (entry) this.#deliverAgain(key, consumer, nowMs);
      found.push(entry ? asRead(entry) : { id: idOf(key), entry: undefined, readable: false });
    }
    return found;
  }

  /** XPENDING, the summary. */
  pendingByConsumer(): Map<string, number> {
    const counts = new Map<string, number>();
    for (const { consumer } of this.#group().pending.values()) counts.set(consumer, (counts.get(consumer) ?? 0) + 1);
    return counts;
  }

  /** claim-from.lua */
  takeFrom(holder: string, count: number, consumer: string, nowMs: number): { ids: string[]; gone: string[] } {
    const { pending } = this.#group();
    const theirs = this.#pendingInOrder().filter(([, entry]) => entry.consumer === holder);
    const [ids, gone]: [string[], string[]] = [[], []];
    for (const [key, { deliveries }] of theirs.slice(0, count)) {
      ids.push(idOf(key));
      if (this.#find(key)) {
        pending.set(key, { consumer, deliveredMs: nowMs, deliveries });
      } else {
        pending.delete(key);
        gone.push(idOf(key));
      }
    }
    return { ids, gone };
  }

  /** XCLAIM with no idle time asked for. */
  claim(ids: readonly string[], consumer: string, nowMs: number): ReadEntry[] {
    const group = this.#group();
    return ids.flatMap((id) => {
      const key = keyOf(id);
      if (!group.pending.has(key)) return [];
      const entry = this.#find(key);
      if (!entry) {
        group.pending.delete(key);
        return [];
      }
      this.#deliverAgain(key, consumer, nowMs);
      return [asRead(entry)];
    });
  }

  /** XAUTOCLAIM: looks at no more than ten times as many as it may answer. */
  claimIdle(cursor: string, idleMs: number, count: number, consumer: string, nowMs: number): IdlePage {
    const from = keyOf(cursor);
    const page: IdlePage = { cursor: '0-0', entries: [], deletedIds: [] };
    let attempts = count * 10;
    for (const [key, pending] of this.#pendingInOrder()) {
      if (key < from) continue;
      if (attempts-- === 0 || page.entries.length + page.deletedIds.length === count) {
        page.cursor = idOf(key);
        break;
      }
      const entry = this.#find(key);
      if (!entry) {
        this.#group().pending.delete(key);
        page.deletedIds.push(idOf(key));
      } else if (nowMs - pending.deliveredMs >= idleMs) {
        this.#deliverAgain(key, consumer, nowMs);
        page.entries.push(asRead(entry));
      }
    }
    return page;
  }

  /** XPENDING first last COUNT consumer: how often each was delivered. */
  deliveries(consumer: string, ids: readonly string[]): Map<string, number> {
    const counts = new Map<string, number>();
    if (ids.length === 0) return counts;
    const [from, to] = [keyOf(ids[0]!), keyOf(ids.at(-1)!)];
    for (const [key, pending] of this.#pendingInOrder()) {
      if (key >= from && key <= to && pending.consumer === consumer) counts.set(idOf(key), pending.deliveries);
    }
    return counts;
  }

  isPending(id: string): boolean {
    return this.#group().pending.has(keyOf(id));
  }

  /** XACK: nothing where there is no group. */
  ack(id: string): void {
    this.group?.pending.delete(keyOf(id));
  }

  /** Of the entries that are delivered and not acked: the first. */
  get oldestPending(): number | undefined {
    let oldest: number | undefined;
    for (const key of this.group?.pending.keys() ?? []) if (oldest === undefined || key < oldest) oldest = key;
    return oldest;
  }

  /** Entries that are not acked yet, delivered or not. */
  get unfolded(): StreamEntry[] {
    return this.entries.filter(({ id }) => {
      const key = keyOf(id);
      return !this.group || key > this.group.lastDelivered || this.group.pending.has(key);
    });
  }

  #deliverAgain(key: number, consumer: string, nowMs: number): void {
    const { pending } = this.#group();
    pending.set(key, { consumer, deliveredMs: nowMs, deliveries: pending.get(key)!.deliveries + 1 });
  }

  #pendingInOrder(): [number, Pending][] {
    return [...this.#group().pending].sort(([a], [b]) => a - b);
  }

  #find(key: number): StreamEntry | undefined {
    const id = idOf(key);
    return this.entries.find((entry) => entry.id === id);
  }

  #group(): Group {
    if (this.group) return this.group;
    throw new RedisFault('redis-nogroup', 'NOGROUP no such key or consumer group', true, 'not-applied');
  }
}

function asRead(entry: StreamEntry): ReadEntry {
  return { id: entry.id, entry, readable: true };
}
