import { type HashKey, parseHashKey } from '@weir/common/hash';
import type { FoldPlan, KnownWindow } from './fold-plan.ts';
import { GroupTable } from './group-table.ts';
import { NO_VERSION, sameVersion } from './log-codec.ts';
import type { KnownLog, LogPart, PartitionStore, WindowReply } from './store/partition-store.ts';
import { WindowState } from './window-state.ts';

/**
 * What this process believes of one partition. It is a cache of what stands in Redis: it may be dropped at any time, and
 * being wrong costs a refused fold, never a wrong number, because fold.lua checks every belief that matters.
 */
export interface PartitionMemoryOptions {
  store: PartitionStore;
  /** Proposed where the partition has no seed yet: 16 hex digits. */
  newSeed: () => string;
}

/** Log bytes asked for at first; doubled while an answer does not hold one whole record. */
const READ_BYTES = 256 * 1024;
const MAX_READ_BYTES = 256 * 1024 * 1024;
const WINDOWS_PER_READ = 64;
/** Sealed windows are remembered to save a look-up; beyond this many the oldest memory goes. */
const MAX_SEALED = 10_000;

export class PartitionMemory {
  readonly #store: PartitionStore;
  readonly #newSeed: () => string;
  /** In the order of last use: the first is the first to go. */
  readonly #windows = new Map<number, KnownWindow>();
  readonly #stale = new Set<number>();
  #seed = '';
  #key: HashKey = { k0: 0, k1: 0 };
  #groups = new GroupTable(this.#key);
  #openOldWindows = 0;
  #nowMs = 0;

  constructor({ store, newSeed }: PartitionMemoryOptions) {
    this.#store = store;
    this.#newSeed = newSeed;
  }

  get seed(): string {
    return this.#seed;
  }

  get key(): HashKey {
    return this.#key;
  }

  get groups(): GroupTable {
    return this.#groups;
  }

  get windows(): ReadonlyMap<number, KnownWindow> {
    return this.#windows;
  }

  /** As last heard from Redis. */
  get openOldWindows(): number {
    return this.#openOldWindows;
  }

  /** Redis's clock in its last answer, Unix milliseconds. */
  get nowMs(): number {
    return this.#nowMs;
  }

  get bytes(): number {
    let bytes = 0;
    for (const known of this.#windows.values()) {
      if (known.kind !== 'absent') bytes += known.state?.bytes ?? 0;
    }
    return bytes;
  }

