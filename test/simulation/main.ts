/**
 * `npm run simulate`: runs schedules, seed after seed, and stops at the first that breaks a guarantee. The seed alone
 * brings the run back: `npm run simulate -- --seed S --trace`.
 *
 *   --seeds N       how many (1,000)
 *   --from S        the first (1)
 *   --seed S        this one alone
 *   --trace         print what happened
 *   --without C     leave out a check of the protocol, where it is missed soonest
 */
import { parseArgs } from 'node:util';
import { WHERE } from './missing-checks.ts';
import { CHECKS, type Without } from './redis/checks.ts';
import { simulate } from './simulation.ts';

const { values } = parseArgs({
  options: {
    seeds: { type: 'string', default: '1000' },
    from: { type: 'string', default: '1' },
    seed: { type: 'string' },
    trace: { type: 'boolean', default: false },
    without: { type: 'string' },
  },
});
const from = Number(values.seed ?? values.from);
const seeds = values.seed === undefined ? Number(values.seeds) : 1;
const check = CHECKS.find((name) => name === values.without);
if (!Number.isSafeInteger(from) || !Number.isSafeInteger(seeds) || seeds < 1 || (values.without && !check)) {
  process.stderr.write(`usage: --seeds, --from and --seed take whole numbers; --without one of ${CHECKS.join(', ')}\n`);
  process.exit(2);
}
const without: Without = new Set(check ? [check] : []);
const focus = check ? WHERE[check] : {};
const startedMs = performance.now();
let events = 0;
let failed = false;
let seed = from;
for (; seed < from + seeds && !failed; seed++) {
  const outcome = await simulate(seed, { without, focus, tracing: values.trace });
  events += outcome.events;
  if (values.trace) process.stdout.write(`${outcome.trace.join('\n')}\n`);
  if (outcome.violation !== undefined) {
    failed = true;
    const again = `npm run simulate -- --seed ${seed} --trace${check ? ` --without ${check}` : ''}`;
    process.stdout.write(`seed ${seed}: ${outcome.violation}\n  again: ${again}\n`);
  }
  if ((seed - from + 1) % 10_000 === 0) process.stdout.write(`${seed - from + 1} schedules, no violation\n`);
}
const seconds = (performance.now() - startedMs) / 1000;
const ran = seed - from;
process.stdout.write(
  `${ran} schedules, ${events} events, ${seconds.toFixed(1)} s, ${Math.round(ran / seconds)} a second: ${failed ? 'VIOLATED' : 'no violation'}\n`,
);
process.exitCode = failed ? 1 : 0;
