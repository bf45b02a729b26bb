import type { StreamEntry } from '@weir/common/batch';
import type { Digest } from './digest.ts';
import type { Version } from './log-codec.ts';
import { DeltaBuilder, type WindowDelta, WindowState } from './window-state.ts';

/**
 * Decides what folding some stream entries means, against what this process believes of the windows they touch. Pure:
 * it changes nothing but what is proposed in the windows' tables (window-state.ts). The plan carries every belief it rests
 * on as a claim, and the fold script checks all of them before its first write; a plan that was made from stale beliefs is
 * refused as a whole and made again.
 */
export type KnownWindow =
  /** With its state as long as its log is kept: its totals may still have to be published. */
  | { readonly kind: 'sealed'; readonly state?: WindowState }
  | { readonly kind: 'absent' }
  | { readonly kind: 'open'; readonly state: WindowState };

export type DeadReason = 'late' | 'too-many-windows' | 'window-full' | 'unreadable';

/** One entry to fold: digested, or without a digest because it is unreadable as a whole. */
export interface FoldItem {
  readonly entry: StreamEntry;
  readonly digest?: Digest;
  /** Processed alone because it was delivered too often; its mark is taken away with the fold. */
  readonly suspect?: boolean;
}

export interface FoldLimits {
  windowSec: number;
  latenessMs: number;
  /** Open windows older than lateness, per partition. */
  maxOldWindows: number;
  /** A log this long takes no new event. */
  maxLogBytes: number;
}

export interface FoldContext {
  limits: FoldLimits;
  /** Redis's clock. */
  nowMs: number;
  /** How many open windows of the partition are older than lateness, as last heard. */
  openOldWindows: number;
  /** 16 fresh random bytes. */
  nonce: () => Uint8Array;
}

/** What the plan believes of a window, and what it adds to it. Every window that any line falls in has a claim. */
export type WindowClaim =
  | { readonly startSec: number; readonly claim: 'sealed' | 'refused' }
  | { readonly startSec: number; readonly claim: 'absent'; readonly delta: WindowDelta; readonly state: WindowState }
  | {
      readonly startSec: number;
      readonly claim: 'open';
      readonly version: Version;
      readonly delta: WindowDelta | undefined;
      readonly state: WindowState;
    };

/** One per source entry and reason. */
export interface DeadLetter {
  readonly entry: StreamEntry;
  readonly reason: DeadReason;
  readonly lineCount: number;
  /** Raw lines, each ended by a newline. */
  readonly lines: Buffer;
}

export interface FoldPlan {
  readonly items: readonly FoldItem[];
  readonly windows: readonly WindowClaim[];
  readonly deadLetters: readonly DeadLetter[];
  readonly counted: number;
  readonly duplicates: number;
}

/** A window is old once lateness has passed since its end. Only old windows are bounded in number. */
export function isOldWindow(startSec: number, nowMs: number, limits: FoldLimits): boolean {
  return (startSec + limits.windowSec) * 1000 + limits.latenessMs < nowMs;
}

/** The windows a plan for these items needs to know. */
export function windowsTouched(items: readonly FoldItem[]): Set<number> {
  const starts = new Set<number>();
  for (const { digest } of items) {
    if (digest) for (const startSec of digest.windows) starts.add(startSec);
  }
  return starts;
}

interface Working {
  readonly startSec: number;
  readonly known: KnownWindow;
  readonly builder: DeltaBuilder | undefined;
  readonly state: WindowState | undefined;
  readonly verdict: 'late' | 'too-many-windows' | 'window-full' | 'open';
}

export function planFold(
  items: readonly FoldItem[],
  windows: ReadonlyMap<number, KnownWindow>,
  context: FoldContext,
): FoldPlan {
  const working = new Map<number, Working>();
  const deadLetters: DeadLetter[] = [];
  let opening = 0;
  let counted = 0;
  let duplicates = 0;

  const open = (startSec: number): Working => {
    const known = windows.get(startSec);
    if (!known) throw new Error(`window ${startSec} was not looked up before planning`);
    if (known.kind === 'sealed') return { startSec, known, builder: undefined, state: undefined, verdict: 'late' };
    if (known.kind === 'absent' && isOldWindow(startSec, context.nowMs, context.limits)) {
      if (context.openOldWindows + opening >= context.limits.maxOldWindows) {
        return { startSec, known, builder: undefined, state: undefined, verdict: 'too-many-windows' };
      }
      opening++;
    }
    const state = known.kind === 'open' ? known.state : new WindowState(startSec);
    const full = state.version.length >= context.limits.maxLogBytes;
    return { startSec, known, builder: new DeltaBuilder(state), state, verdict: full ? 'window-full' : 'open' };
  };

  for (const item of items) {
    const { digest, entry } = item;
    if (!digest) {
      deadLetters.push({ entry, reason: 'unreadable', lineCount: entry.lineCount, lines: entry.lines });
      continue;
    }
    const resolved = digest.windows.map((startSec) => {
      let window = working.get(startSec);
      if (!window) {
        window = open(startSec);
        working.set(startSec, window);
      }
      return window;
    });
    const dead: Record<Exclude<Working['verdict'], 'open'>, number[]> = {
      late: [],
      'too-many-windows': [],
      'window-full': [],
    };
    for (let i = 0; i < digest.length; i++) {
      const { builder, verdict } = resolved[digest.window[i]!]!;
      const hi = digest.identityHi[i]!;
      const lo = digest.identityLo[i]!;
      if (verdict === 'open') {
        if (builder!.add(digest.group[i]!, hi, lo, digest.userHi[i]!, digest.userLo[i]!)) counted++;
        else duplicates++;
      } else if (verdict === 'window-full' && builder!.isDuplicate(hi, lo)) {
        duplicates++;
      } else {
        dead[verdict].push(i);
      }
    }
    for (const reason of ['late', 'too-many-windows', 'window-full'] as const) {
      const lines = dead[reason].map((i) => ({ start: digest.lineStart[i]!, end: digest.lineEnd[i]! }));
      if (lines.length > 0) deadLetters.push(deadLetter(entry, reason, lines));
    }
    if (digest.unreadable.length > 0) deadLetters.push(deadLetter(entry, 'unreadable', digest.unreadable));
  }

  const claims: WindowClaim[] = [];
  for (const window of working.values()) claims.push(claimOf(window, context.nonce));
  return { items, windows: claims, deadLetters, counted, duplicates };
}

function claimOf({ startSec, known, builder, state, verdict }: Working, nonce: () => Uint8Array): WindowClaim {
  if (verdict === 'late') return { startSec, claim: 'sealed' };
  if (verdict === 'too-many-windows') return { startSec, claim: 'refused' };
  const delta = builder!.build(nonce());
  if (known.kind === 'open') return { startSec, claim: 'open', version: known.state.version, delta, state: state! };
  // The first line of an absent window is always new: an absent window is opened by at least one event.
  return { startSec, claim: 'absent', delta: delta!, state: state! };
}

function deadLetter(
  entry: StreamEntry,
  reason: DeadReason,
  lines: readonly { start: number; end: number }[],
): DeadLetter {
  let bytes = 0;
  for (const { start, end } of lines) bytes += end - start + 1;
  const out = Buffer.allocUnsafe(bytes);
  let at = 0;
  for (const { start, end } of lines) {
    at += entry.lines.copy(out, at, start, end);
    out[at++] = 10;
  }
  return { entry, reason, lineCount: lines.length, lines: out };
}
