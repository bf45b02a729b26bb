import type { FoldPlan, WindowClaim } from '@weir/aggregator/fold-plan';
import { NO_VERSION, NONCE_BYTES, sameVersion, type Version } from '@weir/aggregator/log-codec';
import type {
  DirtyWindow,
  FoldReply,
  KnownLog,
  PartitionStore,
  PartitionView,
  SealReply,
  WindowMeta,
  WindowReply,
  WindowsReply,
} from '@weir/aggregator/store/partition-store';

/**
 * One partition's state in memory, for tests of what is decided above it: it follows the scripts in what it answers, but
 * a test may look at everything, change everything between two steps, and make any step fail. That the scripts
 * themselves do as they say is tested on a real Redis.
 */
export class FakePartitionStore implements PartitionStore {
  readonly partition: number;
  nowMs = 1_478_510_040_000;
  seed: string | undefined;
  birth: string | undefined;
  openOldWindows = 0;
  /** Entry ids that are pending. */
  readonly pending = new Set<string>();
  readonly logs = new Map<number, { log: Buffer; openedMs: number }>();
  readonly sealed = new Set<number>();
  readonly published = new Map<number, { version: Version; totals: Buffer }>();
  readonly folds: FoldPlan[] = [];
  readonly reads: { windows: readonly KnownLog[]; maxBytes: number }[] = [];
  counted = 0;
  /** What `seal` answers for windows that are not sealed yet; 'sealed' seals them. */
  sealAnswer: 'sealed' | 'early' | 'behind' = 'sealed';
  /** Called before every step, with its name: throw to make it fail, change anything to make others meddle. */
  before: (step: string) => void = () => undefined;
  /** Called after a fold was applied: throw to lose its reply. */
  afterFold: () => void = () => undefined;
  #stamp = 0;

  constructor(partition = 0) {
    this.partition = partition;
  }

  async fold(plan: FoldPlan, seed: string): Promise<FoldReply> {
    this.before('fold');
    const { nowMs } = this;
    if (this.seed !== undefined && this.seed !== seed) return { kind: 'seed', nowMs, seed: this.seed };
    const ids = plan.items.map(({ entry }) => entry.id).filter((id) => !this.pending.has(id));
    if (ids.length > 0) return { kind: 'pending', nowMs, ids };
    const wrong = plan.windows.find((claim) => !this.#holds(claim));
    if (wrong) return { kind: 'window', nowMs, startSec: wrong.startSec };
    this.seed = seed;
    for (const claim of plan.windows) {
      const record = 'delta' in claim ? claim.delta?.record : undefined;
      if (record) this.append(claim.startSec, record);
    }
    for (const { entry } of plan.items) this.pending.delete(entry.id);
    this.counted += plan.counted;
    this.folds.push(plan);
    this.afterFold();
    return { kind: 'folded', nowMs, openOldWindows: this.openOldWindows };
  }

  async readWindows(windows: readonly KnownLog[], maxBytes: number): Promise<WindowsReply> {
    this.before('readWindows');
    this.reads.push({ windows, maxBytes });
    let budget = maxBytes;
    const replies = windows.map(({ startSec, version }): WindowReply => {
      const sealed = this.sealed.has(startSec);
      const found = this.logs.get(startSec);
      if (!found) return { kind: sealed ? 'sealed' : 'absent' };
      const { log, openedMs } = found;
      const known = version.length >= NONCE_BYTES && log.toString('hex', version.length - NONCE_BYTES, version.length);
      const offset = known === version.nonce ? version.length : 0;
      const bytes = log.subarray(offset, offset + budget);
      budget -= bytes.length;
      const part = { meta: { version: this.version(startSec), openedMs }, offset, log: bytes };
      return sealed ? { kind: 'sealed', part } : { kind: 'open', ...part };
    });
    return { nowMs: this.nowMs, seed: this.seed, openOldWindows: this.openOldWindows, windows: replies };
  }

  async dirtyWindows(): Promise<{ nowMs: number; windows: DirtyWindow[] }> {
    this.before('dirtyWindows');
    const windows = [...this.logs.keys()]
      .filter((startSec) => !sameVersion(this.published.get(startSec)?.version ?? NO_VERSION, this.version(startSec)))
      .map((startSec) => ({ startSec, meta: this.#meta(startSec) }));
    return { nowMs: this.nowMs, windows };
  }

  async publish(startSec: number, version: Version, totals: Buffer): Promise<boolean> {
    this.before('publish');
    if (!this.logs.has(startSec) || !sameVersion(version, this.version(startSec))) return false;
    this.published.set(startSec, { version, totals });
    this.#stamp++;
    return true;
  }

  async publishedTotals(startSec: number): Promise<Buffer | undefined> {
    this.before('publishedTotals');
    return this.published.get(startSec)?.totals;
  }

  async meta(startSec: number): Promise<WindowMeta | undefined> {
    this.before('meta');
    return this.#meta(startSec);
  }

  async observe(stamp: string): Promise<PartitionView | undefined> {
    this.before('observe');
    if (stamp === String(this.#stamp)) return undefined;
    const open = new Map(
      [...this.logs].map(([startSec, { openedMs }]) => [
        startSec,
        { openedMs, published: this.published.get(startSec)?.version },
      ]),
    );
    return { stamp: String(this.#stamp), birth: this.birth ?? '', open };
  }

  async seal(
    startSec: number,
    { dueMs, birth }: { dueMs: number; foldedMs: number; birth: string },
  ): Promise<SealReply> {
    this.before('seal');
    if (this.birth === undefined) {
      this.birth = 'drawn by a seal';
      this.#stamp++;
      return 'changed';
    }
    if (birth !== this.birth) return 'changed';
    if (this.sealed.has(startSec)) return 'sealed';
    if (this.nowMs < dueMs) return 'early';
    if (this.sealAnswer === 'sealed') this.sealed.add(startSec);
    return this.sealAnswer;
  }

  async drop(startSec: number): Promise<'dropped' | 'gone' | 'not-sealed'> {
    this.before('drop');
    if (!this.sealed.has(startSec)) return 'not-sealed';
    this.published.delete(startSec);
    this.#stamp++;
    return this.logs.delete(startSec) ? 'dropped' : 'gone';
  }

  async trim(): Promise<number> {
    return 0;
  }

  /** Length and last nonce of a window's log. */
  version(startSec: number): Version {
    const log = this.logs.get(startSec)?.log;
    return log ? { length: log.length, nonce: log.toString('hex', log.length - NONCE_BYTES) } : NO_VERSION;
  }

  append(startSec: number, record: Buffer): void {
    const before = this.logs.get(startSec);
    if (!before) this.#stamp++;
    this.logs.set(startSec, {
      log: before ? Buffer.concat([before.log, record]) : record,
      openedMs: before?.openedMs ?? this.nowMs,
    });
  }

  #meta(startSec: number): WindowMeta | undefined {
    const openedMs = this.logs.get(startSec)?.openedMs;
    return openedMs === undefined ? undefined : { version: this.version(startSec), openedMs };
  }

  #holds(claim: WindowClaim): boolean {
    const sealed = this.sealed.has(claim.startSec);
    if (claim.claim === 'sealed') return sealed;
    if (claim.claim !== 'open') return !sealed && !this.logs.has(claim.startSec);
    return !sealed && sameVersion(claim.version, this.version(claim.startSec));
  }
}
