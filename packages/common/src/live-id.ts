import type { Clock } from './clock.ts';

/**
 * An id belongs to one live process at a time. Each says in Redis, once a second, that it is alive; a process that starts
 * under an id that was in use a moment ago waits whether its predecessor still speaks. That alone is no lock: what a dead
 * predecessor sent may arrive late. So the scripts insist on two things besides (heartbeat.lua, report.lua): the first
 * word of a process finds in Redis just what the process read there before, and later ones give way only to somebody who
 * is alive and started after them. A process counts as started since before it read that, by Redis's clock, so that a first
 * word which comes late does not count as later than it was. Whoever started last keeps the id, and the dead never win it
 * back.
 */
export interface LiveField {
  readonly incarnation: string;
  readonly lastMs: number;
}

export interface OutwaitOptions {
  /** What stands in Redis under the id, as it is; '' where nothing does. */
  read: () => Promise<string>;
  parse: (text: string) => LiveField | undefined;
  /** Redis's clock. */
  redisNowMs: () => Promise<number>;
  /** Of this process. */
  incarnation: string;
  clock: Clock;
  /** Silent for this long, a process counts as dead. */
  deadAfterMs: number;
  lookEveryMs: number;
  /** Called once, when there is somebody to wait for. */
  onWait: () => void;
  stopping?: AbortSignal;
}

/** A process that died may have this many words less one on their way: they are no sign of life. */
const WORDS_OF_THE_LIVING = 3;

export interface FreeId {
  /** What stands under the id. */
  standing: string;
  /** When that was not read yet, by Redis's clock: the process may call itself started then. */
  sinceMs: number;
}

/** Answers once nobody else speaks under the id, or 'alive' when somebody does. Rejects as `read` does. */
export async function outwaitPredecessor(options: OutwaitOptions): Promise<FreeId | 'alive'> {
  const { read, parse, redisNowMs, incarnation, clock, deadAfterMs, lookEveryMs, onWait, stopping } = options;
  const sinceMs = Math.floor(await redisNowMs());
  let standing = await read();
  const first = parse(standing);
  if (!first || first.incarnation === incarnation) return { standing, sinceMs };
  if (sinceMs - first.lastMs > deadAfterMs) return { standing, sinceMs };
  onWait();
  let words = 0;
  for (let silentMs = 0; silentMs < deadAfterMs && !stopping?.aborted; silentMs += lookEveryMs) {
    await clock.sleep(lookEveryMs, stopping);
    const before = standing;
    standing = await read();
    if (!parse(standing)) break;
    if (standing === before) continue;
    if (++words === WORDS_OF_THE_LIVING) return 'alive';
    silentMs = 0;
  }
  return { standing, sinceMs };
}
