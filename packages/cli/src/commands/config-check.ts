import {
  AGGREGATOR_RULES,
  AGGREGATOR_SETTINGS,
  type AggregatorSettings,
  deploymentOf,
} from '@weir/common/aggregator-settings';
import { DAEMON_SETTINGS } from '@weir/common/daemon-settings';
import { compareWithDeployment, type Deployment } from '@weir/common/deployment';
import { SettingsError } from '@weir/common/errors';
import { RELAY_RULES, RELAY_SETTINGS } from '@weir/common/relay-settings';
import { keyPrefix, oneOf, text } from '@weir/common/setting-values';
import { parseSettingsFile, readText, type SettingsFileItem } from '@weir/common/settings-file';
import { type CommandContext, UsageError } from '../command-context.ts';
import { settingFlags } from '../command-spec.ts';
import {
  CONFIG_CHECK_SCHEMA,
  checkReport,
  checkText,
  countFaults,
  type JudgedProgram,
  judgeText,
} from '../config/check-report.ts';
import { faultOf } from '../config/judge-file.ts';
import {
  cliSettings,
  daemonSettings,
  PROGRAMS,
  type ProgramSettings,
  sinksOf,
  withSinks,
} from '../config/program-settings.ts';
import { withRedis } from '../deployment-target.ts';
import { operand } from '../operand.ts';
import { show } from '../show.ts';

export const schema = CONFIG_CHECK_SCHEMA;

/** Reads one file and, where a Redis is named on the command line, what the deployment there has recorded. */
export async function run(context: CommandContext): Promise<number> {
  const { flags, readFile, commands } = context;
  const path = operand(context, 'file', text('the path of a YAML file'));
  const asked = flags.readOptional('for', oneOf(...PROGRAMS));
  const programs: ProgramSettings[] = [
    daemonSettings('relay', { ...RELAY_SETTINGS, ...DAEMON_SETTINGS }, RELAY_RULES),
    withSinks(daemonSettings('aggregator', { ...AGGREGATOR_SETTINGS, ...DAEMON_SETTINGS }, AGGREGATOR_RULES)),
    cliSettings(settingFlags(commands).filter(({ inFile }) => inFile)),
  ];
  const file = parseSettingsFile(readFileText(path, readFile));
  const judged = judgeText(file, programs, asked);
  const compared = flags.find('redis')?.origin === 'flag' ? await compare(context, judged, file.items) : null;
  const report = checkReport(path, judged, compared);
  const faults = countFaults(report);
  const fault = report.right
    ? undefined
    : new SettingsError(`${path}: ${faults === 1 ? '1 fault' : `${faults} faults`}`);
  return show(context, async () => ({ report, text: () => checkText(report), ...(fault ? { fault } : {}) }));
}

function readFileText(path: string, readFile: CommandContext['readFile']): string {
  try {
    return readText(path, readFile);
  } catch (error) {
    if (!(error instanceof SettingsError)) throw error;
    throw new SettingsError(error.message.replace(/^--config/, 'file'), { cause: error });
  }
}

/** Adds to the faults what the deployment has recorded otherwise, and answers which one that is. */
async function compare(
  context: CommandContext,
  judged: readonly JudgedProgram[],
  items: readonly SettingsFileItem[],
): Promise<string | null> {
  const [one, ...more] = judged;
  if (!one || more.length > 0)
    throw new UsageError('--redis: got a Redis to compare with, expected also --for <program>');
  const { flags } = context;
  const own = flags.find('prefix')?.origin === 'flag' ? undefined : one.settings.prefix;
  const prefix = typeof own === 'string' ? own : flags.read('prefix', keyPrefix);
  const conflicts = await withRedis(context, (redis) => compareWithDeployment(redis, prefix, wantedOf(one)));
  for (const { flag, message } of conflicts ?? []) {
    const key = flag.slice(2);
    one.faults.push(faultOf(message, key, items.find(({ name }) => name === key)?.line ?? null));
  }
  return conflicts ? prefix : null;
}

/** What is faulty in itself is not compared. */
function wantedOf({ program, settings, faults }: JudgedProgram): Partial<Deployment> {
  const { partitions, pointTags } = settings as Partial<AggregatorSettings>;
  if (program !== 'aggregator') return partitions === undefined ? {} : { partitions };
  const wrongSinks = faults.some(({ key }) => key === 'sink');
  const sinks = wrongSinks ? [] : sinksOf(settings);
  const wanted: Partial<Deployment> = deploymentOf(
    { ...(settings as AggregatorSettings), pointTags: pointTags ?? [] },
    sinks,
  );
  if (pointTags === undefined) delete wanted.pointTags;
  if (wrongSinks) delete wanted.sinks;
  return wanted;
}
