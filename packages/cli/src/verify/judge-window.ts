import type { StandingOptions } from '../windows/window-standing.ts';
import { type Difference, differencesOf, type HeldBySink, type RepairRules, type Truth } from './differences.ts';
import type { ReadSinks } from './read-sinks.ts';
import { GONE, readOnTheWay, readTruth } from './window-truth.ts';

/**
 * Judges one window: what the sinks hold, and what Redis knows of it. Most windows are as they should be and take one read of
 * each. Where something differs all is looked at again, in an order in which nothing that the aggregators do meanwhile looks
 * like a fault: first what Redis knows and which sinks are still to get it, then the sinks, then Redis once more.
 */
export interface JudgedWindow {
  startSec: number;
  truth: Truth;
  /** Values that were compared. */
  values: number;
  differences: Difference[];
}

export interface WindowJudgeOptions {
  place: StandingOptions;
  sinks: ReadSinks;
  rules: Pick<RepairRules, 'trustLarger' | 'lostMs'>;
  /** Whether Redis may know something of the window. */
  mayKnow: (startSec: number) => boolean;
  signal: AbortSignal;
}

const TRIES = 3;
const NONE: ReadonlySet<string> = new Set();

export class WindowJudge {
  readonly #options: WindowJudgeOptions;

  constructor(options: WindowJudgeOptions) {
    this.#options = options;
  }

  /** Rejects with a RedisFault, or with a SinkError once the signal ended it. */
  async judge(startSec: number): Promise<JudgedWindow> {
    const { place, mayKnow } = this.#options;
    const truth = mayKnow(startSec) ? await readTruth(place, startSec) : GONE;
    const quick = this.#judged(startSec, truth, await this.#held(startSec), NONE);
    return quick.differences.length === 0 ? quick : this.judgeCarefully(startSec);
  }

  /** The last thing that it looks at is Redis: what it answers is what may be written now. */
  async judgeCarefully(startSec: number): Promise<JudgedWindow> {
    const { place } = this.#options;
    let held: HeldBySink[] = [];
    for (let tries = 0; tries < TRIES; tries++) {
      const truth = await readTruth(place, startSec);
      const onTheWay = await readOnTheWay(place, startSec);
      held = await this.#held(startSec);
      if ((await readTruth(place, startSec)).mark === truth.mark) return this.#judged(startSec, truth, held, onTheWay);
    }
    return this.#judged(startSec, { knownBy: 'counting', groups: [], mark: '' }, held, NONE);
  }

  #held(startSec: number): Promise<HeldBySink[]> {
    const { sinks, place, signal } = this.#options;
    return sinks.read({ startSec, windowSec: place.windowLengthSec }, signal);
  }

  #judged(startSec: number, truth: Truth, held: readonly HeldBySink[], onTheWay: ReadonlySet<string>): JudgedWindow {
    const differences = differencesOf(truth, held, { ...this.#options.rules, startSec, onTheWay });
    return { startSec, truth, values: held.reduce((sum, { points }) => sum + points.length, 0), differences };
  }
}
