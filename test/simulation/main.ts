/**
 * `npm run simulate`: runs schedules, seed after seed, and stops at the first that breaks a guarantee. The seed alone
 * brings the run back: `npm run simulate -- --seed S --trace`.
 *
 *   --seeds N       how many (1,000)
 *   --from S        the first (1)
 *   --seed S        this one alone
 *   --trace         print what happened
 *   --without C     leave out a check of the protocol, where it is missed soonest
 *   --jobs J        threads (one per core)
 */
import { availableParallelism } from 'node:os';
import { parseArgs } from 'node:util';
import { CHECKS } from './redis/checks.ts';
import { runSchedules } from './schedules.ts';
import { runOnWorkers } from './workers.ts';

const PROGRESS_EVERY = 10_000;

const { values } = parseArgs({
  options: {
    seeds: { type: 'string', default: '1000' },
    from: { type: 'string', default: '1' },
    seed: { type: 'string' },
    trace: { type: 'boolean', default: false },
    without: { type: 'string' },
    jobs: { type: 'string', default: String(availableParallelism()) },
  },
});
const from = Number(values.seed ?? values.from);
const seeds = values.seed === undefined ? Number(values.seeds) : 1;
const jobs = Number(values.jobs);
const without = CHECKS.find((name) => name === values.without);
const wellSaid = [from, seeds, jobs].every(Number.isSafeInteger) && seeds >= 1 && jobs >= 1;
if (!wellSaid || (values.without !== undefined && !without)) {
  process.stderr.write(
    `usage: --seeds, --from, --seed and --jobs take whole numbers; --without one of ${CHECKS.join(', ')}\n`,
  );
  process.exit(2);
}
const startedMs = performance.now();
let told = 0;
const onProgress = (ran: number) => {
  if (ran - told < PROGRESS_EVERY) return;
  told = ran - (ran % PROGRESS_EVERY);
  process.stdout.write(`${told} schedules, no violation\n`);
};
const schedules = { from, seeds, ...(without ? { without } : {}) };
const { ran, events, violated, trace } =
  jobs === 1 || seeds === 1
    ? await runSchedules({ ...schedules, tracing: values.trace })
    : await runOnWorkers({ ...schedules, jobs, onProgress });
if (values.trace) process.stdout.write(`${trace.join('\n')}\n`);
if (violated) {
  const again = `npm run simulate -- --seed ${violated.seed} --trace${without ? ` --without ${without}` : ''}`;
  process.stdout.write(`seed ${violated.seed}: ${violated.violation}\n  again: ${again}\n`);
}
const seconds = (performance.now() - startedMs) / 1000;
process.stdout.write(
  `${ran} schedules, ${events} events, ${seconds.toFixed(1)} s, ${Math.round(ran / seconds)} a second: ${violated ? 'VIOLATED' : 'no violation'}\n`,
);
process.exitCode = violated ? 1 : 0;