  /** Learns the partition's seed, or proposes one. To be called before anything is digested. */
  async begin(): Promise<void> {
    const { seed, nowMs, openOldWindows } = await this.#store.readWindows([], 0);
    this.heard(nowMs, openOldWindows);
    if (seed !== undefined && seed !== this.#seed) this.reset(seed);
    else if (this.#seed === '') this.reset(this.#newSeed());
  }

  /** Forgets everything: it was computed with another key. */
  reset(seed: string): void {
    this.#seed = seed;
    this.#key = parseHashKey(seed);
    this.#groups = new GroupTable(this.#key);
    this.#windows.clear();
    this.#stale.clear();
  }

  heard(nowMs: number, openOldWindows?: number): void {
    this.#nowMs = nowMs;
    if (openOldWindows !== undefined) this.#openOldWindows = openOldWindows;
  }

  /** These windows are not as believed; `learn` will look again, from where their logs were known to. */
  doubt(starts: Iterable<number>): void {
    for (const startSec of starts) this.#stale.add(startSec);
  }

  forget(startSec: number): void {
    this.#windows.delete(startSec);
    this.#stale.delete(startSec);
  }

  /**
   * Makes sure that all of these windows are known as they stand in Redis at some moment during the call. Answers false
   * when the partition turned out to have another seed: then everything was forgotten, and digests must be made anew.
   */
  async learn(starts: Iterable<number>): Promise<boolean> {
    let wanted: number[] = [];
    for (const startSec of starts) {
      const known = this.#windows.get(startSec);
      if (known && !this.#stale.has(startSec)) this.#touch(startSec, known);
      else wanted.push(startSec);
    }
    let maxBytes = READ_BYTES;
    while (wanted.length > 0) {
      const page = wanted.slice(0, WINDOWS_PER_READ);
      const reply = await this.#store.readWindows(
        page.map((startSec) => this.#knownLog(startSec)),
        maxBytes,
      );
      this.heard(reply.nowMs, reply.openOldWindows);
      if (reply.seed !== undefined && reply.seed !== this.#seed) {
        this.reset(reply.seed);
        return false;
      }
      const unfinished: number[] = [];
      let progress = false;
      page.forEach((startSec, i) => {
        const outcome = this.#take(startSec, reply.windows[i]!);
        if (outcome !== 'stuck') progress = true;
        if (outcome !== 'known') unfinished.push(startSec);
      });
      wanted = [...unfinished, ...wanted.slice(page.length)];
      // One record can be larger than the answer was allowed to be.
      if (!progress) {
        if (maxBytes >= MAX_READ_BYTES) throw new RangeError(`no whole record in ${maxBytes} bytes of log`);
        maxBytes *= 2;
      }
    }
    return true;
  }

  /** Takes in what Redis confirmed. */
  apply(plan: FoldPlan): void {
    for (const claim of plan.windows) {
      if (claim.claim === 'absent' || claim.claim === 'open') {
        if (claim.delta) claim.state.confirm(claim.delta, this.#groups);
        this.#touch(claim.startSec, { kind: 'open', state: claim.state });
      } else if (claim.claim === 'refused') {
        this.#windows.delete(claim.startSec);
      }
    }
  }

  /** Lets go of the least recently used windows until at most `maxBytes` are held. Returns how many went. */
  shrink(maxBytes: number): number {
    let excess = this.bytes - maxBytes;
    let evicted = 0;
    for (const [startSec, known] of this.#windows) {
      if (excess <= 0) break;
      if (known.kind === 'absent' || !known.state) continue;
      excess -= known.state.bytes;
      this.forget(startSec);
      evicted++;
    }
    return evicted;
  }

  #knownLog(startSec: number): KnownLog {
    const known = this.#windows.get(startSec);
    const state = known && known.kind !== 'absent' ? known.state : undefined;
    return { startSec, version: state?.version ?? NO_VERSION };
  }

  #take(startSec: number, reply: WindowReply): 'known' | 'partly' | 'stuck' {
    const part = reply.kind === 'open' ? reply : reply.kind === 'sealed' ? reply.part : undefined;
    if (!part) {
      this.#stale.delete(startSec);
      this.#touch(startSec, { kind: reply.kind === 'sealed' ? 'sealed' : 'absent' });
      this.#boundSealed();
      return 'known';
    }
    const { state, advanced } = this.#replay(startSec, part);
    this.#touch(startSec, { kind: reply.kind === 'sealed' ? 'sealed' : 'open', state });
    if (sameVersion(state.version, part.meta.version)) {
      this.#stale.delete(startSec);
      return 'known';
    }
    this.#stale.add(startSec);
    return advanced ? 'partly' : 'stuck';
  }

  #replay(startSec: number, { offset, log }: LogPart): { state: WindowState; advanced: boolean } {
    const known = this.#windows.get(startSec);
    let state = known && known.kind !== 'absent' ? known.state : undefined;
    // An answer from another offset than ours means that our nonce does not stand there: rebuild from nothing.
    if (!state || state.version.length !== offset) state = new WindowState(startSec);
    const before = state.version.length;
    if (offset === before) state.replay(log, this.#groups);
    return { state, advanced: state.version.length > before };
  }

  #touch(startSec: number, known: KnownWindow): void {
    this.#windows.delete(startSec);
    this.#windows.set(startSec, known);
  }

  #boundSealed(): void {
    if (this.#windows.size <= MAX_SEALED) return;
    for (const [startSec, known] of this.#windows) {
      if (known.kind === 'sealed' && !known.state) {
        this.#windows.delete(startSec);
        return;
      }
    }
  }
}
