import type { FoldLimits, FoldPlan } from '../fold-plan.ts';
import type { Version } from '../log-codec.ts';

/**
 * One partition's state as the aggregator sees it: every call is one atomic step in Redis, and says in its script what
 * it guarantees. This is the seam between the protocol's decisions and the world; a simulation stands in behind it.
 * All calls reject with a RedisFault, after which it is unknown whether the step was taken unless the fault says so.
 */
export interface PartitionStore {
  readonly partition: number;
  fold(plan: FoldPlan, seed: string): Promise<FoldReply>;
  /** `maxBytes` bounds the log bytes in the answer; any window's log may be cut short by it. */
  readWindows(windows: readonly KnownLog[], maxBytes: number): Promise<WindowsReply>;
  dirtyWindows(): Promise<{ nowMs: number; windows: DirtyWindow[] }>;
  publish(startSec: number, version: Version, totals: Buffer): Promise<boolean>;
  publishedTotals(startSec: number): Promise<Buffer | undefined>;
  /** The version and opening time of an open window, undefined when it is not open. */
  meta(startSec: number): Promise<WindowMeta | undefined>;
  /** Undefined when nothing changed since `stamp`. */
  observe(stamp: string): Promise<PartitionView | undefined>;
  /** `birth`: as the view had it on which the decision rests. */
  seal(startSec: number, seal: { dueMs: number; foldedMs: number; birth: string }): Promise<SealReply>;
  drop(startSec: number): Promise<'dropped' | 'gone' | 'not-sealed'>;
  trim(): Promise<number>;
}

/** 'changed': the partition has another birth than the one seen, or had none; look again. */
export type SealReply = 'sealed' | 'changed' | 'early' | 'behind';

export interface PartitionStoreOptions extends FoldLimits {
  prefix: string;
  chunkBytes: number;
  maxDeadBytes: number;
}

export type FoldReply =
  | { kind: 'folded'; nowMs: number; openOldWindows: number }
  /** Another key stands for this partition: everything known of it was computed with a wrong one. */
  | { kind: 'seed'; nowMs: number; seed: string }
  /** These were folded by somebody else, or are gone. */
  | { kind: 'pending'; nowMs: number; ids: string[] }
  | { kind: 'window'; nowMs: number; startSec: number }
  | { kind: 'verdict'; nowMs: number; openOldWindows: number };

export interface KnownLog {
  startSec: number;
  version: Version;
}

export interface WindowMeta {
  version: Version;
  /** When its first event was folded, by Redis's clock. */
  openedMs: number;
}

export interface LogPart {
  meta: WindowMeta;
  /** Where in the log the bytes begin: at the length known, or 0 when the log is not the one known. */
  offset: number;
  log: Buffer;
}

/** A sealed window keeps its log until its final record stands. */
export type WindowReply = { kind: 'absent' } | ({ kind: 'open' } & LogPart) | { kind: 'sealed'; part?: LogPart };

export interface WindowsReply {
  nowMs: number;
  /** Undefined until the first fold. */
  seed: string | undefined;
  openOldWindows: number;
  /** In the order asked for. */
  windows: WindowReply[];
}

export interface DirtyWindow {
  startSec: number;
  /** Undefined when the window is gone. */
  meta: WindowMeta | undefined;
}

/** The open windows of a partition and what of them is published. */
export interface PartitionView {
  stamp: string;
  /** Another one than before: the partition was emptied, and came into being again. '' where nothing ever was written. */
  birth: string;
  open: Map<number, { openedMs: number; published: Version | undefined }>;
}

export function formatVersion(version: Version): string {
  return `${version.length} ${version.nonce}`;
}

export function parseMeta(text: string): WindowMeta {
  const match = /^(\d+) ([0-9a-f]{32}) (\d+)$/.exec(text);
  if (!match) throw new RangeError(`not a window's version: ${text}`);
  return { version: { length: Number(match[1]), nonce: match[2]! }, openedMs: Number(match[3]) };
}

export function parseVersion(text: string): Version {
  const [length, nonce] = text.split(' ');
  return { length: Number(length), nonce: nonce ?? '' };
}
