import { redisTimeMs } from '@weir/common/redis';
import { text } from '@weir/common/setting-values';
import { type Applied, act, asFarAsItGoes, refused, requireConsent } from '../acting.ts';
import type { CommandContext } from '../command-context.ts';
import {
  type ConsumerGroup,
  findConsumer,
  forgetHeartbeat,
  readHeartbeat,
  removeConsumer,
} from '../consumers/consumer-groups.ts';
import {
  asPlanned,
  CONSUMER_REMOVE_SCHEMA,
  planRemoval,
  type RemoveOutcome,
  removeOutcomeText,
  removePlanText,
} from '../consumers/remove-plan.ts';
import { type DeploymentTarget, withDeployment } from '../deployment-target.ts';
import { aliveIds, readHeartbeats } from '../heartbeats.ts';
import { operand } from '../operand.ts';

export const schema = CONSUMER_REMOVE_SCHEMA;

export async function run(context: CommandContext): Promise<number> {
  requireConsent(context);
  const consumer = operand(context, '<name>', text('the name of a consumer'));
  return withDeployment(context, async (target) => {
    const { redis, prefix, partitions } = target;
    const standing = await readHeartbeat(redis, prefix, consumer);
    const alive = await isAlive(target, consumer, standing);
    const found = await findConsumer(redis, prefix, partitions, consumer);
    const plan = planRemoval(consumer, alive, found, standing !== undefined);
    return act(context, 'weir.consumer-remove/1', prefix, {
      plan,
      planText: (view) => removePlanText(plan, view),
      nothing: found.length === 0 && standing === undefined ? `no group knows a consumer ${consumer}` : undefined,
      apply: () => apply(target, consumer, found, standing),
    });
  });
}

async function isAlive({ redis }: DeploymentTarget, id: string, standing: string | undefined): Promise<boolean> {
  if (standing === undefined) return false;
  return aliveIds(readHeartbeats({ [id]: standing }, await redisTimeMs(redis))).length > 0;
}

async function apply(
  { redis, prefix }: DeploymentTarget,
  consumer: string,
  groups: readonly ConsumerGroup[],
  standing: string | undefined,
): Promise<Applied<RemoveOutcome>> {
  const outcome: RemoveOutcome = { removed: 0, kept: [], heartbeatRemoved: false };
  const work = async () => {
    for (const group of groups) {
      if (await removeConsumer(redis, prefix, group, consumer)) outcome.removed++;
      else outcome.kept.push(asPlanned(group));
    }
    if (standing !== undefined) outcome.heartbeatRemoved = await forgetHeartbeat(redis, prefix, consumer, standing);
    return outcome.kept.length > 0 ? refused(`entries became pending for ${consumer} meanwhile`) : undefined;
  };
  return asFarAsItGoes(outcome, work, {
    text: () => removeOutcomeText(outcome),
    done: () => `${consumer} was removed from ${outcome.removed} of ${groups.length} groups`,
  });
}
