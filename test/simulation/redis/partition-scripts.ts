import { NONCE_BYTES, sameVersion, type Version } from '@weir/aggregator/log-codec';
import type {
  DirtyWindow,
  KnownLog,
  LogPart,
  PartitionStoreOptions,
  PartitionView,
  SealReply,
  WindowMeta,
  WindowReply,
  WindowsReply,
} from '@weir/aggregator/store/partition-store';
import type { StreamEntry } from '@weir/common/batch';
import type { Without } from './checks.ts';
import { oldWindows } from './fold-script.ts';
import type { PartitionState, WindowLog } from './partition-state.ts';
import { keyOf } from './stream.ts';

/** The scripts of one partition, fold.lua apart, over simulated state: one function each, each one atomic step. */
export interface AppendReply {
  appended: boolean;
  last: number;
  redisMs: number;
}

export interface Appending {
  sequence: number;
  afterGap: boolean;
  entry: Omit<StreamEntry, 'id'>;
}

/** append.lua, but for forgetting relays that are long gone; without a batch probe.lua, which only answers. */
export function append(
  state: PartitionState,
  incarnation: string,
  batch: Appending | undefined,
  nowMs: number,
  without: Without,
): AppendReply {
  const last = state.relays.get(incarnation) ?? 0;
  if (!batch) return { appended: false, last, redisMs: nowMs };
  const { sequence, afterGap, entry } = batch;
  const next = sequence === last + 1 || (afterGap && last < sequence) || without.has('sequence');
  if (!next) return { appended: false, last, redisMs: nowMs };
  state.stream.add(entry, nowMs);
  state.relays.set(incarnation, sequence);
  state.counters.received += entry.lineCount;
  state.counters.appendedEntries++;
  return { appended: true, last: sequence, redisMs: nowMs };
}

/** read-windows.lua */
export function readWindows(
  state: PartitionState,
  windows: readonly KnownLog[],
  maxBytes: number,
  options: PartitionStoreOptions,
  nowMs: number,
): WindowsReply {
  let budget = maxBytes;
  const replies = windows.map(({ startSec, version }): WindowReply => {
    const found = state.windows.get(startSec);
    const sealed = state.sealed.has(startSec);
    if (!found) return { kind: sealed ? 'sealed' : 'absent' };
    const part = partFrom(found, version, budget);
    budget = Math.max(0, budget - part.log.length);
    return sealed ? { kind: 'sealed', part } : { kind: 'open', ...part };
  });
  return { nowMs, seed: state.seed, openOldWindows: oldWindows(state, options, nowMs).openOld, windows: replies };
}

/** From where the caller's own bytes end, if the nonce that ends them stands there; else from the start. */
function partFrom(found: WindowLog, { length, nonce }: Version, budget: number): LogPart {
  const { log } = found;
  const stands =
    length >= NONCE_BYTES && length <= log.length && log.toString('hex', length - NONCE_BYTES, length) === nonce;
  const offset = stands ? length : 0;
  return { meta: metaOf(found), offset, log: log.subarray(offset, Math.min(log.length, offset + budget)) };
}

function metaOf({ version, openedMs }: WindowLog): WindowMeta {
  return { version, openedMs };
}

/** dirty.lua */
export function dirtyWindows(state: PartitionState, nowMs: number): { nowMs: number; windows: DirtyWindow[] } {
  const windows = [...state.dirty].map((startSec) => ({ startSec, meta: meta(state, startSec) }));
  return { nowMs, windows };
}

export function meta(state: PartitionState, startSec: number): WindowMeta | undefined {
  const found = state.windows.get(startSec);
  return found && metaOf(found);
}

/** publish.lua */
export function publish(
  state: PartitionState,
  startSec: number,
  totals: { version: Version; bytes: Buffer },
  stamp: string,
  without: Without,
): boolean {
  const found = state.windows.get(startSec);
  if (!found || !(sameVersion(found.version, totals.version) || without.has('publish-version'))) return false;
  state.totals.set(startSec, totals.bytes);
  state.published.set(startSec, totals.version);
  state.dirty.delete(startSec);
  state.stamp = stamp;
  return true;
}

