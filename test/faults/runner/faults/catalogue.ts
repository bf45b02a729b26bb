import { CLOCK_FAULTS } from './clocks.ts';
import type { Fault } from './fault.ts';
import { JOURNAL_FAULTS } from './journal.ts';
import { KILL_POINTS } from './kill-points.ts';
import { NETWORK_FAULTS } from './network.ts';
import { PROCESS_FAULTS } from './processes.ts';
import { REDIS_FAULTS } from './redis.ts';
import { SINK_FAULTS } from './sinks.ts';
import { takeover } from './takeover.ts';

export const FAULTS: readonly Fault[] = [
  ...PROCESS_FAULTS,
  ...KILL_POINTS,
  ...REDIS_FAULTS,
  ...NETWORK_FAULTS,
  ...SINK_FAULTS,
  ...JOURNAL_FAULTS,
  ...CLOCK_FAULTS,
  takeover,
];
