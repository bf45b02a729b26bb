import type { Clock } from '@weir/common/clock';
import { passingFault } from '@weir/common/redis-fault';
import type { GroupReader, ReadEntry } from './group-reader.ts';

/**
 * The entries of one partition for one sink, in their order across owners: a process that comes to own the partition first
 * takes over what dead consumers left pending, and reads new entries only once nobody else has older ones in hand, or may
 * still believe that the partition is his: a living owner learns of the others with each heartbeat. After a
 * start or a fault it first reads its own pending ones again, also where the partition is no longer its own. Nothing waits
 * in Redis for entries, so that no connection per sink is needed: a partition where there are none is asked less often.
 */
export interface OtherFeedOptions {
  reader: GroupReader;
  consumer: string;
  alive: () => readonly string[];
  claimIdleMs: number;
  /** Within so long every living process has heard who lives, or reads no more. */
  handoverMs: number;
  clock: Clock;
}

const CLAIM_EVERY_MS = 1_000;
const CLAIM_PAGE = 100;
const MAX_ENTRIES = 256;
/** A partition without entries is asked again after so long, and after longer each time. */
const MIN_IDLE_MS = 200;
const MAX_IDLE_MS = 1_000;
/** Before anything was read. */
const USUAL_ENTRY_BYTES = 64 * 1024;

export class OtherFeed {
  readonly #options: OtherFeedOptions;
  #hasGroup = false;
  /** There may be entries pending for this consumer. */
  #ownPending = true;
  /** Nobody else has entries in hand, as of when this partition became ours. */
  #settled = false;
  #ownedSinceMs: number | undefined;
  #claimAtMs = Number.NEGATIVE_INFINITY;
  /** Deleted from the stream while they were pending for somebody else. */
  #gone: ReadEntry[] = [];
  #idleMs = 0;
  #askAtMs = Number.NEGATIVE_INFINITY;
  #entryBytes = USUAL_ENTRY_BYTES;

  constructor(options: OtherFeedOptions) {
    this.#options = options;
  }

  /** The next entries, about so many bytes of them; not to be called again before they are acked. Rejects with a RedisFault. */
  async read(owned: boolean, bytes: number): Promise<ReadEntry[]> {
    const { reader } = this.#options;
    this.#own(owned);
    if (!owned && !this.#ownPending) return [];
    await this.#ensureGroup();
    const count = Math.max(1, Math.min(MAX_ENTRIES, Math.floor(bytes / this.#entryBytes)));
    if (owned) await this.#claim();
    if (this.#gone.length > 0) return this.#gone.splice(0);
    if (this.#ownPending) {
      const entries = await reader.readOwnPending('0', count);
      if (entries.length > 0) return this.#measured(entries);
      this.#ownPending = false;
    }
    return owned && this.#settled ? this.#readNew(count) : [];
  }

  #own(owned: boolean): void {
    if (owned) {
      this.#ownedSinceMs ??= this.#options.clock.monotonicMs();
    } else {
      this.#ownedSinceMs = undefined;
      this.#settled = false;
    }
  }

  async #readNew(count: number): Promise<ReadEntry[]> {
    const { reader, clock } = this.#options;
    if (clock.monotonicMs() < this.#askAtMs) return [];
    const entries = await reader.readNew(count);
    this.#idleMs = entries.length > 0 ? 0 : Math.min(MAX_IDLE_MS, Math.max(MIN_IDLE_MS, this.#idleMs * 2));
    this.#askAtMs = clock.monotonicMs() + this.#idleMs;
    return this.#measured(entries);
  }

  ack(ids: readonly string[]): Promise<void> {
    return this.#options.reader.ack(ids);
  }

  /** Redis was away, or is another one. */
  forget(): void {
    this.#hasGroup = false;
    this.#ownPending = true;
    this.#settled = false;
    this.#claimAtMs = Number.NEGATIVE_INFINITY;
    this.#askAtMs = Number.NEGATIVE_INFINITY;
  }

  async #ensureGroup(): Promise<void> {
    if (this.#hasGroup) return;
    try {
      await this.#options.reader.ensureGroup();
      this.#hasGroup = true;
    } catch (error) {
      // A full Redis refuses this also where the group is there; where it is not, the next read says so.
      if (passingFault(error)?.code !== 'redis-oom') throw error;
    }
  }

  /** Makes this consumer's what the dead left, and what the living have had for too long. */
  async #claim(): Promise<void> {
    const { reader, consumer, alive, claimIdleMs, handoverMs, clock } = this.#options;
    if (this.#settled && clock.monotonicMs() < this.#claimAtMs) return;
    this.#claimAtMs = clock.monotonicMs() + CLAIM_EVERY_MS;
    const living = new Set(alive());
    const alone = living.size === 0 || (living.size === 1 && living.has(consumer));
    const handedOver = alone || clock.monotonicMs() - (this.#ownedSinceMs ?? 0) >= handoverMs;
    let inOtherHands = 0;
    for (const [name, entries] of await reader.pendingByConsumer()) {
      if (name === consumer) continue;
      if (living.has(name)) {
        inOtherHands += entries;
        continue;
      }
      this.#ownPending = true;
      for (let left = entries; left > 0; left -= CLAIM_PAGE) this.#note(await reader.claimFrom(name, CLAIM_PAGE));
    }
    if (inOtherHands > 0) inOtherHands -= await this.#claimIdle(claimIdleMs);
    if (inOtherHands <= 0 && handedOver) this.#settled = true;
  }

  async #claimIdle(idleMs: number): Promise<number> {
    let [cursor, claimed] = ['0-0', 0];
    do {
      const page = await this.#options.reader.claimIdle(cursor, idleMs, CLAIM_PAGE);
      claimed += page.entries.length + page.deletedIds.length;
      this.#note(page.deletedIds.map((id) => ({ id, entry: undefined, readable: false })));
      cursor = page.cursor;
    } while (cursor !== '0-0');
    if (claimed > 0) this.#ownPending = true;
    return claimed;
  }

  /** What was claimed is read as this consumer's own, in its order; what is deleted would not be found there. */
  #note(claimed: readonly ReadEntry[]): void {
    this.#gone.push(...claimed.filter(({ entry }) => entry === undefined));
  }

  #measured(entries: ReadEntry[]): ReadEntry[] {
    const sizes = entries.map(({ entry }) => entry?.lines.length ?? 0);
    if (sizes.length > 0) this.#entryBytes = Math.max(1, sizes.reduce((sum, bytes) => sum + bytes, 0) / sizes.length);
    return entries;
  }
}
