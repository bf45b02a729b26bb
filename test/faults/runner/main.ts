/**
 * `npm run faults`: breaks a real region in every way there is, and checks that nothing was lost, counted twice or
 * forgotten. docs/faults.md says what each fault is and what a run proves.
 *
 *   --seed N       the schedule and the traffic (random; it is printed)
 *   --minutes M    go on until they are over (5, or with --only until each was run once)
 *   --only NAMES   these faults only, separated by commas
 *   --rate N       events a second (400)
 *   --short        windows end sooner: quicker, and less is under way
 *   --break RULE   break a rule on purpose: the run must fail
 *   --keep         keep the logs also when all is well
 *   --list         say what faults there are
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { disposeAll } from '../../support/cleanup.ts';
import { BROKEN_RULES } from './broken-rules.ts';
import { FAULTS } from './faults/catalogue.ts';
import { run } from './run.ts';

const DEFAULTS: Readonly<Record<string, string>> = { only: '', rate: '400' };
const { values } = parseArgs({
  options: {
    seed: { type: 'string' },
    minutes: { type: 'string' },
    only: { type: 'string', default: DEFAULTS.only! },
    rate: { type: 'string', default: DEFAULTS.rate! },
    short: { type: 'boolean', default: false },
    break: { type: 'string' },
    keep: { type: 'boolean', default: false },
    list: { type: 'boolean', default: false },
  },
});
const seed = Number(values.seed ?? Math.floor(Math.random() * 1_000_000));
const broken = BROKEN_RULES.find(({ name }) => name === values.break);
const only = values.only === '' ? (broken ? [broken.fault] : []) : values.only.split(',');
const minutes = Number(values.minutes ?? 5);
const eventsPerSecond = Number(values.rate);
const unknown = only.filter((name) => !FAULTS.some((fault) => fault.name === name));
if (
  !Number.isSafeInteger(seed) ||
  !(minutes > 0) ||
  !(eventsPerSecond > 0) ||
  unknown.length > 0 ||
  (values.break !== undefined && !broken)
) {
  const rules = BROKEN_RULES.map(({ name }) => name).join(', ');
  process.stderr.write(`usage: --seed, --minutes and --rate take numbers; --break one of ${rules}\n`);
  if (unknown.length > 0) process.stderr.write(`no such fault: ${unknown.join(', ')} (--list shows them)\n`);
  process.exit(2);
}
if (values.list) {
  for (const { name, what } of FAULTS) process.stdout.write(`${name.padEnd(30)} ${what}\n`);
  process.exit(0);
}

/** A flag as it was given, to be given again. */
function given(flag: 'only' | 'minutes' | 'rate' | 'break'): string[] {
  const value = values[flag];
  return value === undefined || value === DEFAULTS[flag] ? [] : [`--${flag}`, value];
}

const startedMs = performance.now();
const say = (line: string) => {
  const at = ((performance.now() - startedMs) / 1000).toFixed(0).padStart(5);
  process.stdout.write(`${at} s  ${line}\n`);
};
const logDir = mkdtempSync(join(tmpdir(), 'weir-faults-'));
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, () => {
    say(`${signal}: tidying up`);
    void disposeAll()
      .catch((error) => say(String(error)))
      .finally(() => {
        if (values.keep) say(`logs: ${logDir}`);
        else rmSync(logDir, { recursive: true, force: true });
        process.exit(130);
      });
  });
}

say(`seed ${seed}, ${eventsPerSecond} events/s${broken ? `, broken: ${broken.name} (${broken.what})` : ''}`);
const again = [
  '--seed',
  seed,
  ...given('only'),
  ...given('minutes'),
  ...given('rate'),
  ...given('break'),
  ...(values.short ? ['--short'] : []),
].join(' ');
const until = values.minutes === undefined && only.length > 0 ? undefined : minutes;
const result = await run({ seed, minutes: until, only, broken, eventsPerSecond, short: values.short, logDir, say });
await disposeAll();
const { rounds, faults, violations, seconds } = result;
const byRule = new Map<string, string[]>();
for (const { rule, text } of violations) byRule.set(rule, [...(byRule.get(rule) ?? []), text]);
for (const [rule, texts] of byRule) {
  say(`VIOLATED ${rule}: ${texts.length}`);
  for (const text of texts.slice(0, 5)) say(`    ${text}`);
}
say(
  `${violations.length === 0 ? 'no violation' : 'VIOLATED'}: seed ${seed}, ${rounds} rounds, ${faults} faults, ${seconds.toFixed(0)} s`,
);
if (broken) {
  const seen = broken.reports.filter((rule) => byRule.has(rule));
  say(seen.length > 0 ? `as it must: ${seen.join(', ')}` : `BUT ${broken.reports.join(' or ')} was not noticed`);
}
if (violations.length > 0) say(`again: npm run faults -- ${again}`);
if (violations.length > 0 || values.keep) say(`logs: ${logDir}`);
else rmSync(logDir, { recursive: true, force: true });
process.exit(violations.length === 0 ? 0 : 1);
