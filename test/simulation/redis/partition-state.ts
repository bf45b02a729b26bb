import type { DeadReason } from '@weir/aggregator/fold-plan';
import type { Version } from '@weir/aggregator/log-codec';
import { SimStream } from './stream.ts';

/**
 * Everything Redis holds of one partition, key by key (keys.ts), plus what only the simulation knows: the logs that were
 * freed, and which batches came. Values are never changed in place, so a copy of the maps is a snapshot, and going back to
 * one is what a rollback of Redis does.
 */
export interface WindowLog {
  readonly log: Buffer;
  readonly version: Version;
  readonly openedMs: number;
}

export interface DeadRecord {
  readonly reason: DeadReason;
  readonly entryId: string;
  readonly batch: string;
  readonly receivedMs: number;
  readonly lineCount: number;
  readonly lines: Buffer;
}

export interface Counters {
  received: number;
  appendedEntries: number;
  counted: number;
  duplicate: number;
  foldedEntries: number;
  deadLetters: number;
  deadBytes: number;
  deadDropped: number;
}

/** A batch as it was appended. */
export interface AppendedBatch {
  readonly partition: number;
  readonly incarnation: string;
  readonly sequence: number;
  readonly lines: Buffer;
  /** When, by Redis's clock. */
  readonly atMs: number;
}

export interface SealedBy {
  /** The relays it knew of. */
  readonly relays: ReadonlySet<string>;
  /** They had to be drained past this moment, of Redis's clock. */
  readonly dueMs: number;
}

export class PartitionState {
  stream = new SimStream();
  /** Incarnation → last sequence. */
  relays = new Map<string, number>();
  counters: Counters = {
    received: 0,
    appendedEntries: 0,
    counted: 0,
    duplicate: 0,
    foldedEntries: 0,
    deadLetters: 0,
    deadBytes: 0,
    deadDropped: 0,
  };
  deadCounts = new Map<DeadReason, number>();
  dead: DeadRecord[] = [];
  seed: string | undefined;
  birth: string | undefined;
  windows = new Map<number, WindowLog>();
  /** With what the seal asked for: entries appended before this moment (ms) are folded. */
  sealed = new Map<number, number>();
  /** What whoever sealed a window went by. */
  sealings = new Map<number, SealedBy>();
  suspects = new Map<string, { holder: string; crashes: number; markedMs: number }>();
  dirty = new Set<number>();
  published = new Map<number, Version>();
  totals = new Map<number, Buffer>();
  stamp = '';
  /** Logs of windows that were dropped: what the final records must be the sum of. */
  dropped = new Map<number, Buffer>();
  /** The batches that were appended, by name, trimmed or not. */
  appended = new Set<string>();

  clone(): PartitionState {
    const copy = new PartitionState();
    copy.stream = this.stream.clone();
    copy.relays = new Map(this.relays);
    copy.counters = { ...this.counters };
    copy.deadCounts = new Map(this.deadCounts);
    copy.dead = [...this.dead];
    copy.seed = this.seed;
    copy.birth = this.birth;
    copy.windows = new Map(this.windows);
    copy.sealed = new Map(this.sealed);
    copy.sealings = new Map(this.sealings);
    copy.suspects = new Map(this.suspects);
    copy.dirty = new Set(this.dirty);
    copy.published = new Map(this.published);
    copy.totals = new Map(this.totals);
    copy.stamp = this.stamp;
    copy.dropped = new Map(this.dropped);
    copy.appended = new Set(this.appended);
    return copy;
  }

  /** Lines received, and lines of which the books tell what became of them. */
  get ledger(): { received: number; told: number } {
    const { received, counted, duplicate } = this.counters;
    let told = counted + duplicate;
    for (const lines of this.deadCounts.values()) told += lines;
    for (const { lineCount } of this.stream.unfolded) told += lineCount;
    return { received, told };
  }
}
