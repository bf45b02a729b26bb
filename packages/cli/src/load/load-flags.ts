import { duration, integer, valueType } from '@weir/common/setting-values';
import { type CommandContext, UsageError } from '../command-context.ts';
import { linesPerSec } from '../sending/rate-flag.ts';
import type { MadeEventsOptions } from './made-events.ts';

/** What is to be made up. Pure. */
export interface LoadWish {
  made: MadeEventsOptions;
  /** One of the two is finite. */
  events: number;
  durationMs: number;
  linesPerSec: number | undefined;
  batchLines: number;
  inFlight: number;
}

const MOST = 1_000_000_000_000;

const share = valueType('a share such as 5% or 0.5%, up to 100%', (text) => {
  const match = /^([0-9]{1,3}(?:\.[0-9]{1,6})?)%$/.exec(text);
  return match && Number(match[1]) <= 100 ? Number(match[1]) / 100 : undefined;
});

const exponent = valueType('a number from 0 to 10', (text) =>
  /^[0-9]{1,2}(\.[0-9]{1,6})?$/.test(text) && Number(text) <= 10 ? Number(text) : undefined,
);

/** Nothing that would have to be escaped; room for a number behind it. */
const productPrefix = valueType('1 to 100 letters, digits, dots, dashes and underscores', (text) =>
  /^[A-Za-z0-9._-]{1,100}$/.test(text) ? text : undefined,
);

/** `freshSeed`: where none was given. */
export function readLoadWish({ flags }: Pick<CommandContext, 'flags'>, freshSeed: number): LoadWish {
  const events = flags.readOptional('events', integer(1, MOST));
  const durationMs = flags.readOptional('duration', duration({ minMs: 1 }));
  if (events === undefined && durationMs === undefined)
    throw new UsageError('expected --events <n> or --duration <duration>');
  return {
    events: events ?? Number.POSITIVE_INFINITY,
    durationMs: durationMs ?? Number.POSITIVE_INFINITY,
    linesPerSec: flags.readOptional('rate', linesPerSec),
    batchLines: flags.read('batch', integer(1, 100_000)),
    inFlight: flags.read('in-flight', integer(1, 64)),
    made: {
      seed: flags.readOptional('seed', integer(0, Number.MAX_SAFE_INTEGER)) ?? freshSeed,
      productPrefix: flags.read('product', productPrefix),
      products: flags.read('products', integer(1, 1_000_000)),
      types: flags.read('types', integer(1, 1_000_000)),
      users: flags.read('users', integer(1, 1_000_000_000)),
      zipf: flags.read('zipf', exponent),
      duplicates: flags.read('duplicates', share),
      late: flags.read('late', share),
      spreadMs: flags.read('spread', duration()),
      lateByMs: flags.read('late-by', duration()),
    },
  };
}
