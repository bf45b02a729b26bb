import type { Check } from '@weir/common/http';
import type { Redis } from 'ioredis';
import type { Membership } from './membership.ts';
import type { Partitions } from './partitions.ts';
import type { SinkFlushers } from './sink-flushers.ts';

/** What `/readyz` of an aggregator looks at. Pure. */
export interface ReadyParts {
  redis: Redis;
  membership: Membership;
  partitions: Partitions;
  flushers: SinkFlushers;
}

export function readyChecks({ redis, membership, partitions, flushers }: ReadyParts): Record<string, Check> {
  return {
    redis: () => ({ ok: redis.status === 'ready', detail: `connection ${redis.status}` }),
    membership: () => {
      const ok = membership.present;
      return { ok, detail: ok ? 'heartbeat confirmed' : 'no heartbeat confirmed lately' };
    },
    folding: () => foldingCheck(partitions),
    // A sink that is away is no reason to take this process away, too: it is said, and that is all.
    sinks: () => ({ ok: true, detail: flushers.detail }),
  };
}

/** Not ready is also who cannot fold: with `redis-oom`, Redis is full. */
function foldingCheck({ owned, interrupted }: Partitions): { ok: boolean; detail: string } {
  if (interrupted.size === 0) return { ok: true, detail: `${owned.length} partitions` };
  const codes = [...new Set(interrupted.values())].sort().join(', ');
  return { ok: false, detail: `${interrupted.size} of ${owned.length} partitions interrupted: ${codes}` };
}
