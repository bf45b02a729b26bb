import { WHERE } from './missing-checks.ts';
import type { Check } from './redis/checks.ts';
import { simulate } from './simulation.ts';

/** A run of seeds, one after the other, up to the first that breaks a guarantee. */
export interface Schedules {
  from: number;
  seeds: number;
  /** Left out of the protocol, where it is missed soonest. */
  without?: Check;
  tracing?: boolean;
}

export interface SchedulesOutcome {
  ran: number;
  events: number;
  violated: { seed: number; violation: string } | undefined;
  trace: readonly string[];
}

export async function runSchedules({ from, seeds, without, tracing = false }: Schedules): Promise<SchedulesOutcome> {
  const options = without === undefined ? {} : { without: new Set([without]), focus: WHERE[without] };
  let events = 0;
  const trace: string[] = [];
  for (let seed = from; seed < from + seeds; seed++) {
    const outcome = await simulate(seed, { ...options, tracing });
    events += outcome.events;
    if (tracing) trace.push(...outcome.trace);
    const { violation } = outcome;
    if (violation !== undefined) return { ran: seed - from + 1, events, violated: { seed, violation }, trace };
  }
  return { ran: seeds, events, violated: undefined, trace };
}
