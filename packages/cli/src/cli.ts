import { EXIT, SettingsError, WeirError } from '@weir/common/errors';
import { Command, CommanderError } from 'commander';
import { type CommandContext, UsageError } from './command-context.ts';

/**
 * The `weir` command: arguments in, text to the two writers, exit code out. Commands are imported only when they run,
 * so that `weir --help` costs no more than Node's own start.
 */
export interface CliOptions {
  argv: readonly string[];
  env: Readonly<Record<string, string | undefined>>;
  out: (text: string) => void;
  err: (text: string) => void;
  version: string;
}

export async function runCli({ argv, env, out, err, version }: CliOptions): Promise<number> {
  let running = 'weir';
  const contextOf = (command: Command): CommandContext => {
    running = `weir ${command.name()}`;
    return { flags: command.opts(), env, out };
  };
  const program = new Command('weir')
    .description('Looks after a Weir deployment. Exit codes: 0 done, 1 failed, 2 wrong usage, 78 bad configuration.')
    .version(version, '-V, --version', 'print the version')
    .helpCommand(false);
  program.exitOverride().configureOutput({ writeOut: out, writeErr: err });

  withDeploymentFlags(program.command('lag'))
    .description('how far the aggregators are behind, per partition: in entries, events and seconds')
    .action(async (_flags, command: Command) => {
      const context = contextOf(command);
      await (await import('./commands/lag.ts')).lag(context);
    });
  withDeploymentFlags(program.command('pending'))
    .description('entries delivered but not yet folded, per partition and consumer')
    .option('--idle <duration>', 'only entries idle for at least this long, such as 60s')
    .option('--min-deliveries <n>', 'only entries delivered at least this often')
    .option('--consumer <name>', 'only entries of this consumer')
    .action(async (_flags, command: Command) => {
      const context = contextOf(command);
      await (await import('./commands/pending.ts')).pending(context);
    });
  withDeploymentFlags(program.command('ledger'))
    .description('the books: everything received against what became of it, and whether they balance (exit 1 if not)')
    .option('--windows <n>', 'how many windows to show, the newest first (default: 10)')
    .action(async (_flags, command: Command) => {
      const context = contextOf(command);
      await (await import('./commands/ledger.ts')).ledger(context);
    });

  try {
    await program.parseAsync([...argv], { from: 'user' });
    return EXIT.done;
  } catch (error) {
    // Commander has written its own line already.
    if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.done : EXIT.usage;
    if (!(error instanceof WeirError)) throw error;
    err(`${running}: ${error.message.replace(/\s*[\r\n]+\s*/g, ' ')}\n`);
    if (error instanceof UsageError) return EXIT.usage;
    return error instanceof SettingsError ? EXIT.config : EXIT.failed;
  }
}

/** deployment-target.ts reads them. */
function withDeploymentFlags(command: Command): Command {
  return command
    .option('--redis <url>', 'Redis of the deployment (env: WEIR_REDIS, default: redis://127.0.0.1:6379)')
    .option('--prefix <text>', 'what its keys begin with (env: WEIR_PREFIX, default: weir)')
    .option('--partitions <n>', 'number of partitions (env: WEIR_PARTITIONS, default: as the deployment has recorded)')
    .option('--json', 'print JSON instead of a table');
}
