import type { Scenario } from './scenario.ts';
import { http } from './scenarios/http.ts';

/** Everything that `npm run bench` measures, in the order of RESULTS.md. README.md says what each is. */
export const SCENARIOS: readonly Scenario[] = [http];
