import type { Check } from './redis/checks.ts';
import type { Focus } from './scenario.ts';
import { type Outcome, simulate } from './simulation.ts';

/** Where each check is missed soonest; it is missed in runs that are drawn freely as well, only later. */
export const WHERE: Record<Check, Focus> = {
  pending: { kind: 'folding' },
  version: { kind: 'folding' },
  'version-of-duplicates': { kind: 'folding', rollbacks: 2 },
  nonce: { kind: 'folding', rollbacks: 8, partitions: 1, everybodyReads: true, aggregators: 3, requests: 10 },
  sealed: { kind: 'whole' },
  verdict: { kind: 'folding', maxOldWindows: 1, aggregators: 3, everybodyReads: true, partitions: 1, sendingMs: 500 },
  seed: { kind: 'folding', everybodyReads: true, aggregators: 3, partitions: 1, sendingMs: 1_000 },
  sequence: { kind: 'folding' },
  'publish-version': {
    kind: 'whole',
    everybodyReads: true,
    aggregators: 3,
    partitions: 1,
    requests: 10,
    sendingMs: 20_000,
  },
  'folded-before-seal': { kind: 'whole' },
  'birth-before-seal': {
    kind: 'whole',
    rollbacks: 3,
    holdMs: 45_000,
    partitions: 2,
    requests: 12,
    sendingMs: 16_000,
    chaosMs: 20_000,
    pauseEveryMs: 1_000_000_000,
    crashEveryMs: 1_000_000_000,
    commandRate: 0.2,
  },
  'asked-anew': {
    kind: 'whole',
    rollbacks: 1,
    holdMs: 45_000,
    partitions: 1,
    requests: 8,
    sendingMs: 12_000,
    pauseEveryMs: 1_000_000_000,
    crashEveryMs: 1_000_000_000,
    commandRate: 0.01,
    chaosMs: 16_000,
  },
  synced: { kind: 'folding', rollbacks: 0, crashEveryMs: 2_000, commandRate: 0.1 },
  'left-behind': { kind: 'folding', rollbacks: 2 },
  'read-back': { kind: 'whole', rollbacks: 2 },
  'final-after-partitions': {
    kind: 'whole',
    partitions: 2,
    aggregators: 3,
    commandRate: 0.1,
    requests: 10,
    pauseEveryMs: 3_000,
  },
  intent: { kind: 'flushing', pauseEveryMs: 1_500, sinkRate: 0.3 },
  settle: { kind: 'whole', sinkRate: 0.3 },
};

/**
 * Where to begin to look for those that are missed by few schedules. A change of the simulation or of the protocol moves
 * them; `npm run simulate -- --seeds 5000 --without CHECK` finds the next.
 */
const FROM: Partial<Record<Check, number>> = {
  nonce: 1_700,
  verdict: 750,
  seed: 400,
  'birth-before-seal': 1_900,
  'asked-anew': 1_100,
  'final-after-partitions': 2_300,
  intent: 1_700,
};

/** Runs schedules without a check until one breaks a guarantee; undefined when none of them does. */
export async function findMissed(check: Check, seeds: number): Promise<Outcome | undefined> {
  const from = FROM[check] ?? 1;
  for (let seed = from; seed < from + seeds; seed++) {
    const outcome = await simulate(seed, { without: new Set([check]), focus: WHERE[check] });
    if (outcome.violation !== undefined) return outcome;
  }
  return undefined;
}
