import { WeirError } from '@weir/common/errors';
import { redisTimeMs } from '@weir/common/redis';
import { duration, sinkName } from '@weir/common/setting-values';
import { windowStartSec } from '@weir/common/window';
import { type Applied, act, requireConsent } from '../acting.ts';
import type { CommandContext } from '../command-context.ts';
import { withDeployment } from '../deployment-target.ts';
import { windowMoment } from '../moment.ts';
import { operand } from '../operand.ts';
import { chosenSinks } from '../sinks/deployment-sinks.ts';
import { askFlush } from '../windows/asking.ts';
import { FLUSH_SCHEMA, type FlushOutcome, flushOutcomeText, flushPlanText, planFlush } from '../windows/flush-plan.ts';
import { readStanding, type StandingOptions, type WindowStanding } from '../windows/window-standing.ts';
import { isWritten, windowTimes } from '../windows/window-times.ts';

export const schema = FLUSH_SCHEMA;

const LOOK_EVERY_MS = 200;

export async function run(context: CommandContext): Promise<number> {
  requireConsent(context);
  const { flags } = context;
  const atMs = operand(context, '<window>', windowMoment);
  const asked = flags.readMany('sink', sinkName);
  const waitMs = flags.read('wait', duration({ maxMs: 3_600_000 }));
  return withDeployment(context, async ({ redis, prefix, partitions, recorded }) => {
    const times = windowTimes(recorded);
    const startSec = windowStartSec(Math.floor(atMs / 1_000), times.windowLengthSec);
    const sinks = chosenSinks(recorded, asked);
    const place = { redis, prefix, partitions, windowLengthSec: times.windowLengthSec, sinks };
    const plan = planFlush(await readStanding(place, startSec), times, await redisTimeMs(redis), sinks);
    return act(context, 'weir.flush/1', prefix, {
      plan,
      planText: (view) => flushPlanText(plan, view),
      apply: () => apply(context, place, startSec, waitMs),
    });
  });
}

async function apply(
  { clock, stopping }: CommandContext,
  place: StandingOptions,
  startSec: number,
  waitMs: number,
): Promise<Applied<FlushOutcome>> {
  const { redis, prefix, sinks } = place;
  for (const sink of sinks) await askFlush(redis, prefix, sink, startSec);
  const endMs = clock.monotonicMs() + waitMs;
  let standing: WindowStanding;
  for (;;) {
    standing = await readStanding(place, startSec);
    const all = sinks.every((sink) => isWritten(standing, sink));
    if (all || clock.monotonicMs() >= endMs || stopping.aborted) break;
    await clock.sleep(LOOK_EVERY_MS, stopping);
  }
  const outcome = { sinks: sinks.map((sink) => ({ sink, written: isWritten(standing, sink) })) };
  const lacking = outcome.sinks.filter(({ written }) => !written).map(({ sink }) => sink);
  const late = new WeirError('not-yet', `asked for, and not yet in ${lacking.join(', ')}`, true);
  return { outcome, text: () => flushOutcomeText(outcome), fault: waitMs > 0 && lacking.length > 0 ? late : undefined };
}
