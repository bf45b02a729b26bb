import { parseArgs } from 'node:util';
import type { Scenario, Sizes } from './scenario.ts';

/** What `npm run bench -- …` is asked for. Pure. */
export type Asked =
  | { kind: 'measure'; chosen: readonly { scenario: Scenario; sizes: Sizes }[] }
  | { kind: 'list' }
  | { kind: 'help' }
  | { kind: 'wrong'; reason: string };

export const USAGE = `npm run bench -- [scenario …] [--runs N] [--events N] [--seconds N] [--minutes N]

  scenario      what --list shows; all of them unless told
  --runs N      how often everything is done
  --events N    events of a run
  --seconds N   length of a trial
  --minutes N   length of a soak
  --list        say what there is to measure
  --help        say this

Results go to bench/RESULTS.md, those of smaller sizes than the default only to this terminal.
`;

const SIZES = ['runs', 'events', 'seconds', 'minutes'] as const;

export function commandLine(args: readonly string[], scenarios: readonly Scenario[]): Asked {
  let parsed: { values: Record<string, string | boolean | undefined>; positionals: string[] };
  try {
    const size = { type: 'string' } as const;
    const flag = { type: 'boolean' } as const;
    const options = { runs: size, events: size, seconds: size, minutes: size, list: flag, help: flag };
    parsed = parseArgs({ args: [...args], options, allowPositionals: true });
  } catch (error) {
    return { kind: 'wrong', reason: (error as Error).message };
  }
  const { values, positionals } = parsed;
  if (values.help) return { kind: 'help' };
  if (values.list) return { kind: 'list' };
  const unknown = positionals.find((name) => !scenarios.some((scenario) => scenario.name === name));
  if (unknown !== undefined) return { kind: 'wrong', reason: `no such scenario: ${unknown} (--list shows them)` };
  const given: Partial<Record<(typeof SIZES)[number], number>> = {};
  for (const name of SIZES) {
    if (values[name] === undefined) continue;
    const value = Number(values[name]);
    const whole = name === 'runs' || name === 'events';
    if (!(value > 0) || (whole && !Number.isSafeInteger(value))) {
      return { kind: 'wrong', reason: `--${name}: got ${values[name]}, expected a number above 0` };
    }
    given[name] = value;
  }
  const chosen = scenarios.filter(({ name }) => positionals.length === 0 || positionals.includes(name));
  return { kind: 'measure', chosen: chosen.map((scenario) => ({ scenario, sizes: sized(scenario.sizes, given) })) };
}

/** Only what means something to the scenario. */
function sized(defaults: Sizes, given: Partial<Sizes>): Sizes {
  return Object.fromEntries(
    Object.entries(defaults).map(([name, size]) => [name, given[name as keyof Sizes] ?? size]),
  ) as unknown as Sizes;
}

export function isSmaller(sizes: Sizes, defaults: Sizes): boolean {
  return SIZES.some((name) => (sizes[name] ?? 0) < (defaults[name] ?? 0));
}
