import { EXIT } from '@weir/common/errors';
import { CommanderError } from 'commander';
import type { World } from './command-context.ts';
import { readCommandLine } from './command-line.ts';
import { COMMANDS, GROUPS } from './command-list.ts';
import type { CommandSpec } from './command-spec.ts';

/**
 * The `weir` command: arguments in, text to the two writers, exit code out. What runs a command is imported only when one
 * runs, so that `weir --help` costs little more than Node's own start.
 */
export interface CliOptions extends World {
  /** Without the interpreter and the script. */
  argv: readonly string[];
  version: string;
}

export async function runCli({ argv, version, ...world }: CliOptions): Promise<number> {
  const { out, err } = world;
  const asked = specOf(argv);
  try {
    const chosen = readCommandLine(argv, { commands: COMMANDS, groups: GROUPS, version, out, err });
    if (!chosen) return EXIT.done;
    return (await import('./run-command.ts')).runCommand(chosen, world);
  } catch (error) {
    // Commander has written its own line already.
    if (!(error instanceof CommanderError)) throw error;
    return error.exitCode === 0 ? EXIT.done : (asked?.exitOnFault ?? EXIT.usage);
  }
}

function specOf(argv: readonly string[]): CommandSpec | undefined {
  return COMMANDS.find(({ name }) => name.split(' ').every((word, i) => argv[i] === word));
}
