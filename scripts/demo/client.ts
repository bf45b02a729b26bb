import { setTimeout as sleep } from 'node:timers/promises';

/** How long a client goes on trying before it gives a request up. */
const PATIENCE_MS = 20_000;

/**
 * Sends lines the way a careful client would: to the first relay, and where that one does not answer 204, the same
 * lines to the next, until one has taken them. That is safe because an event counts once whatever was sent again.
 * `relays`: `host:port`. Answers how many requests it took.
 */
export async function sendLines(lines: readonly string[], relays: readonly string[]): Promise<number> {
  const deadline = performance.now() + PATIENCE_MS;
  let reason = '';
  for (let attempt = 0; performance.now() < deadline; attempt++) {
    const relay = relays[attempt % relays.length]!;
    try {
      const response = await fetch(`http://${relay}/write`, {
        method: 'POST',
        body: `${lines.join('\n')}\n`,
        signal: AbortSignal.timeout(5_000),
      });
      if (response.status === 204) return attempt + 1;
      reason = `${response.status} ${await response.text()}`;
      // Lines that were rejected stay rejected.
      if (response.status === 400) break;
    } catch (error) {
      reason = error instanceof Error ? error.message : String(error);
    }
    await sleep(200);
  }
  throw new Error(`no relay took ${lines.length} lines; the last answer was: ${reason}`);
}
