/**
 * Who is alive, from the hash the aggregators write their heartbeats to: id → "incarnation startedMs lastMs", in
 * milliseconds of Redis's clock.
 */
export interface Heartbeat {
  id: string;
  sinceMs: number;
}

export const ALIVE_MS = 5_000;

/** What cannot be read as a heartbeat counts as none. */
export function readHeartbeats(hash: Readonly<Record<string, string>>, redisMs: number): Heartbeat[] {
  const heartbeats: Heartbeat[] = [];
  for (const [id, text] of Object.entries(hash)) {
    const lastMs = Number(text.split(' ')[2] ?? Number.NaN);
    if (Number.isFinite(lastMs)) heartbeats.push({ id, sinceMs: Math.max(0, redisMs - lastMs) });
  }
  return heartbeats;
}

export function aliveIds(heartbeats: readonly Heartbeat[]): string[] {
  return heartbeats.filter(({ sinceMs }) => sinceMs <= ALIVE_MS).map(({ id }) => id);
}