/** observe.lua */
export function observe(state: PartitionState, stamp: string): PartitionView | undefined {
  if (state.stamp === stamp) return undefined;
  const open: PartitionView['open'] = new Map();
  for (const [startSec, { openedMs }] of state.windows) {
    open.set(startSec, { openedMs, published: state.published.get(startSec) });
  }
  return { stamp: state.stamp, birth: state.birth ?? '', open };
}

export interface Sealing {
  dueMs: number;
  foldedMs: number;
  birth: string;
  nowMs: number;
  stamp: string;
  without: Without;
}

/** seal.lua */
export function seal(
  state: PartitionState,
  startSec: number,
  { dueMs, foldedMs, birth, nowMs, stamp, without }: Sealing,
): SealReply {
  if (state.birth === undefined) {
    state.birth = stamp;
    state.stamp = stamp;
    return 'changed';
  }
  if (state.birth !== birth && !without.has('birth-before-seal')) return 'changed';
  if (state.sealed.has(startSec)) return 'sealed';
  if (nowMs < Math.ceil(dueMs)) return 'early';
  const { stream } = state;
  if (stream.exists && !without.has('folded-before-seal')) {
    if (!stream.group) return 'behind';
    const before = (key: number) => Math.floor(key / 1000) < Math.ceil(foldedMs);
    const { lastDelivered } = stream.group;
    const waiting = stream.entries.map(({ id }) => keyOf(id)).find((key) => key > lastDelivered);
    if (waiting !== undefined && before(waiting)) return 'behind';
    const pending = stream.oldestPending;
    if (pending !== undefined && before(pending)) return 'behind';
  }
  // The caller's idea of the time may be ahead; what comes after this moment comes after the seal.
  state.sealed.set(startSec, Math.min(foldedMs, nowMs));
  return 'sealed';
}

/** drop.lua */
export function drop(state: PartitionState, startSec: number, stamp: string): 'dropped' | 'gone' | 'not-sealed' {
  if (!state.sealed.has(startSec)) return 'not-sealed';
  const found = state.windows.get(startSec);
  if (!found) return 'gone';
  state.dropped.set(startSec, found.log);
  state.windows.delete(startSec);
  state.totals.delete(startSec);
  state.published.delete(startSec);
  state.dirty.delete(startSec);
  state.stamp = stamp;
  return 'dropped';
}

/** trim.lua */
export function trim(state: PartitionState): number {
  const { stream, suspects } = state;
  if (!stream.group) return 0;
  const keep = stream.oldestPending ?? stream.group.lastDelivered + 1;
  const before = stream.entries.length;
  stream.entries = stream.entries.filter(({ id }) => keyOf(id) >= keep);
  for (const id of [...suspects.keys()]) if (keyOf(id) < keep) suspects.delete(id);
  return before - stream.entries.length;
}

const SUSPECT_WAIT_MS = 60_000;

/** suspect.lua */
export function markSuspect(
  state: PartitionState,
  id: string,
  { incarnation, crashes: condemnAt, alive, nowMs }: Marking,
): 'process' | 'wait' | 'unreadable' {
  const mark = state.suspects.get(id);
  let crashes = mark?.crashes ?? 0;
  if (mark && mark.holder !== incarnation) {
    const lives = alive.includes(mark.holder);
    if (lives && Math.abs(nowMs - mark.markedMs) < SUSPECT_WAIT_MS) return 'wait';
    if (!lives) crashes++;
  }
  state.suspects.set(id, { holder: incarnation, crashes, markedMs: nowMs });
  return crashes >= condemnAt ? 'unreadable' : 'process';
}

export interface Marking {
  incarnation: string;
  crashes: number;
  alive: readonly string[];
  nowMs: number;
}
