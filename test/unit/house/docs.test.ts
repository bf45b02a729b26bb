import { hostname } from 'node:os';
import { posix } from 'node:path';
import { aggregatorMetrics } from '@weir/aggregator/aggregator-metrics';
import { COMMANDS } from '@weir/cli/command-list';
import { CONFIG_FLAG, flagName } from '@weir/cli/command-spec';
import { publishedSchemas } from '@weir/cli/published-schemas';
import { FINDING_CODES } from '@weir/cli/verdict-codes';
import { AGGREGATOR_SETTINGS } from '@weir/common/aggregator-settings';
import { DAEMON_SETTINGS } from '@weir/common/daemon-settings';
import { HttpServer } from '@weir/common/http';
import { HTTP_REFUSALS } from '@weir/common/http-limits';
import { REJECT_REASONS } from '@weir/common/line-reasons';
import { silentLogger } from '@weir/common/logger';
import { Metrics } from '@weir/common/metrics';
import { RELAY_SETTINGS } from '@weir/common/relay-settings';
import type { Setting, SettingsSpec } from '@weir/common/settings';
import { RelayMetrics } from '@weir/relay/relay-metrics';
import { SCENARIOS } from '../../../bench/catalogue.ts';
import { HTTP_LIMITS } from '../../support/http-limits.ts';
import { projectFiles } from './project-files.ts';

