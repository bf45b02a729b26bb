import { sinkName } from '@weir/common/setting-values';
import { type Applied, act, asFarAsItGoes, refused, requireConsent } from '../acting.ts';
import type { CommandContext } from '../command-context.ts';
import { withDeployment } from '../deployment-target.ts';
import { operand } from '../operand.ts';
import { removePlanText, SINK_REMOVE_SCHEMA, type SinkRemoveOutcome, withoutSink } from '../sinks/change-plan.ts';
import { deploymentSinks } from '../sinks/deployment-sinks.ts';
import {
  countFinals,
  countGroups,
  destroyGroups,
  dropBooks,
  hasBooks,
  recordSinks,
  type SinkPlace,
} from '../sinks/sink-record.ts';

export const schema = SINK_REMOVE_SCHEMA;

/** Aggregators look at the record once a second; until they have seen it they would make its groups anew. */
const NOTICED_MS = 3_000;

export async function run(context: CommandContext): Promise<number> {
  requireConsent(context);
  const sink = operand(context, '<name>', sinkName);
  return withDeployment(context, async (target) => {
    const before = [...deploymentSinks(target.recorded)];
    const groups = await countGroups(target, sink);
    // What an earlier call could not take away, too.
    const leftovers = groups > 0 || (!before.includes(sink) && (await hasBooks(target, sink)));
    const after = withoutSink(before, sink, leftovers);
    const { waiting, onlyForIt } = await countFinals(target, sink, after);
    const plan = { sink, before, after, waitingFinals: waiting, onlyForIt, groups };
    return act(context, 'weir.sink-remove/1', target.prefix, {
      plan,
      planText: () => removePlanText(plan),
      apply: () => apply(context, target, sink, before, after),
    });
  });
}

async function apply(
  { clock }: CommandContext,
  place: SinkPlace,
  sink: string,
  before: readonly string[],
  after: readonly string[],
): Promise<Applied<SinkRemoveOutcome>> {
  const outcome: SinkRemoveOutcome = { recorded: false, groups: 0, bookKeys: 0 };
  const work = async () => {
    outcome.recorded = await recordSinks(place, before, after);
    if (!outcome.recorded) return refused('the sinks were changed by somebody else meanwhile');
    await clock.sleep(NOTICED_MS);
    await destroyGroups(place, sink, () => outcome.groups++);
    await dropBooks(place, sink, (keys) => {
      outcome.bookKeys += keys;
    });
    return undefined;
  };
  const went = () => `${outcome.groups} groups of other lines and ${outcome.bookKeys} keys of its books`;
  return asFarAsItGoes(outcome, work, {
    text: () => (outcome.recorded ? `removed, with ${went()}\n` : ''),
    done: () => (outcome.recorded ? `${sink} was removed, with ${went()}` : `${sink} was not removed`),
  });
}
