import { setTimeout as sleep } from 'node:timers/promises';

export interface EventuallyOptions {
  /** 15,000 unless told. */
  timeoutMs?: number;
  /** Between two tries; 50 unless told. */
  everyMs?: number;
  /** What is being waited for, as it should read after "waited for". */
  what: string;
}

/**
 * Waits for a condition instead of sleeping: calls `probe` until it neither throws nor answers false, null or
 * undefined, and resolves with its answer. (0 and '' are answers.) At the deadline it rejects, and says what the last
 * try said. An `expect` inside `probe` works: its failure is the last failure.
 */
export async function eventually<T>(
  probe: () => T | Promise<T>,
  { timeoutMs = 15_000, everyMs = 50, what }: EventuallyOptions,
): Promise<Exclude<T, false | null | undefined>> {
  const deadline = performance.now() + timeoutMs;
  let last: unknown;
  for (;;) {
    try {
      const answer = await probe();
      if (answer !== false && answer !== null && answer !== undefined) {
        return answer as Exclude<T, false | null | undefined>;
      }
      last = `the last answer was ${answer}`;
    } catch (error) {
      last = error;
    }
    if (performance.now() >= deadline) break;
    await sleep(everyMs);
  }
  const reason = last instanceof Error ? last.message : String(last);
  throw new Error(`waited ${timeoutMs} ms for ${what}; ${reason}`, { cause: last });
}

/** For probes that assert with `expect` and answer nothing: waits until `assertions` no longer throws. */
export async function eventuallyHolds(assertions: () => unknown, options: EventuallyOptions): Promise<void> {
  await eventually(async () => {
    await assertions();
    return true;
  }, options);
}
