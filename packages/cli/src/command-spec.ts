import type { CommandContext } from './command-context.ts';
import type { ReportSchema } from './report-schema.ts';

/**
 * What there is to know of a command without running it: `weir --help`, the completions and the tests are made from it.
 * Pure data, so that asking for help loads nothing else.
 */
export interface FlagSpec {
  /** As commander writes it: `--idle <duration>`, `-o, --output <format>`; without a value it is a switch. */
  readonly flag: string;
  readonly description: string;
  /** An environment variable that sets it, too. An empty one counts as unset. */
  readonly env?: string;
  /** May stand in the `--config` file, as a key named like the flag. Not for what changes something when it is given. */
  readonly inFile?: boolean;
  /** Text, read by the same rules as any other source. */
  readonly default?: string;
  /** What a flag with an optional value (`--watch [interval]`) means without one. */
  readonly bare?: string;
  /** May be repeated; in the environment variable commas separate, in the file it is a list. */
  readonly many?: boolean;
  /** Never shown. */
  readonly secret?: boolean;
  /** All there is to choose from, for the completions. */
  readonly values?: readonly string[];
}

export interface CommandSpec {
  /** `lag`, or with the group before it: `sink add`. */
  readonly name: string;
  /** As commander writes them: `<entry>`, `[file]`, `<id...>`. */
  readonly operands?: string;
  readonly summary: string;
  /** Heading in `weir --help`. */
  readonly topic: string;
  readonly flags: readonly FlagSpec[];
  /** Exit code of every failure, wrong usage included, for callers with codes of their own. */
  readonly exitOnFault?: number;
  /** Only now is the command's own code read. */
  readonly load: () => Promise<CommandModule>;
}

export interface CommandModule {
  /** Answers the exit code. A WeirError it rejects with becomes one line on stderr. */
  readonly run: (context: CommandContext) => Promise<number>;
  /** Of what it prints with `-o json`; docs/cli-schemas is made from it. */
  readonly schema?: ReportSchema;
}

/** What a group of commands is about. */
export type GroupSummaries = Readonly<Record<string, string>>;

/** deployment-target.ts reads them. */
export const DEPLOYMENT_FLAGS: readonly FlagSpec[] = [
  {
    flag: '--redis <url>',
    description: 'Redis of the deployment',
    env: 'WEIR_REDIS',
    inFile: true,
    default: 'redis://127.0.0.1:6379',
  },
  {
    flag: '--prefix <text>',
    description: 'what its keys begin with',
    env: 'WEIR_PREFIX',
    inFile: true,
    default: 'weir',
  },
  {
    flag: '--partitions <n>',
    description: 'number of partitions; only needed where no deployment is recorded',
    env: 'WEIR_PARTITIONS',
    inFile: true,
  },
];

export const FORMATS = ['table', 'wide', 'json', 'yaml'] as const;

/** view.ts reads them. */
export const OUTPUT_FLAGS: readonly FlagSpec[] = [
  {
    flag: '-o, --output <format>',
    description: 'table, wide (more columns), json or yaml',
    env: 'WEIR_OUTPUT',
    inFile: true,
    default: 'table',
    values: FORMATS,
  },
  { flag: '--json', description: 'the same as --output json' },
  { flag: '--utc', description: "times in UTC instead of the reader's time zone", inFile: true },
];

/** show.ts reads it. */
export const WATCH_FLAG: FlagSpec = {
  flag: '--watch [interval]',
  description: 'look again and again, every 2s unless told',
  bare: '2s',
};

/** acting.ts reads them. */
export const ACT_FLAGS: readonly FlagSpec[] = [
  { flag: '--yes', description: 'go on without asking' },
  { flag: '--dry-run', description: 'show what would change, and change nothing' },
];

/** sending/relay-flags.ts reads them. */
export const RELAY_FLAGS: readonly FlagSpec[] = [
  {
    flag: '--relay <url>',
    description: 'where a relay takes lines; what one does not confirm goes to the next',
    env: 'WEIR_RELAYS',
    inFile: true,
    many: true,
    default: 'http://127.0.0.1:9600',
  },
  {
    flag: '--token <token>',
    description: 'of a client, where relays ask for one',
    env: 'WEIR_RELAY_TOKEN',
    secret: true,
  },
  { flag: '--patience <duration>', description: 'how long one request is tried at the relays', default: '60s' },
];

/** Of every command. run-command.ts reads it. */
export const CONFIG_FLAG: FlagSpec = {
  flag: '--config <file>',
  description: 'YAML file with settings, keys named like the flags',
  env: 'WEIR_CONFIG',
};

/** `-o, --output <format>` → `output`. */
export function flagName({ flag }: FlagSpec): string {
  return /--([a-z][a-z0-9-]*)/.exec(flag)![1]!;
}

export function isSwitch({ flag }: FlagSpec): boolean {
  return !/[<[]/.test(flag);
}

/** Settings: what may come from elsewhere than the command line. One `--config` file may hold those of every command. */
export function settingFlags(commands: readonly CommandSpec[]): FlagSpec[] {
  const settings = commands.flatMap(({ flags }) => flags).filter(({ inFile, env }) => inFile || env !== undefined);
  return [...new Map(settings.map((flag) => [flagName(flag), flag])).values()];
}
