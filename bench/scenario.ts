import { cleanupMark, disposeTo } from '../test/support/cleanup.ts';
import type { CpuSpent } from './measure/cpu-meter.ts';

/** One thing that is measured: what of it can be chosen, and how it is done. */
export interface Scenario {
  readonly name: string;
  /** In a line, for `--list`. */
  readonly what: string;
  /** What its figures are of. A flag that is not here means nothing to it. */
  readonly sizes: Sizes;
  run(bench: Bench): Promise<Outcome>;
}

export interface Sizes {
  /** How often everything is done; where systems are compared, they take turns. */
  readonly runs: number;
  readonly events?: number;
  /** Of one trial. */
  readonly seconds?: number;
  readonly minutes?: number;
}

export interface Target {
  readonly atLeast?: number;
  readonly atMost?: number;
}

/** One figure, once per run. */
export interface Measure {
  readonly what: string;
  readonly unit: string;
  readonly runs: readonly number[];
  readonly target?: Target;
}

export interface Outcome {
  /** Besides the sizes: what was set, as it should read. */
  readonly settings: Readonly<Record<string, string | number>>;
  /** Of programs besides Node.js, Redis and Weir. */
  readonly versions?: Readonly<Record<string, string>>;
  readonly measures: readonly Measure[];
  /** What a reader of the figures has to know, in sentences. */
  readonly notes?: readonly string[];
}

/** What a scenario is given, and where its figures gather. */
export class Bench {
  readonly sizes: Required<Sizes>;
  readonly say: (line: string) => void;
  readonly #measures = new Map<string, { unit: string; runs: number[]; target: Target | undefined }>();
  #othersShare = 0;

  constructor(sizes: Sizes, say: (line: string) => void) {
    this.sizes = { events: 0, seconds: 0, minutes: 0, ...sizes };
    this.say = say;
  }

  get measures(): Measure[] {
    return [...this.#measures].map(([what, { unit, runs, target }]) => ({
      what,
      unit,
      runs,
      ...(target ? { target } : {}),
    }));
  }

  /** The largest part of the machine that others used while something was measured, 0 to 1. */
  get othersShare(): number {
    return this.#othersShare;
  }

  /** A figure of this run; measures stand in the order in which they first came. */
  add(what: string, unit: string, value: number, target?: Target): void {
    const measure = this.#measures.get(what);
    if (measure) measure.runs.push(value);
    else this.#measures.set(what, { unit, runs: [value], target });
  }

  /** The CPU of each kind of process for one event, and of all of them but the generator. */
  addCpu(what: string, spent: CpuSpent, events: number): number {
    this.noteOthers(spent);
    const perEvent = (seconds: number) => (seconds / events) * 1e6;
    let sum = 0;
    for (const [kind, seconds] of spent.cpu) {
      this.add(`${what}: CPU of ${kind}`, 'µs/event', perEvent(seconds));
      sum += seconds;
    }
    if (spent.cpu.size > 1) this.add(`${what}: CPU in all`, 'µs/event', perEvent(sum));
    this.add(`${what}: CPU of the load generator`, 'µs/event', perEvent(spent.generatorCpu));
    return perEvent(sum);
  }

  noteOthers({ othersShare }: CpuSpent): void {
    this.#othersShare = Math.max(this.#othersShare, othersShare);
  }
}

/** Whatever `work` starts is taken down when it is over, so that the next trial has the machine to itself. */
export async function trial<T>(work: () => Promise<T>): Promise<T> {
  const mark = cleanupMark();
  try {
    return await work();
  } finally {
    await disposeTo(mark);
  }
}
