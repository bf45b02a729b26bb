import type { CommandContext } from '../command-context.ts';
import { CONFIG_FLAG, settingFlags } from '../command-spec.ts';
import { CONFIG_SCHEMA, configReport, configText } from '../config-report.ts';
import { show } from '../show.ts';

export const schema = CONFIG_SCHEMA;

export async function run(context: CommandContext): Promise<number> {
  const { flags, commands } = context;
  const report = configReport([...settingFlags(commands), CONFIG_FLAG], flags);
  return show(context, async () => ({ report, text: (view) => configText(report, flags.on('origin'), view) }));
}
