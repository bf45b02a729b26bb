import { EXIT, SettingsError, WeirError } from '@weir/common/errors';
import { faultLine, UsageError, type World } from './command-context.ts';
import type { Chosen } from './command-line.ts';
import { COMMANDS } from './command-list.ts';
import { CONFIG_FLAG, flagName, settingFlags } from './command-spec.ts';
import { Flags } from './flags.ts';
import { viewOf } from './view.ts';

/** Runs the command that was asked for: reads its settings, and makes an exit code and one line of whatever goes wrong. */
export async function runCommand({ spec, given, operands }: Chosen, world: World): Promise<number> {
  try {
    const specs = [...spec.flags, CONFIG_FLAG];
    const { env } = world;
    const fileName = new Flags([CONFIG_FLAG], { given, env, file: new Map(), fileName: '' }).find('config')?.texts[0];
    const file = fileName === undefined ? new Map<string, readonly string[]>() : await readConfig(fileName, world);
    const flags = new Flags(specs, { given, env, file, fileName: fileName ?? '' });
    const view = viewOf(specs, flags, world);
    const { run } = await spec.load();
    return await run({ ...world, name: spec.name, commands: COMMANDS, flags, operands, view });
  } catch (error) {
    if (!(error instanceof WeirError)) throw error;
    world.err(faultLine(spec.name, error));
    return spec.exitOnFault ?? exitCodeOf(error);
  }
}

function exitCodeOf(error: WeirError): number {
  if (error instanceof UsageError) return EXIT.usage;
  return error instanceof SettingsError ? EXIT.config : EXIT.failed;
}

async function readConfig(path: string, { readFile }: World): Promise<ReadonlyMap<string, readonly string[]>> {
  const { readSettingsFile } = await import('@weir/common/settings-file');
  const keys = settingFlags(COMMANDS).filter(({ inFile }) => inFile);
  return readSettingsFile(path, readFile, new Map(keys.map((flag) => [flagName(flag), flag.description])));
}
