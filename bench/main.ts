/**
 * `npm run bench`: measures everything and writes bench/RESULTS.md; `npm run bench -- NAME …` measures some of it.
 * README.md says what each scenario is, how peers are set up, and what a machine must be like.
 *
 *   --runs N      how often everything is done
 *   --events N    events of a run
 *   --seconds N   length of a trial, where it has one
 *   --minutes N   length of a soak
 *   --list        say what there is
 *   --help        say this
 *
 * What is smaller than the default is printed and not written down: a figure in RESULTS.md is one to rely on.
 */
import { join } from 'node:path';
import { disposeAll } from '../test/support/cleanup.ts';
import { PROJECT_DIR } from '../test/support/project.ts';
import { SCENARIOS } from './catalogue.ts';
import { commandLine, isSmaller, USAGE } from './command-line.ts';
import { describeCommit, describeMachine, describeVersions } from './machine.ts';
import { startMachineMeter } from './measure/cpu-meter.ts';
import { type Result, renderResult, targetMet } from './results.ts';
import { keepResult } from './results-files.ts';
import { Bench, type Scenario, type Sizes, trial } from './scenario.ts';

const startedMs = performance.now();
const asked = commandLine(process.argv.slice(2), SCENARIOS);
if (asked.kind === 'wrong') {
  process.stderr.write(`bench: ${asked.reason}\n`);
  process.exit(2);
}
if (asked.kind === 'help') {
  process.stdout.write(USAGE);
  process.exit(0);
}
if (asked.kind === 'list') {
  for (const { name, what } of SCENARIOS) process.stdout.write(`${name.padEnd(10)} ${what}\n`);
  process.exit(0);
}

let stopping = false;
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, () => {
    stopping = true;
    say(`${signal}: taking everything down`);
    void disposeAll().finally(() => process.exit(130));
  });
}

let failed = 0;
for (const { scenario, sizes } of asked.chosen) {
  if (stopping) break;
  try {
    await measure(scenario, sizes);
  } catch (error) {
    failed++;
    // What breaks while everything is being taken down breaks because of that.
    if (stopping) continue;
    say(`${scenario.name} failed: ${error instanceof Error ? error.message : String(error)}`);
  }
}
// The signal's own way out comes when everything is down.
if (!stopping) process.exit(failed === 0 ? 0 : 1);

async function measure(scenario: Scenario, sizes: Sizes): Promise<void> {
  const { name, what } = scenario;
  say(`${name}: ${what}`);
  const date = new Date().toISOString();
  const beganMs = performance.now();
  const others = startMachineMeter();
  const bench = new Bench(sizes, (line) => say(`  ${line}`));
  const outcome = await trial(() => scenario.run(bench));
  const versions = { ...(await describeVersions()), ...outcome.versions };
  const result: Result = {
    ...outcome,
    scenario: name,
    what,
    sizes,
    date,
    minutes: (performance.now() - beganMs) / 60_000,
    commit: await describeCommit(),
    machine: describeMachine(),
    versions,
    othersShare: Math.max(bench.othersShare, others()),
  };
  process.stdout.write(`\n${renderResult(result)}\n`);
  const missed = outcome.measures.filter((measure) => targetMet(measure) === false);
  say(`${name}: ${missed.length === 0 ? 'no target missed' : `targets not met: ${missed.length}`}`);
  if (isSmaller(sizes, scenario.sizes)) {
    say(`${name}: smaller than the default, so not written down`);
    return;
  }
  const order = SCENARIOS.map((one) => one.name);
  await keepResult(join(PROJECT_DIR, 'bench'), result, order);
}

function say(line: string): void {
  const seconds = ((performance.now() - startedMs) / 1000).toFixed(0).padStart(5);
  process.stdout.write(`${seconds} s  ${line}\n`);
}
