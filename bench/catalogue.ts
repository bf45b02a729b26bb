import type { Scenario } from './scenario.ts';
import { cliScale } from './scenarios/cli-scale.ts';
import { drain } from './scenarios/drain.ts';
import { flush } from './scenarios/flush.ts';
import { growth } from './scenarios/growth.ts';
import { http } from './scenarios/http.ts';
import { latency } from './scenarios/latency.ts';
import { memory } from './scenarios/memory.ts';
import { micro } from './scenarios/micro.ts';
import { restart } from './scenarios/restart.ts';
import { soak } from './scenarios/soak.ts';
import { udp } from './scenarios/udp.ts';

/** Everything that `npm run bench` measures, in the order of RESULTS.md. README.md says what each is. */
export const SCENARIOS: readonly Scenario[] = [
  http,
  udp,
  latency,
  growth,
  drain,
  restart,
  flush,
  memory,
  soak,
  micro,
  cliScale,
];
