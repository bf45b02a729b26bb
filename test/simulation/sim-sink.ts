import { pointName } from '@weir/aggregator/flush-plan';
import {
  type LinesResult,
  type Sink,
  SinkError,
  type SinkPoint,
  type SinkWindow,
  type WriteResult,
} from '@weir/sinks/sink';
import type { Faults } from './faults.ts';
import type { SimProcess } from './sim-process.ts';
import type { World } from './world.ts';

/** A simulated database. It believes whatever was written last, as InfluxDB does, and remembers what it ever held. */
export class SimDatabase {
  readonly name: string;
  readonly #world: World;
  readonly windows = new Map<number, Map<string, SinkPoint>>();
  /** The most that a point ever held: it may not end with less. */
  readonly highest = new Map<number, Map<string, number>>();
  /** Other lines as they were taken; a database keeps no two that are the same. */
  readonly lines = new Set<string>();
  #awayUntilMs = 0;
  #rolledBackMs = Number.NEGATIVE_INFINITY;

  constructor(world: World, name: string) {
    this.#world = world;
    this.name = name;
  }

  get away(): boolean {
    return this.#world.nowMs < this.#awayUntilMs;
  }

  goAway(ms: number): void {
    this.#world.say(() => `${this.name} is away for ${Math.round(ms)} ms`);
    this.#awayUntilMs = this.#world.nowMs + ms;
  }

  /**
   * Redis went back in time. What this database holds now may be all that is known; what it once held and lost to a late
   * write, and what such a write still on its way takes from it, may be known to nobody.
   */
  rolledBack(): void {
    this.#rolledBackMs = this.#world.nowMs;
    for (const [startSec, held] of this.windows) {
      this.highest.set(startSec, new Map([...held].map(([name, { value }]) => [name, value])));
    }
  }

  apply(startSec: number, points: readonly SinkPoint[], sentMs: number): void {
    const held = inner(this.windows, startSec);
    const highest = inner(this.highest, startSec);
    for (const point of points) {
      const name = pointName(point);
      const before = held.get(name)?.value;
      this.#world.say(
        () => `${this.name} ${startSec} ${JSON.stringify(name)}: ${before ?? '-'} becomes ${point.value}`,
      );
      held.set(name, point);
      const orphan = sentMs < this.#rolledBackMs;
      highest.set(name, orphan ? point.value : Math.max(highest.get(name) ?? 0, point.value));
    }
  }
}

const LATENCY_MS = 5;
const SLOW_MS = 1_000;
const TIMEOUT_MS = 1_000;
/** No write arrives later than this after it was sent; `finalKeepMs` is longer. */
export const LATEST_WRITE_MS = 5_000;

/** One process's way to a simulated database. */
export class SimSink implements Sink {
  readonly name: string;
  readonly readable = true;
  readonly #process: SimProcess;
  readonly #database: SimDatabase;
  readonly #faults: Faults;

  constructor(process: SimProcess, database: SimDatabase, faults: Faults) {
    this.name = database.name;
    this.#process = process;
    this.#database = database;
    this.#faults = faults;
  }

  write({ startSec }: SinkWindow, points: readonly SinkPoint[]): Promise<WriteResult> {
    const sentMs = this.#process.world.nowMs;
    return this.#request(`write ${startSec}`, (kept) => {
      this.#database.apply(startSec, points.slice(0, Math.ceil(points.length * kept)), sentMs);
      return { rejected: [] };
    });
  }

  writeLines(lines: readonly string[]): Promise<LinesResult> {
    return this.#request(`write ${lines.length} lines`, (kept) => {
      for (const line of lines.slice(0, Math.ceil(lines.length * kept))) this.#database.lines.add(line);
      return { rejected: [] };
    });
  }

  read({ startSec }: SinkWindow): Promise<SinkPoint[]> {
    return this.#request(`read ${startSec}`, () => [...(this.#database.windows.get(startSec)?.values() ?? [])]);
  }

  async close(): Promise<void> {
    await this.#process.clock.sleep(0);
  }

  #request<T>(name: string, run: (kept: number) => T): Promise<T> {
    return new Promise((resolve, reject) => {
      const { world } = this.#process;
      const { random } = world;
      const fate = this.#faults.sink();
      if (fate !== 'done') world.say(() => `${this.#process.name}: ${name} at ${this.name} is ${fate}`);
      const fail = (code: 'sink-unreachable' | 'sink-timeout', outcome: 'not-applied' | 'unknown') =>
        this.#process.deliver(random.between(0, code === 'sink-timeout' ? TIMEOUT_MS : LATENCY_MS), () =>
          reject(new SinkError(code, code, { outcome })),
        );
      if (fate === 'refused') return fail('sink-unreachable', 'not-applied');
      if (fate === 'lost') return fail('sink-timeout', 'unknown');
      const delayMs = random.between(0, fate === 'late' ? LATEST_WRITE_MS : fate === 'slow' ? SLOW_MS : LATENCY_MS);
      if (fate === 'late') fail('sink-timeout', 'unknown');
      world.after(delayMs, () => {
        if (this.#database.away) {
          if (fate !== 'late') fail('sink-unreachable', 'not-applied');
          return false;
        }
        const result = run(fate === 'reply-lost' || fate === 'late' ? random.pick([0.5, 1]) : 1);
        if (fate === 'reply-lost') fail('sink-timeout', 'unknown');
        else if (fate !== 'late') this.#process.deliver(random.between(0, LATENCY_MS), () => resolve(result));
        return false;
      });
    });
  }
}

function inner<T>(map: Map<number, Map<string, T>>, key: number): Map<string, T> {
  let found = map.get(key);
  if (!found) {
    found = new Map();
    map.set(key, found);
  }
  return found;
}
