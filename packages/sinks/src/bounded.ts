/**
 * A piece of work with an end: it is over when it settles, when it was silent for too long, when it has taken too long in
 * all, for an answer that drips shows signs of life for ever, or when the caller's signal says so, whichever comes first.
 * Work that did not succeed always finds its own signal aborted, so that nothing of it stays behind on a socket.
 */
export interface Bounds {
  /** How long the work may go without a sign of life; in all it may take ten times as long. */
  timeoutMs: number;
  signal?: AbortSignal | undefined;
}

export type BoundedResult<T> =
  | { kind: 'done'; value: T }
  | { kind: 'failed'; error: unknown }
  | { kind: 'timeout' }
  | { kind: 'aborted'; started: boolean };

const WHOLE = 10;

export async function bounded<T>(
  { timeoutMs, signal }: Bounds,
  work: (ended: AbortSignal, alive: () => void) => Promise<T>,
): Promise<BoundedResult<T>> {
  if (signal?.aborted) return { kind: 'aborted', started: false };
  // Not the caller's signal: the work adds listeners that it never removes, and the caller's may live for days.
  const own = new AbortController();
  let timer: NodeJS.Timeout | undefined;
  let wholeTimer: NodeJS.Timeout | undefined;
  let onAbort: (() => void) | undefined;
  const cut = new Promise<BoundedResult<T>>((resolve) => {
    timer = setTimeout(() => resolve({ kind: 'timeout' }), timeoutMs);
    wholeTimer = setTimeout(() => resolve({ kind: 'timeout' }), timeoutMs * WHOLE);
    onAbort = () => resolve({ kind: 'aborted', started: true });
    signal?.addEventListener('abort', onAbort, { once: true });
  });
  let over = false;
  const alive = () => {
    // A timer that was cleared would run again.
    if (!over) timer?.refresh();
  };
  const run = work(own.signal, alive).then(
    (value): BoundedResult<T> => ({ kind: 'done', value }),
    (error: unknown): BoundedResult<T> => ({ kind: 'failed', error }),
  );
  const result = await Promise.race([run, cut]);
  over = true;
  clearTimeout(timer);
  clearTimeout(wholeTimer);
  if (onAbort) signal?.removeEventListener('abort', onAbort);
  if (result.kind !== 'done') own.abort();
  return result;
}
