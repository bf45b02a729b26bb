import { z } from 'zod';
import { actSchema, refused } from '../acting.ts';
import { count } from '../report-schema.ts';

/** What changes when the deployment gets a sink, or loses one. Pure. */
const names = z.array(z.string());

export const SINK_ADD_SCHEMA = actSchema(
  'sink-add',
  'A sink that the deployment gets.',
  { sink: z.string(), before: names, after: names, finalRecords: count.describe('of sealed windows that it gets') },
  { recorded: z.boolean() },
);

export const SINK_REMOVE_SCHEMA = actSchema(
  'sink-remove',
  'A sink that the deployment no longer has.',
  {
    sink: z.string(),
    before: names,
    after: names,
    waitingFinals: count.describe('sealed windows that it does not have yet, or was not looked at again for'),
    onlyForIt: count.describe('of these, those that wait for nothing else'),
    groups: count.describe('of other lines, one per partition'),
  },
  { recorded: z.boolean(), groups: count, bookKeys: count.describe('keys of its books that were removed') },
);

export type SinkAddPlan = z.infer<typeof SINK_ADD_SCHEMA>['plan'];
export type SinkRemovePlan = z.infer<typeof SINK_REMOVE_SCHEMA>['plan'];
export type SinkRemoveOutcome = NonNullable<z.infer<typeof SINK_REMOVE_SCHEMA>['outcome']>;

export function withSink(sinks: readonly string[], sink: string): string[] {
  if (sinks.includes(sink)) throw refused(`the deployment has the sink ${sink} already`);
  return [...sinks, sink].sort();
}

/** `leftovers`: something of it is still there, though it is none of the sinks. */
export function withoutSink(sinks: readonly string[], sink: string, leftovers: boolean): string[] {
  if (!sinks.includes(sink) && !leftovers)
    throw refused(`${sink} is no sink of this deployment; its sinks are ${sinks.join(', ')}`);
  const rest = sinks.filter((name) => name !== sink);
  if (rest.length === 0) throw refused(`${sink} is the only sink: add another one first`);
  return rest;
}

export function addPlanText({ sink, before, after, finalRecords }: SinkAddPlan): string {
  return [
    `sinks: ${before.join(', ')} → ${after.join(', ')}`,
    `${sink} gets all open windows, ${finalRecords} sealed ones whose final totals are kept, and the other lines still in Redis`,
    'older windows are to be copied from another sink',
    `restart the aggregators one by one with ${sink}: what it needs is kept until all of them have it, and it may lack windows so long`,
    '',
  ].join('\n');
}

export function removePlanText({ sink, before, after, waitingFinals, onlyForIt, groups }: SinkRemovePlan): string {
  return [
    `sinks: ${before.join(', ')} → ${after.join(', ')}`,
    `${waitingFinals} sealed windows no longer wait for ${sink}, ${onlyForIt} of them for nothing else`,
    `its books go, and its ${groups} groups of other lines with what waits there for it`,
    `the aggregators stop writing to ${sink} within a second; start them without it the next time`,
    '',
  ].join('\n');
}
