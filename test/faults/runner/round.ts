import { setTimeout as sleep } from 'node:timers/promises';
import type { Random } from '@weir/common/random';
import { cleanupMark, disposeTo } from '../../support/cleanup.ts';
import type { Influxd } from '../../support/influxd.ts';
import { BooksOfTruth } from './books-of-truth.ts';
import type { BrokenRule } from './broken-rules.ts';
import { Clients } from './clients.ts';
import { gather, summary, type Witnesses } from './evidence.ts';
import { FaultRegion, type RegionSettings, SETTINGS, SHORT_SETTINGS } from './fault-region.ts';
import type { Fault, FaultContext } from './faults/fault.ts';
import { OtherTruth } from './other-truth.ts';
import { untilCaughtUp, untilQuiet } from './quiet.ts';
import type { Round, Step } from './schedule.ts';
import { judge, type Violation } from './verdict.ts';
import { Watch } from './watch.ts';

/** One round: a fresh region under traffic, its faults, the healing, the rest, the verdict. */
export interface RoundOptions {
  round: Round;
  number: number;
  random: Random;
  influxds: readonly Influxd[];
  logDir: string;
  eventsPerSecond: number;
  broken: BrokenRule | undefined;
  short: boolean;
  say: (line: string) => void;
}

export interface RoundResult {
  violations: Violation[];
}

const BEFORE_MS = 3_000;
const BETWEEN_MS = 1_500;
/** G6: after a fault is healed, what it held up is worked off within this time. */
const CAUGHT_UP_WITHIN_MS = 90_000;
/** Beside lateness and the last look at a final record: flushes may wait a minute after Redis lost data. */
const QUIET_WITHIN_MS = 120_000;

export async function runRound(options: RoundOptions): Promise<RoundResult> {
  const mark = cleanupMark();
  const violations: Violation[] = [];
  try {
    violations.push(...(await play(options)));
  } catch (error) {
    violations.push({ rule: 'not-drained', text: error instanceof Error ? error.message : String(error) });
  }
  try {
    await disposeTo(mark);
  } catch (error) {
    violations.push({ rule: 'ended', text: error instanceof Error ? error.message : String(error) });
  }
  return { violations };
}

async function play(options: RoundOptions): Promise<Violation[]> {
  const { round, number, random, influxds, logDir, broken, say } = options;
  const faults = round.flat();
  const settings = settingsFor(faults, options.short);
  const database = `round${number}`;
  const eventsPerSecond = faults.find((fault) => fault.eventsPerSecond)?.eventsPerSecond ?? options.eventsPerSecond;
  const region = await FaultRegion.start({ settings, influxds, database, logDir, broken });
  const truth = new BooksOfTruth(settings.windowSec);
  const others = new OtherTruth();
  const windowLifeMs = (settings.windowSec + settings.latenessSec) * 1000;
  const fronts = region.relayIds.map((id) => region.fronts.get(id)!.address);
  const clients = new Clients({ relays: fronts, random, truth, others, eventsPerSecond, windowLifeMs });
  const watch = new Watch(region);
  const context: FaultContext = { region, clients, random };
  clients.start();
  await sleep(BEFORE_MS);
  for (const step of round) {
    await playStep(context, step, watch, say);
    await sleep(BETWEEN_MS);
  }
  await clients.stop();
  const notQuiet: string[] = [];
  let quietMs = 0;
  try {
    quietMs = await untilQuiet(region, clients, QUIET_WITHIN_MS + settings.latenessSec * 1000);
  } catch (error) {
    notQuiet.push(error instanceof Error ? error.message : String(error));
  }
  await watch.stop();
  await watch.look();
  const witnesses: Witnesses = { region, clients, truth, others, watch, faults, notQuiet };
  const evidence = await gather(witnesses);
  const violations = judge(evidence);
  const verdict = violations.length === 0 ? 'ok  ' : 'FAIL';
  say(`${verdict} round ${number}: ${summary(witnesses, evidence, quietMs)}`);
  return violations;
}

async function playStep(context: FaultContext, step: Step, watch: Watch, say: (line: string) => void): Promise<void> {
  const { region, clients } = context;
  const looksBefore = watch.looksAtBooks;
  const imbalancesBefore = watch.imbalances.length;
  const label = step.map(({ name }) => name).join(' + ');
  let notes: string[];
  let healedAtMs: number;
  try {
    notes = await Promise.all(step.map((fault) => fault.run(context)));
    healedAtMs = performance.now();
    for (const fault of step) await fault.heal?.(context);
    await region.heal();
  } catch (error) {
    throw new Error(`${label}: ${error instanceof Error ? error.message : String(error)}`, { cause: error });
  }
  try {
    await untilCaughtUp(region, clients, CAUGHT_UP_WITHIN_MS);
  } catch (error) {
    throw new Error(`after ${label}: ${error instanceof Error ? error.message : String(error)}`, { cause: error });
  }
  const looks = watch.looksAtBooks - looksBefore;
  const balanced = watch.imbalances.length === imbalancesBefore ? 'books balanced' : 'BOOKS DID NOT BALANCE';
  say(
    `  ${label}: ${notes.join('; ')}; all well ${seconds(performance.now() - healedAtMs)} after healing began, ${balanced} in ${looks} looks`,
  );
}

function settingsFor(faults: readonly Fault[], short: boolean): RegionSettings {
  const own = faults.find(({ settings }) => settings !== undefined)?.settings;
  return { ...(short ? SHORT_SETTINGS : SETTINGS), ...own };
}

function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(1)} s`;
}
