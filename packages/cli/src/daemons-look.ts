import type { AggregatorState, RelayState } from '@weir/common/daemon-state';
import { parseAggregatorState, parseRelayState } from '@weir/common/daemon-state';
import { type Deployment, readDeployment } from '@weir/common/deployment';
import { aggregatorStatesKey, aggregatorsKey, relayCountsKey, relayStatesKey, relaysKey } from '@weir/common/keys';
import { redisFault, redisTimeMs } from '@weir/common/redis';
import { parseRelayCounts, type RelayCountsReport } from '@weir/common/relay-counts';
import { parseRelayReport, type RelayReport } from '@weir/common/seal-wait';
import type { Redis } from 'ioredis';
import { type Heartbeat, readHeartbeats } from './heartbeats.ts';

/** What the daemons say of themselves in Redis. What cannot be read as such is left out: a later version may say others. */
export interface DaemonsLook {
  redisMs: number;
  deployment: Partial<Deployment>;
  relayReports: readonly RelayReport[];
  relayCounts: readonly RelayCountsReport[];
  /** By id. */
  relayStates: ReadonlyMap<string, RelayState>;
  heartbeats: readonly Heartbeat[];
  aggregatorStates: ReadonlyMap<string, AggregatorState>;
}

export async function lookAtDaemons(redis: Redis, prefix: string): Promise<DaemonsLook> {
  const redisMs = Math.floor(await redisTimeMs(redis));
  const deployment = (await readDeployment(redis, prefix)) ?? {};
  const read = async (key: string) => {
    try {
      return Object.entries(await redis.hgetall(key));
    } catch (error) {
      throw redisFault(error);
    }
  };
  const [reports, counts, relayStates, heartbeats, aggregatorStates] = await Promise.all([
    read(relaysKey(prefix)),
    read(relayCountsKey(prefix)),
    read(relayStatesKey(prefix)),
    read(aggregatorsKey(prefix)),
    read(aggregatorStatesKey(prefix)),
  ]);
  return {
    redisMs,
    deployment,
    relayReports: reports.flatMap(([id, text]) => parseRelayReport(id, text) ?? []),
    relayCounts: counts.flatMap(([field, text]) => parseRelayCounts(field, text) ?? []),
    relayStates: byId(relayStates, parseRelayState),
    heartbeats: readHeartbeats(Object.fromEntries(heartbeats), redisMs),
    aggregatorStates: byId(aggregatorStates, parseAggregatorState),
  };
}

function byId<S>(entries: readonly [string, string][], parse: (text: string) => S | undefined): Map<string, S> {
  const found = new Map<string, S>();
  for (const [id, text] of entries) {
    const state = parse(text);
    if (state !== undefined) found.set(id, state);
  }
  return found;
}
