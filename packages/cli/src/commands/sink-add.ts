import { finalsKey } from '@weir/common/keys';
import { redisFault } from '@weir/common/redis';
import { sinkName } from '@weir/common/setting-values';
import { type Applied, act, asFarAsItGoes, refused, requireConsent } from '../acting.ts';
import type { CommandContext } from '../command-context.ts';
import { withDeployment } from '../deployment-target.ts';
import { operand } from '../operand.ts';
import { addPlanText, SINK_ADD_SCHEMA, withSink } from '../sinks/change-plan.ts';
import { deploymentSinks } from '../sinks/deployment-sinks.ts';
import { createGroups, recordSinks, type SinkPlace } from '../sinks/sink-record.ts';

export const schema = SINK_ADD_SCHEMA;

export async function run(context: CommandContext): Promise<number> {
  requireConsent(context);
  const sink = operand(context, '<name>', sinkName);
  return withDeployment(context, async (target) => {
    const { redis, prefix, recorded } = target;
    const before = [...deploymentSinks(recorded)];
    const after = withSink(before, sink);
    const finalRecords = await redis.zcard(finalsKey(prefix)).catch((error) => Promise.reject(redisFault(error)));
    const plan = { sink, before, after, finalRecords };
    return act(context, 'weir.sink-add/1', prefix, {
      plan,
      planText: () => addPlanText(plan),
      apply: () => apply(target, sink, before, after),
    });
  });
}

async function apply(
  place: SinkPlace,
  sink: string,
  before: readonly string[],
  after: readonly string[],
): Promise<Applied<{ recorded: boolean }>> {
  const outcome = { recorded: false };
  let groups = 0;
  const work = async () => {
    // The groups first: from the moment it is recorded on, what they have not got is kept.
    await createGroups(place, sink, () => groups++);
    outcome.recorded = await recordSinks(place, before, after);
    return outcome.recorded ? undefined : refused('the sinks were changed by somebody else meanwhile');
  };
  return asFarAsItGoes(outcome, work, {
    text: () => (outcome.recorded ? 'recorded\n' : ''),
    done: () => `${groups} of ${place.partitions} groups of other lines were made for ${sink}, which is not recorded`,
  });
}
