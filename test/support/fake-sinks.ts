import { pointName } from '@weir/aggregator/flush-plan';
import type { Version } from '@weir/aggregator/log-codec';
import type { FinalStore, FinalsView } from '@weir/aggregator/store/final-store';
import type { Refusal, RefusalKind } from '@weir/aggregator/store/refused-store';
import type { SinkBooks, WindowBooks, WriteIntent } from '@weir/aggregator/store/sink-books';
import { PointLines } from '@weir/common/line-encode';
import { DEFAULT_SHAPE } from '@weir/common/point-shape';
import type { LinesResult, RejectedPoint, Sink, SinkPoint, SinkWindow, WriteResult } from '@weir/sinks/sink';

const LINES = new PointLines(DEFAULT_SHAPE);

/** A sink in memory: a test sees every write, says what it holds, and makes reads and writes fail. */
export class FakeSink implements Sink {
  readonly name: string;
  readonly readable: boolean;
  readonly held = new Map<number, Map<string, SinkPoint>>();
  readonly writes: { startSec: number; points: readonly SinkPoint[] }[] = [];
  /** Other lines, in the order they were taken. */
  readonly lines: string[] = [];
  reads = 0;
  /** Called before a write takes effect, and before a read: throw to fail it. */
  beforeWrite: (startSec: number) => void | Promise<void> = () => undefined;
  beforeRead: (startSec: number) => void | Promise<void> = () => undefined;
  /** Called after a write took effect: change what is held, or throw to lose the answer. */
  afterWrite: (startSec: number) => void = () => undefined;
  refuses: (point: SinkPoint) => boolean = () => false;
  /** Called before lines take effect: throw to fail them. */
  beforeLines: (lines: readonly string[]) => void | Promise<void> = () => undefined;
  /** Called after lines took effect: throw to lose the answer. */
  afterLines: () => void = () => undefined;
  refusesLine: (line: string) => boolean = () => false;

  constructor({ name = 'az1', readable = true }: { name?: string; readable?: boolean } = {}) {
    this.name = name;
    this.readable = readable;
  }

  async write(window: SinkWindow, points: readonly SinkPoint[]): Promise<WriteResult> {
    const { startSec } = window;
    await this.beforeWrite(startSec);
    this.writes.push({ startSec, points });
    const rejected: RejectedPoint[] = [];
    for (const point of points) {
      if (this.refuses(point)) rejected.push({ point, line: LINES.line(point, window), reason: 'refused' });
      else this.put(startSec, point);
    }
    this.afterWrite(startSec);
    return { rejected };
  }

  async writeLines(lines: readonly string[]): Promise<LinesResult> {
    await this.beforeLines(lines);
    this.lines.push(...lines.filter((line) => !this.refusesLine(line)));
    this.afterLines();
    return { rejected: lines.filter(this.refusesLine).map((line) => ({ line, reason: 'refused' })) };
  }

  async read({ startSec }: SinkWindow): Promise<SinkPoint[]> {
    await this.beforeRead(startSec);
    this.reads++;
    return [...(this.held.get(startSec)?.values() ?? [])];
  }

  async close(): Promise<void> {
    this.held.clear();
  }

  put(startSec: number, point: SinkPoint): void {
    let window = this.held.get(startSec);
    if (!window) {
      window = new Map();
      this.held.set(startSec, window);
    }
    window.set(pointName(point), point);
  }

  /** Values by `measurement/event type/product`. */
  values(startSec: number): Record<string, number> {
    const points = [...(this.held.get(startSec)?.values() ?? [])];
    return Object.fromEntries(points.map((p) => [`${p.measurement}/${p.eventType}/${p.product}`, p.value]));
  }
}

/** Books in memory: one per sink, whoever writes. Ends of writes follow end-write.lua. */
export class FakeBooks implements SinkBooks {
  readonly windows = new Map<
    number,
    WindowBooks & { abandoned: boolean; intent: string | undefined; lastWrite: string | undefined }
  >();
  readonly log: string[] = [];
  busy = false;
  nowMs = 0;
  /** Called before each step with its name: throw to make it fail. */
  before: (step: string) => void = () => undefined;
  #tokens = 0;

  async read(startSec: number): Promise<WindowBooks> {
    this.before('read');
    const { confirmed, settledMs, askedMs, checks, done } = this.of(startSec);
    return { confirmed: new Map(confirmed), settledMs, askedMs, checks, done };
  }

