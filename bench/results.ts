import { median } from './measure/statistics.ts';
import type { Measure, Outcome, Sizes, Target } from './scenario.ts';

/** What a scenario brought, with everything that a reader needs to judge it, as it is kept and as it reads. Pure. */
export interface Result extends Outcome {
  readonly scenario: string;
  readonly what: string;
  readonly sizes: Sizes;
  /** ISO 8601, when it began. */
  readonly date: string;
  readonly minutes: number;
  readonly commit: string;
  readonly machine: Readonly<Record<string, string>>;
  readonly versions: Readonly<Record<string, string>>;
  /** 0 to 1. */
  readonly othersShare: number;
}

/** Above this, figures say more about the neighbours than about the programs. */
const QUIET = 0.05;

const INTRODUCTION = `# Results

Written by \`npm run bench\`; not by hand. [README.md](README.md) says what each figure is and how the peers were set up.
Each row is the median of its runs, with the lowest and the highest; where systems are compared they took turns. Targets are
what Weir is held to.
`;

export function renderResults(results: readonly Result[]): string {
  return [INTRODUCTION, ...results.map(renderResult)].join('\n');
}

export function renderResult(result: Result): string {
  const { scenario, what, sizes, settings, machine, versions, notes = [], othersShare } = result;
  const facts: [string, string][] = [
    ['when', `${result.date}, ${result.minutes.toFixed(1)} minutes, commit ${result.commit}`],
    ['machine', pairs(machine)],
    ['versions', pairs(versions)],
    ['settings', pairs({ ...sizes, ...settings })],
    ['used by others meanwhile', `${(othersShare * 100).toFixed(1)} % of the machine at most`],
  ];
  const lines = [
    `## ${scenario}`,
    '',
    sentence(what),
    '',
    ...facts.map(([name, text]) => `- ${name}: ${text}`),
    '',
    '| figure | median | lowest to highest | unit | target | |',
    '| --- | ---: | ---: | --- | --- | --- |',
    ...result.measures.map(row),
    '',
  ];
  const remarks = [...notes];
  if (othersShare > QUIET) remarks.push('The machine was not quiet: these figures are not to be relied on.');
  if (remarks.length > 0) lines.push(...remarks.map(sentence), '');
  return lines.join('\n');
}

/** Whether it is met; undefined where there is none. */
export function targetMet({ runs, target }: Measure): boolean | undefined {
  if (!target) return undefined;
  const value = median(runs);
  return value >= (target.atLeast ?? Number.NEGATIVE_INFINITY) && value <= (target.atMost ?? Number.POSITIVE_INFINITY);
}

function row(measure: Measure): string {
  const { what, unit, runs, target } = measure;
  const met = targetMet(measure);
  const range = runs.length > 1 ? `${figure(Math.min(...runs))} to ${figure(Math.max(...runs))}` : '';
  const verdict = met === undefined ? '' : met ? 'met' : '**not met**';
  return `| ${[what, figure(median(runs)), range, unit, targetText(target), verdict].join(' | ')} |`;
}

function targetText(target: Target | undefined): string {
  if (target?.atLeast !== undefined) return `≥ ${figure(target.atLeast)}`;
  if (target?.atMost !== undefined) return `≤ ${figure(target.atMost)}`;
  return '';
}

/** Three digits that say something, and whole numbers whole. */
export function figure(value: number): string {
  if (!Number.isFinite(value)) return '?';
  if (Math.abs(value) >= 100) return Math.round(value).toLocaleString('en');
  return String(Number(value.toPrecision(3)));
}

function pairs(of: Readonly<Record<string, string | number>>): string {
  return Object.entries(of)
    .map(([name, value]) => `${name} ${typeof value === 'number' ? value.toLocaleString('en') : value}`)
    .join(', ');
}

function sentence(text: string): string {
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}${/[.!?]$/.test(text) ? '' : '.'}`;
}
