import type { Check } from '@weir/common/http';
import type { Redis } from 'ioredis';
import type { DeploymentWatch } from './deployment-watch.ts';
import type { Membership } from './membership.ts';
import type { Partitions } from './partitions.ts';
import type { SinkFlushers } from './sink-flushers.ts';

/** What `/readyz` of an aggregator looks at. Pure. */
export interface ReadyParts {
  redis: Redis;
  membership: Membership;
  partitions: Partitions;
  flushers: SinkFlushers;
  deployment: DeploymentWatch;
}

export function readyChecks({
  redis,
  membership,
  partitions,
  flushers,
  deployment,
}: ReadyParts): Record<string, Check> {
  return {
    redis: () => ({ ok: redis.status === 'ready', detail: `connection ${redis.status}` }),
    membership: () => {
      const ok = membership.present;
      return { ok, detail: ok ? 'heartbeat confirmed' : 'no heartbeat confirmed lately' };
    },
    folding: () => foldingCheck(partitions),
    // A sink that is away is no reason to take this process away, too: it is said, and that is all.
    sinks: () => ({ ok: true, detail: flushers.detail }),
    deployment: () => deploymentCheck(deployment),
  };
}

/** Not ready is also who cannot fold: with `redis-oom`, Redis is full. */
function foldingCheck({ owned, interrupted }: Partitions): { ok: boolean; detail: string } {
  if (interrupted.size === 0) return { ok: true, detail: `${owned.length} partitions` };
  const codes = [...new Set(interrupted.values())].sort().join(', ');
  return { ok: false, detail: `${interrupted.size} of ${owned.length} partitions interrupted: ${codes}` };
}

/** Not ready is who lacks a sink: all others would have to do its work. One too many does no harm until the next start. */
function deploymentCheck({ sinks, added, removed }: DeploymentWatch): { ok: boolean; detail: string } {
  const changes = [
    ...(added.length > 0 ? [`started without ${added.join(', ')}`] : []),
    ...(removed.length > 0 ? [`started with ${removed.join(', ')}`] : []),
  ];
  const detail = `its sinks are ${sinks.join(', ')}`;
  return {
    ok: added.length === 0,
    detail: changes.length === 0 ? detail : `${detail}; ${changes.join('; ')}: restart`,
  };
}
