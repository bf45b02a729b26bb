import { duration, oneOf } from '@weir/common/setting-values';
import { UsageError, type World } from './command-context.ts';
import { type FlagSpec, FORMATS, flagName } from './command-spec.ts';
import type { Flags } from './flags.ts';
import { type Paint, paintFor } from './paint.ts';

/** How the reader wants to see a report. Pure. */
export type Format = (typeof FORMATS)[number];

export interface View {
  format: Format;
  /** More columns in a table. */
  wide: boolean;
  /** As `Intl` names it. */
  timeZone: string;
  paint: Paint;
  /** Look again and again with such pauses; undefined: once. */
  watchMs: number | undefined;
}

/** Shorter pauses would make a load of somebody looking. */
const WATCH = duration({ minMs: 200, maxMs: 86_400_000 });

/** `specs`: the command's; flags that it does not have are as if not given. */
export function viewOf(
  specs: readonly FlagSpec[],
  flags: Flags,
  { env, timeZone, terminal }: Pick<World, 'env' | 'timeZone' | 'terminal'>,
): View {
  const has = new Set(specs.map(flagName));
  let format: Format = 'table';
  if (has.has('output')) {
    format = flags.read('output', oneOf(...FORMATS));
    if (has.has('json') && flags.on('json')) {
      if (flags.find('output')?.origin === 'flag' && format !== 'json') {
        throw new UsageError(`--json: got also --output ${format}, expected one of the two`);
      }
      format = 'json';
    }
  }
  return {
    format,
    wide: format === 'wide',
    timeZone: has.has('utc') && flags.on('utc') ? 'UTC' : timeZone,
    paint: paintFor(env, terminal.isTty),
    watchMs: has.has('watch') ? flags.readOptional('watch', WATCH) : undefined,
  };
}
