import { ACTING_COMMANDS } from './acting-commands.ts';
import { type CommandSpec, type GroupSummaries, OUTPUT_FLAGS, settingFlags } from './command-spec.ts';
import { READING_COMMANDS } from './reading-commands.ts';
import { SENDING_COMMANDS } from './sending-commands.ts';

const ALL = [...READING_COMMANDS, ...SENDING_COMMANDS, ...ACTING_COMMANDS];

/** Every command of `weir`, in the order of its help. */
export const COMMANDS: readonly CommandSpec[] = ALL.map((spec) =>
  spec.name === 'config show' ? withSettings(spec) : spec,
);

/** Of the groups whose name is the first word of several commands. */
export const GROUPS: GroupSummaries = {
  config: 'the settings of this command, and of the daemons',
  consumer: 'the names under which aggregators read',
  relay: 'the front doors of the deployment',
  sink: 'the databases of the deployment, by name',
  dead: 'lines that were accepted and could not be counted, and what sinks refuse',
};

/** It shows the settings of all the others, so it takes them. */
function withSettings(spec: CommandSpec): CommandSpec {
  const origin = { flag: '--origin', description: 'with where each comes from' };
  const settings = settingFlags(ALL);
  const others = OUTPUT_FLAGS.filter((flag) => !settings.includes(flag));
  return { ...spec, flags: [origin, ...settings, ...others] };
}