  async begin(startSec: number): Promise<WriteIntent | 'busy'> {
    this.#step('begin');
    if (this.busy) return 'busy';
    const window = this.of(startSec);
    window.abandoned ||= window.intent !== undefined;
    window.intent = String(++this.#tokens);
    return { token: window.intent, abandoned: window.abandoned, lastWrite: window.lastWrite };
  }

  confirm(startSec: number, intent: WriteIntent, versions: ReadonlyMap<number, Version>): Promise<boolean> {
    return this.#end('confirm', startSec, intent, (window) => {
      for (const [partition, version] of versions) window.confirmed.set(partition, version);
    });
  }

  settle(startSec: number, intent: WriteIntent): Promise<boolean> {
    return this.#end('settle', startSec, intent, (window) =>
      Object.assign(window, { settledMs: this.nowMs, checks: 0 }),
    );
  }

  check(startSec: number, intent: WriteIntent): Promise<boolean> {
    return this.#end('check', startSec, intent, (window) => window.checks++);
  }

  async cancel(startSec: number, { token }: WriteIntent): Promise<void> {
    this.#step('cancel');
    const window = this.of(startSec);
    if (window.intent === token) window.intent = undefined;
  }

  async abandon(startSec: number, { token }: WriteIntent): Promise<void> {
    this.#step('abandon');
    const window = this.of(startSec);
    window.abandoned = true;
    if (window.intent !== token) return;
    window.intent = undefined;
    window.lastWrite = token;
  }

  async finish(startSec: number, reason: 'settled' | 'given-up'): Promise<void> {
    this.#step(`finish ${reason}`);
    this.of(startSec).done = true;
  }

  async remove(startSec: number): Promise<void> {
    this.#step('remove');
    this.windows.delete(startSec);
  }

  /** Another writer took this window's intent away. */
  revoke(startSec: number): void {
    this.of(startSec).intent = 'somebody else';
  }

  of(startSec: number) {
    let window = this.windows.get(startSec);
    if (!window) {
      window = {
        confirmed: new Map(),
        settledMs: undefined,
        askedMs: undefined,
        checks: 0,
        done: false,
        abandoned: false,
        intent: undefined,
        lastWrite: undefined,
      };
      this.windows.set(startSec, window);
    }
    return window;
  }

  async #end(
    step: string,
    startSec: number,
    { token }: WriteIntent,
    apply: (window: ReturnType<FakeBooks['of']>) => void,
  ): Promise<boolean> {
    this.#step(step);
    const window = this.of(startSec);
    if (window.intent !== token) {
      Object.assign(window, { confirmed: new Map(), settledMs: undefined, done: false, abandoned: true });
      return false;
    }
    window.intent = undefined;
    window.abandoned = false;
    window.lastWrite = token;
    apply(window);
    return true;
  }

  #step(step: string): void {
    this.before(step);
    this.log.push(step);
  }
}

/** What is said to be refused, as often as it is said. */
export class FakeRefused {
  readonly added: { sink: string; kind: RefusalKind; line: string; reason: string }[] = [];
  /** Called before letters are taken: throw to fail. */
  before: () => void = () => undefined;

  async add(sink: string, kind: RefusalKind, refusals: readonly Refusal[]): Promise<void> {
    this.before();
    this.added.push(...refusals.map(({ line, reason }) => ({ sink, kind, line, reason })));
  }
}

export class FakeFinalStore implements FinalStore {
  readonly records = new Map<number, Buffer>();
  readonly storedMs = new Map<number, number>();
  nowMs = 0;
  /** Called before each step with its name: throw to make it fail. */
  before: (step: string) => void = () => undefined;
  #stamp = 0;

  async get(startSec: number): Promise<Buffer | undefined> {
    this.before('get');
    return this.records.get(startSec);
  }

  async store(startSec: number, totals: Buffer): Promise<boolean> {
    this.before('store');
    if (this.records.has(startSec)) return false;
    this.records.set(startSec, totals);
    this.storedMs.set(startSec, this.nowMs);
    this.#stamp++;
    return true;
  }

  async remove(startSec: number): Promise<void> {
    this.before('remove');
    this.records.delete(startSec);
    this.storedMs.delete(startSec);
    this.#stamp++;
  }

  async list(stamp: string): Promise<FinalsView | undefined> {
    this.before('list');
    if (stamp === String(this.#stamp)) return undefined;
    return { stamp: String(this.#stamp), storedMs: new Map(this.storedMs) };
  }
}
