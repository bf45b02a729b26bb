import { ACTING_COMMANDS } from './acting-commands.ts';
import type { CommandSpec, GroupSummaries } from './command-spec.ts';
import { READING_COMMANDS } from './reading-commands.ts';

/** Every command of `weir`, in the order of its help. */
export const COMMANDS: readonly CommandSpec[] = [...READING_COMMANDS, ...ACTING_COMMANDS];

/** Of the groups whose name is the first word of several commands. */
export const GROUPS: GroupSummaries = {
  consumer: 'the names under which aggregators read',
  dead: 'lines that were accepted and could not be counted, and what sinks refuse',
};
