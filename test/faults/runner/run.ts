import { join } from 'node:path';
import { Random } from '@weir/common/random';
import { startInfluxd } from '../../support/influxd.ts';
import type { BrokenRule } from './broken-rules.ts';
import { FAULTS } from './faults/catalogue.ts';
import type { Fault } from './faults/fault.ts';
import { DISK_JOURNAL } from './faults/journal.ts';
import { runRound } from './round.ts';
import { inSafeOrder, type Round, schedule } from './schedule.ts';
import type { Violation } from './verdict.ts';

/** A whole run: rounds after rounds until the time is over, from one seed. */
export interface RunOptions {
  seed: number;
  /** No round begins after this many minutes; undefined: every fault of `only` once. */
  minutes: number | undefined;
  /** Names of faults; all unless told. */
  only: readonly string[];
  broken: BrokenRule | undefined;
  eventsPerSecond: number;
  /** Windows that end sooner. */
  short: boolean;
  logDir: string;
  say: (line: string) => void;
}

export interface RunResult {
  rounds: number;
  faults: number;
  violations: Violation[];
  seconds: number;
}

/** A round that is not finished by then ends a little late; one that would be much too late does not begin. */
const ROUND_MS = 100_000;

export async function run(options: RunOptions): Promise<RunResult> {
  const { seed, minutes, only, broken, logDir, say } = options;
  const startedMs = performance.now();
  const random = new Random(seed);
  const influxds = await Promise.all([startInfluxd(), startInfluxd()]);
  const faults = usable(only, say);
  const result: RunResult = { rounds: 0, faults: 0, violations: [], seconds: 0 };
  const endMs = minutes === undefined ? undefined : startedMs + minutes * 60_000;
  let waiting: Round[] = [];
  while (result.violations.length === 0) {
    if (waiting.length === 0) {
      if (result.rounds > 0 && endMs === undefined) break;
      waiting = only.length > 0 ? asTold(faults) : schedule(faults, random, DISK_JOURNAL);
    }
    if (endMs !== undefined && result.rounds > 0 && performance.now() + ROUND_MS > endMs) break;
    const round = waiting.shift()!;
    result.rounds++;
    result.faults += round.flat().length;
    const number = result.rounds;
    say(`round ${number}: ${round.map((step) => step.map(({ name }) => name).join(' + ')).join(', ')}`);
    const { violations } = await runRound({
      round,
      number,
      random,
      influxds,
      logDir: join(logDir, `round-${number}`),
      eventsPerSecond: options.eventsPerSecond,
      broken,
      short: options.short,
      say,
    });
    result.violations.push(...violations);
  }
  result.seconds = (performance.now() - startedMs) / 1000;
  return result;
}

/** Those that were named: in one round, in the order given, unless they need settings of their own. */
function asTold(faults: readonly Fault[]): Round[] {
  const own = faults.filter(({ settings }) => settings !== undefined).map((fault): Round => [[fault]]);
  const rest = faults.filter(({ settings }) => settings === undefined);
  const steps = rest.map((fault) => [fault]);
  return rest.length > 0 ? [DISK_JOURNAL ? steps : inSafeOrder(steps), ...own] : own;
}

function usable(only: readonly string[], say: (line: string) => void): Fault[] {
  // As named, so that a fault may be asked for twice.
  const named = only.map((name) => FAULTS.find((fault) => fault.name === name)!);
  const wanted = only.length > 0 ? named : FAULTS.filter(({ byNameOnly }) => !byNameOnly);
  return wanted.filter((fault) => {
    const missing = fault.missing?.();
    if (missing !== undefined) say(`left out: ${fault.name} (${missing})`);
    return missing === undefined;
  });
}
