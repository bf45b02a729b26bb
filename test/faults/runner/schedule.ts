import type { Random } from '@weir/common/random';
import type { Fault } from './faults/fault.ts';

/**
 * Which faults come when. A round is the life of one region: its faults come one after the other, some two at once. Pure:
 * the same random numbers make the same schedule.
 */
export type Step = readonly Fault[];
export type Round = readonly Step[];

const STEPS_PER_ROUND = 4;
const TWO_AT_ONCE = 0.25;

/** Every fault once, in an order of its own each time. */
export function schedule(faults: readonly Fault[], random: Random, diskJournal: boolean): Round[] {
  const mixed = shuffled(faults, random);
  const rounds: Round[] = mixed.filter(({ settings }) => settings !== undefined).map((fault) => [[fault]]);
  const steps = inPairs(
    mixed.filter(({ settings }) => settings === undefined),
    random,
    diskJournal,
  );
  for (let i = 0; i < steps.length; i += STEPS_PER_ROUND) {
    const some = steps.slice(i, i + STEPS_PER_ROUND);
    rounds.push(diskJournal ? some : inSafeOrder(some));
  }
  return shuffled(rounds, random);
}

function inPairs(faults: readonly Fault[], random: Random, diskJournal: boolean): Step[] {
  const steps: Step[] = [];
  const left = [...faults];
  while (left.length > 0) {
    const first = left.shift()!;
    const with_ = random.chance(TWO_AT_ONCE) ? left.findIndex((other) => mayCoincide(first, other, diskJournal)) : -1;
    steps.push(with_ < 0 ? [first] : [first, ...left.splice(with_, 1)]);
  }
  return steps;
}

/**
 * A fault that waits for a seal never comes about under one that keeps relays from Redis until both are healed. Without a
 * journal on disk, what only a relay's memory still has must not be lost with it.
 */
export function mayCoincide(a: Fault, b: Fault, diskJournal: boolean): boolean {
  if (a.alone || b.alone || a.settings || b.settings) return false;
  if (a.redisLoses && b.redisLoses) return false;
  if ((a.needsSeals && keepsRelaysAway(b)) || (b.needsSeals && keepsRelaysAway(a))) return false;
  if (kindOf(a) === kindOf(b) && kindOf(a) !== 'aggregator') return false;
  return diskJournal || !((a.redisLoses && b.relayEnds) || (b.redisLoses && a.relayEnds));
}

function keepsRelaysAway(fault: Fault): boolean {
  return fault.holdsUpSeals === true || kindOf(fault) === 'relay';
}

/** The first word of its name says what it breaks; of most things there are too few to break two at once. */
function kindOf({ name }: Fault): string {
  return name.split('-')[0]!;
}

/** Without a journal on disk, relays must have been up since the round began where Redis forgets everything: that comes first. */
export function inSafeOrder(steps: readonly Step[]): Round {
  const forgetful = (step: Step) => step.some(({ redisLoses }) => redisLoses === 'all');
  return [...steps.filter(forgetful), ...steps.filter((step) => !forgetful(step))];
}

function shuffled<T>(items: readonly T[], random: Random): T[] {
  const mixed = [...items];
  for (let i = mixed.length - 1; i > 0; i--) {
    const j = random.integer(0, i);
    [mixed[i], mixed[j]] = [mixed[j]!, mixed[i]!];
  }
  return mixed;
}
