import { Command, Option } from 'commander';
import {
  CONFIG_FLAG,
  type CommandSpec,
  type FlagSpec,
  flagName,
  type GroupSummaries,
  isSwitch,
} from './command-spec.ts';

/**
 * The command line, from the list of commands: which command is asked for, and what was given to it, not yet read. Pure
 * but for the help, which goes to the writers.
 */
export interface Chosen {
  spec: CommandSpec;
  /** By the flag's name, in the order given; what a switch or a flag without its optional value gives is ''. */
  given: ReadonlyMap<string, readonly string[]>;
  operands: readonly string[];
}

export interface CommandLineOptions {
  commands: readonly CommandSpec[];
  groups: GroupSummaries;
  version: string;
  out: (text: string) => void;
  err: (text: string) => void;
}

/**
 * Undefined when help or the version was asked for. Throws commander's own error for what it cannot make sense of, after it
 * has written its line.
 */
export function readCommandLine(
  argv: readonly string[],
  { commands, groups, version, out, err }: CommandLineOptions,
): Chosen | undefined {
  let chosen: Chosen | undefined;
  const program = new Command('weir')
    .description('Looks after a Weir deployment. Exit codes: 0 done, 1 failed, 2 wrong usage, 78 bad configuration.')
    .version(version, '-V, --version', 'print the version')
    .helpCommand(false)
    .exitOverride()
    .configureOutput({ writeOut: out, writeErr: err });
  const parents = new Map<string, Command>();
  for (const spec of commands) {
    const words = spec.name.split(' ');
    const parent = words.length === 1 ? program : groupOf(program, parents, words[0]!, spec.topic, groups);
    const command = parent.command(words.at(-1)!).description(spec.summary).helpGroup(spec.topic);
    for (const operand of (spec.operands ?? '').split(' ').filter(Boolean)) command.argument(operand);
    const given = new Map<string, string[]>();
    for (const flag of [...spec.flags, CONFIG_FLAG]) {
      command.addOption(new Option(flag.flag, describe(flag)));
      // Commander keeps only the last of a repeated flag; its events carry each.
      command.on(`option:${flagName(flag)}`, (value: string | null | undefined) => {
        given.set(flagName(flag), [...(given.get(flagName(flag)) ?? []), value ?? '']);
      });
    }
    command.action(() => {
      chosen = { spec, given, operands: command.args };
    });
  }
  program.parse([...argv], { from: 'user' });
  return chosen;
}

function groupOf(
  program: Command,
  parents: Map<string, Command>,
  name: string,
  topic: string,
  groups: GroupSummaries,
): Command {
  let group = parents.get(name);
  if (!group) {
    group = program
      .command(name)
      .description(groups[name] ?? '')
      .helpGroup(topic)
      .helpCommand(false);
    parents.set(name, group);
  }
  return group;
}

function describe(flag: FlagSpec): string {
  const more = [
    ...(flag.many ? ['may be repeated'] : []),
    ...(flag.env === undefined ? [] : [`env: ${flag.env}`]),
    ...(flag.default === undefined || isSwitch(flag) ? [] : [`default: ${flag.default}`]),
  ];
  return more.length === 0 ? flag.description : `${flag.description} (${more.join(', ')})`;
}
