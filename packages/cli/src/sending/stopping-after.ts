/**
 * A signal that follows another a little later: what is in flight when somebody stops us may still be answered, and then
 * is known to be confirmed. Shorter than main.ts waits for the end.
 */
const GRACE_MS = 300;

export function stoppingAfter(stopping: AbortSignal): AbortSignal {
  const later = new AbortController();
  const begin = () => setTimeout(() => later.abort(), GRACE_MS).unref();
  if (stopping.aborted) begin();
  else stopping.addEventListener('abort', begin, { once: true });
  return later.signal;
}