/** Holds the documents to the code: what a reader finds there exists, and what exists is found there. */
const docs = projectFiles(/\.md$/);
const sources = new Map([...projectFiles(/\.(ts|lua)$/)].filter(([path]) => /^packages\/[^/]+\/src\//.test(path)));
const allDocs = [...docs.values()].join('\n');
const doc = (path: string): string => docs.get(path) ?? '';

/** The text under a heading, up to the next one of the same rank. */
function section(text: string, heading: string): string {
  const start = text.indexOf(`\n${heading}\n`);
  if (start < 0) return '';
  const rank = heading.split(' ')[0]!;
  const end = text.indexOf(`\n${rank} `, start + heading.length);
  return text.slice(start, end < 0 ? undefined : end);
}

/** The first three cells of the tables' rows: flag, environment variable, default; without their backticks. */
function rows(text: string): string[][] {
  return text
    .split('\n')
    .filter((line) => line.startsWith('| ') && !line.startsWith('| ---') && !line.startsWith('| flag'))
    .map((line) => line.split(/(?<!\\)\|/).slice(1, 4))
    .map((cells) => cells.map((cell) => cell.trim().replaceAll('`', '').replaceAll('\\|', '|')));
}

const NO_FIXED_DEFAULT = new Map([
  ['WEIR_RELAY_ID', "the host's name"],
  ['WEIR_AGGREGATOR_ID', "host's name, dash, HTTP port"],
]);

function rowOf(declared: Setting<unknown>): string[] {
  const shown = NO_FIXED_DEFAULT.get(declared.env ?? '') ?? declared.default ?? '';
  return [declared.flag === undefined ? '' : `--${declared.flag}`, declared.env ?? '', shown];
}

describe('settings.md lists every setting with its variable and default, and no other', () => {
  const settings = doc('docs/settings.md');
  const shared = rows(section(settings, '## Both daemons'));

  test.each<[string, SettingsSpec, string]>([
    ['weir-relay', { ...RELAY_SETTINGS, ...DAEMON_SETTINGS }, '## weir-relay'],
    ['weir-aggregator', { ...AGGREGATOR_SETTINGS, ...DAEMON_SETTINGS }, '## weir-aggregator'],
  ])('of %s', (_, spec, heading) => {
    const listed = [...rows(section(settings, heading)), ...shared];
    const expected = [...Object.values(spec).map(rowOf), ['--config <file>', 'WEIR_CONFIG', '']];
    expect(listed.map(([flag, env]) => `${flag} ${env}`).sort()).toEqual(
      expected.map(([flag, env]) => `${flag} ${env}`).sort(),
    );
    for (const row of expected) expect(listed).toContainEqual(row);
  });

  test('of weir', () => {
    const flags = [...new Set(COMMANDS.flatMap((spec) => spec.flags)), CONFIG_FLAG].filter(
      ({ env, inFile }) => env !== undefined || inFile,
    );
    const expected = flags.map(({ flag, env = '', default: fixed = '' }) => [flag, env, fixed]);
    expect(rows(section(settings, '## weir')).sort()).toEqual(expected.sort());
  });

  test('a relay is named after its host', () => {
    expect(RELAY_SETTINGS.id.default).toBe(hostname());
  });
});

test('every environment variable that a document names exists', () => {
  const specs: SettingsSpec[] = [RELAY_SETTINGS, AGGREGATOR_SETTINGS, DAEMON_SETTINGS];
  const known = specs.flatMap((spec) => Object.values(spec).map(({ env }) => env));
  const ofWeir = COMMANDS.flatMap((spec) => spec.flags.map(({ env }) => env));
  const names = new Set([...known, ...ofWeir, 'WEIR_CONFIG']);
  const named = [...allDocs.matchAll(/\bWEIR_[A-Z_]+/g)].map(([name]) => name);
  expect(named.filter((name) => !names.has(name))).toEqual([]);
});

describe('cli.md, cli-acting.md and cli-sending.md', () => {
  const cli = ['cli', 'cli-acting', 'cli-sending'].map((name) => doc(`docs/${name}.md`)).join('\n');
  const everywhere = section(cli, '## Every command');

  test.each(COMMANDS)('tells of weir $name and all of its flags', (spec) => {
    const own = section(cli, `## weir ${spec.name}`);
    expect(own).not.toBe('');
    const missing = spec.flags
      .filter(({ inFile, env }) => !inFile && env === undefined)
      .map((flag) => `--${flagName(flag)}`)
      .filter((flag) => !(own + everywhere).includes(flag));
    expect(missing).toEqual([]);
  });

  test('and the published schemas are those of the code (npm run schemas)', async () => {
    const published = [...projectFiles(/\.json$/)].filter(([path]) => path.startsWith('docs/cli-schemas/'));
    const files = new Map(published.map(([path, text]) => [posix.basename(path), text]));
    expect(files).toEqual(await publishedSchemas());
  });
});

test.each(FINDING_CODES)('the runbook has an entry for what weir status may say: %s', (code) => {
  expect(section(doc('docs/runbook.md'), `## ${code}`)).toMatch(/\n\n.{20}/);
});

describe('operations.md', () => {
  const operations = doc('docs/operations.md');

  test('with metrics.md: every metric is listed, and no document names one that does not exist', async () => {
    const relay = new RelayMetrics();
    const aggregator = new Metrics();
    aggregatorMetrics(aggregator);
    for (const [metrics, metricPrefix] of [
      [relay, 'weir_relay'],
      [aggregator, 'weir_aggregator'],
    ] as const) {
      const address = { host: '127.0.0.1', port: 0 };
      const limits = HTTP_LIMITS;
      new HttpServer({ address, logger: silentLogger, metrics, metricPrefix, readyChecks: {}, limits });
    }
    const text = `${await relay.text()}\n${await aggregator.text()}`;
    const metrics = [...text.matchAll(/^# HELP (weir_\S+)/gm)].map(([, name]) => name!);
    expect(metrics.length).toBeGreaterThan(30);
    const listed = rows(doc('docs/metrics.md')).map(([name]) => name);
    expect(metrics.filter((name) => !listed.includes(name))).toEqual([]);
    const named = [...allDocs.matchAll(/\bweir_(?:relay|aggregator)_[a-z_]+/g)].map(([name]) => name);
    expect(named.filter((name) => !metrics.includes(name))).toEqual([]);
  });

  test.each(HTTP_REFUSALS)('with security.md: explains the refusal %s', (reason) => {
    expect(doc('docs/security.md')).toContain(`| \`${reason}\` |`);
  });

  test.each(REJECT_REASONS)('explains the reject reason %s', (reason) => {
    expect(operations).toContain(`\`${reason}\``);
  });

  test('explains every reason for a dead letter', () => {
    const plan = sources.get('packages/aggregator/src/fold-plan.ts') ?? '';
    const reasons = quoted(/export type DeadReason = ([^;]+);/.exec(plan)?.[1] ?? '');
    expect(reasons.length).toBeGreaterThan(3);
    expect(reasons.filter((reason) => !operations.includes(`\`${reason}\``))).toEqual([]);
  });

  test('explains every code of an error', () => {
    const sink = sources.get('packages/sinks/src/sink.ts') ?? '';
    const codes = quoted(/export type SinkErrorCode =([^;]+);/.exec(sink)?.[1] ?? '');
    for (const text of sources.values()) {
      for (const [, code] of text.matchAll(/\b(?:new \w+(?:Error|Fault)|super)\(\s*'([a-z][a-z0-9-]+)'/g)) {
        codes.push(code!);
      }
    }
    expect(codes.length).toBeGreaterThan(10);
    expect([...new Set(codes)].filter((code) => !operations.includes(`\`${code}\``))).toEqual([]);
  });
});

test.each(SCENARIOS)('bench/README.md says what the scenario $name measures', ({ name }) => {
  expect(section(doc('bench/README.md'), `### ${name}`)).toMatch(/[^#\s]/);
});

function quoted(text: string): string[] {
  return [...text.matchAll(/'([a-z-]+)'/g)].map(([, word]) => word!);
}

test('every relative link leads to a file, and to a heading that is there', () => {
  const files = new Set(projectFiles(/./).keys());
  const folders = new Set([...files].flatMap((path) => parents(path)));
  const faults: string[] = [];
  for (const [path, text] of docs) {
    for (const [, target] of text.matchAll(/\]\(([^)\s]+)\)/g)) {
      if (/^https?:/.test(target!)) continue;
      const [file, heading] = target!.split('#');
      const to = file === '' ? path : posix.join(posix.dirname(path), file!);
      if (!files.has(to) && !folders.has(to)) faults.push(`${path}: ${target} leads nowhere`);
      else if (heading && !headings(doc(to)).includes(heading)) faults.push(`${path}: no heading for ${target}`);
    }
  }
  expect(docs.size).toBeGreaterThan(20);
  expect(faults).toEqual([]);
});

function parents(path: string): string[] {
  const parts = path.split('/');
  return parts.slice(1).map((_, i) => parts.slice(0, i + 1).join('/'));
}

/** As GitHub makes anchors of them: lower case, no punctuation, dashes for spaces. */
function headings(text: string): string[] {
  return [...text.matchAll(/^#+ (.+)$/gm)].map(([, title]) =>
    title!
      .toLowerCase()
      .replace(/[^\p{L}\p{N} _-]/gu, '')
      .replaceAll(' ', '-'),
  );
}

test('the records of decisions are numbered without a gap, and each says the same four things', () => {
  const records = [...docs].filter(([path]) => path.startsWith('docs/adr/')).sort(([a], [b]) => (a < b ? -1 : 1));
  records.forEach(([path, text], i) => {
    expect(path).toMatch(new RegExp(`/${String(i + 1).padStart(4, '0')}-[a-z0-9-]+\\.md$`));
    expect(text).toMatch(new RegExp(`^# ${i + 1}\\. .+\n\nStatus: `));
    for (const heading of ['Context', 'Decision', 'Consequences']) expect(text).toContain(`\n## ${heading}\n`);
  });
});

test('the example of the README is the one that the tests run', () => {
  const readme = doc('README.md');
  const examples = projectFiles(/^article(\.expected)?\.lp$/);
  expect(examples.size).toBe(2);
  for (const text of examples.values()) {
    for (const line of text.trim().split('\n')) expect(readme).toContain(`\n    ${line}\n`);
  }
});
