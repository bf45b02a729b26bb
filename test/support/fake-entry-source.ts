import type { EntrySource, IdlePage, ReadEntry } from '@weir/aggregator/entry-source';
import type { StreamEntry } from '@weir/common/batch';

/**
 * A stream and its consumer group in memory, as one consumer sees it. What is pending may be shared with the partition's
 * fake store, which acks what it folds.
 */
export class FakeEntrySource implements EntrySource {
  readonly #store: { readonly pending: Set<string> };
  readonly #consumer: string;
  readonly #stream: ReadEntry[] = [];
  readonly #held = new Map<string, { holder: string; deliveries: number; idleMs: number }>();
  #waiting: (() => void) | undefined;
  #delivered = 0;
  readonly calls: string[] = [];
  readonly acked: string[] = [];
  /** What `markSuspect` answers. */
  verdict: 'process' | 'wait' | 'unreadable' = 'process';
  /** Called before every call, with its name: throw to make it fail. */
  before: (call: string) => void = () => undefined;

  constructor(store: { readonly pending: Set<string> }, consumer: string) {
    this.#store = store;
    this.#consumer = consumer;
  }

  append(entry: StreamEntry, fields: Partial<ReadEntry> = {}): void {
    this.#stream.push({ id: entry.id, entry, readable: true, ...fields });
    this.#wake();
  }

  /** Delivered before, to somebody, who did not ack it. */
  deliverTo(holder: string, entry: StreamEntry, { deliveries = 1, idleMs = 0, ...fields } = {}): void {
    if (this.#delivered !== this.#stream.length) throw new Error('older entries are not delivered yet');
    this.#stream.push({ id: entry.id, entry, readable: true, ...fields });
    this.#delivered++;
    this.#hold(entry.id, holder, deliveries);
    this.#held.get(entry.id)!.idleMs = idleMs;
  }

  /** Deletes an entry from the stream; it stays pending. */
  delete(id: string): void {
    const at = this.#stream.findIndex((read) => read.id === id);
    this.#stream[at] = { id, entry: undefined, readable: false };
  }

  get pending(): readonly string[] {
    return [...this.#store.pending].sort();
  }

  async ensureGroup(): Promise<void> {
    this.#call('ensureGroup');
  }

  async readNew(count: number, blockMs?: number): Promise<ReadEntry[]> {
    this.#call('readNew');
    if (blockMs !== undefined && this.#delivered === this.#stream.length) {
      await new Promise<void>((resolve) => {
        this.#waiting = resolve;
      });
    }
    this.before('readNew ends');
    const entries = this.#stream.slice(this.#delivered, this.#delivered + count);
    this.#delivered += entries.length;
    for (const { id } of entries) this.#hold(id, this.#consumer, 1);
    return entries;
  }

  async readOwnPending(afterId: string, count: number): Promise<ReadEntry[]> {
    this.#call('readOwnPending');
    return this.#take(
      this.#pendingOf(this.#consumer)
        .filter(({ id }) => Number(id.split('-')[0]) > Number(afterId.split('-')[0]))
        .slice(0, count),
    );
  }

  async pendingByConsumer(): Promise<Map<string, number>> {
    this.#call('pendingByConsumer');
    const counts = new Map<string, number>();
    for (const id of this.#store.pending) {
      const { holder } = this.#held.get(id)!;
      counts.set(holder, (counts.get(holder) ?? 0) + 1);
    }
    return counts;
  }

  async claimFrom(consumer: string, count: number): Promise<ReadEntry[]> {
    this.#call(`claimFrom ${consumer}`);
    return this.#take(this.#pendingOf(consumer).slice(0, count));
  }

  async claimIdle(_cursor: string, idleMs: number, count: number): Promise<IdlePage> {
    this.#call('claimIdle');
    const idle = this.#stream.filter(({ id }) => this.#store.pending.has(id) && this.#held.get(id)!.idleMs >= idleMs);
    return { cursor: '0-0', entries: this.#take(idle.slice(0, count)), deletedIds: [] };
  }

  async deliveries(ids: readonly string[]): Promise<Map<string, number>> {
    return new Map(ids.map((id) => [id, this.#held.get(id)!.deliveries]));
  }

  async markSuspect(id: string): Promise<'process' | 'wait' | 'unreadable'> {
    this.#call(`markSuspect ${id}`);
    return this.verdict;
  }

  async ack(ids: readonly string[]): Promise<void> {
    for (const id of ids) {
      this.acked.push(id);
      this.#store.pending.delete(id);
    }
  }

  async unblock(): Promise<void> {
    this.#wake();
  }

  #pendingOf(consumer: string): ReadEntry[] {
    return this.#stream.filter(({ id }) => this.#store.pending.has(id) && this.#held.get(id)!.holder === consumer);
  }

  #take(entries: ReadEntry[]): ReadEntry[] {
    for (const { id } of entries) this.#hold(id, this.#consumer, this.#held.get(id)!.deliveries + 1);
    return entries;
  }

  #hold(id: string, holder: string, deliveries: number): void {
    this.#store.pending.add(id);
    this.#held.set(id, { holder, deliveries, idleMs: 0 });
  }

  #wake(): void {
    this.#waiting?.();
    this.#waiting = undefined;
  }

  #call(name: string): void {
    this.before(name);
    this.calls.push(name);
  }
}
