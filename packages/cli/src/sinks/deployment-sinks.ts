import type { Deployment } from '@weir/common/deployment';
import { refused } from '../acting.ts';

/** The sinks of a deployment, by name. Pure. */
export function deploymentSinks({ sinks }: Partial<Deployment>): readonly string[] {
  if (sinks === undefined)
    throw refused('no aggregator has started in this deployment: the first one records its sinks');
  return sinks;
}

/** Those asked for, or all. Throws a refusal for one that the deployment does not have. */
export function chosenSinks(recorded: Partial<Deployment>, asked: readonly string[]): readonly string[] {
  const sinks = deploymentSinks(recorded);
  for (const sink of asked) {
    if (!sinks.includes(sink))
      throw refused(`${sink} is no sink of this deployment; its sinks are ${sinks.join(', ')}`);
  }
  return asked.length > 0 ? [...new Set(asked)] : sinks;
}
