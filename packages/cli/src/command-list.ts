import type { CommandSpec, GroupSummaries } from './command-spec.ts';
import { READING_COMMANDS } from './reading-commands.ts';

/** Every command of `weir`, in the order of its help. */
export const COMMANDS: readonly CommandSpec[] = READING_COMMANDS;

/** Of the groups whose name is the first word of several commands. */
export const GROUPS: GroupSummaries = {};
