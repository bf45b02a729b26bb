import { parseAggregatorState } from '@weir/common/daemon-state';
import { WeirError } from '@weir/common/errors';
import { aggregatorStatesKey, relaysKey } from '@weir/common/keys';
import { redisTimeMs } from '@weir/common/redis';
import { parseRelayReport } from '@weir/common/seal-wait';
import { duration } from '@weir/common/setting-values';
import { windowStartSec } from '@weir/common/window';
import type { Redis } from 'ioredis';
import { type Applied, act, requireConsent } from '../acting.ts';
import type { CommandContext } from '../command-context.ts';
import { withDeployment } from '../deployment-target.ts';
import { windowMoment } from '../moment.ts';
import { operand } from '../operand.ts';
import { askSeal } from '../windows/asking.ts';
import {
  planSeal,
  SEAL_SCHEMA,
  type SealOutcome,
  type SealPlan,
  sealOutcomeText,
  sealPlanText,
} from '../windows/seal-plan.ts';
import { readStanding, type StandingOptions } from '../windows/window-standing.ts';
import { windowTimes } from '../windows/window-times.ts';
import { readHash } from './lag.ts';

export const schema = SEAL_SCHEMA;

/** Where no aggregator says what it was started with. */
const USUAL_HOLD_MS = 6 * 3_600_000;
const LOOK_EVERY_MS = 200;

export async function run(context: CommandContext): Promise<number> {
  requireConsent(context);
  const { flags } = context;
  const atMs = operand(context, '<window>', windowMoment);
  const waitMs = flags.read('wait', duration({ maxMs: 3_600_000 }));
  return withDeployment(context, async ({ redis, prefix, partitions, recorded }) => {
    const times = windowTimes(recorded);
    const startSec = windowStartSec(Math.floor(atMs / 1_000), times.windowLengthSec);
    const place = { redis, prefix, partitions, windowLengthSec: times.windowLengthSec, sinks: [] };
    const plan = planSeal({
      standing: await readStanding(place, startSec),
      times,
      holdMs: await readHoldMs(redis, prefix),
      reports: await readReports(redis, prefix),
      nowMs: await redisTimeMs(redis),
      force: flags.on('force'),
    });
    return act(context, 'weir.seal/1', prefix, {
      plan,
      planText: (view) => sealPlanText(plan, view),
      apply: () => apply(context, place, plan, waitMs),
    });
  });
}

async function readReports(redis: Redis, prefix: string) {
  const fields = Object.entries(await readHash(redis, relaysKey(prefix)));
  return fields.flatMap(([id, text]) => parseRelayReport(id, text) ?? []);
}

async function readHoldMs(redis: Redis, prefix: string): Promise<number> {
  const states = Object.values(await readHash(redis, aggregatorStatesKey(prefix)));
  const holds = states.flatMap((text) => parseAggregatorState(text)?.settings.holdMs ?? []);
  return holds.length === 0 ? USUAL_HOLD_MS : Math.max(...holds);
}

async function apply(
  { clock, stopping }: CommandContext,
  place: StandingOptions,
  { startSec, force }: SealPlan,
  waitMs: number,
): Promise<Applied<SealOutcome>> {
  const { redis, prefix, partitions } = place;
  if (force) await askSeal(redis, prefix, startSec);
  const endMs = clock.monotonicMs() + waitMs;
  for (;;) {
    const { finalMs, sealedIn, parts } = await readStanding(place, startSec);
    // Its state is gone: the final record stood before, also where it was removed since.
    const sealed = finalMs !== undefined || (parts.length === 0 && sealedIn.length === partitions);
    if (!sealed && clock.monotonicMs() < endMs && !stopping.aborted) {
      await clock.sleep(LOOK_EVERY_MS, stopping);
      continue;
    }
    const outcome = { sealed, sealedIn: sealedIn.length, partitions };
    const late = new WeirError('not-yet', 'not sealed yet; what was appended before has to be folded first', true);
    return { outcome, text: () => sealOutcomeText(outcome), fault: waitMs > 0 && !sealed ? late : undefined };
  }
}
