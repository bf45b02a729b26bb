import type { Clock } from '@weir/common/clock';
import { readDeployment, recordedShape } from '@weir/common/deployment';
import { Loop } from '@weir/common/loop';
import { passingFault } from '@weir/common/redis';
import type { Service } from '@weir/common/service';
import type { Redis } from 'ioredis';
import type { ReservedNames } from './reserved-names.ts';

/** Learns from Redis what the totals are called: an aggregator that names them may be the first, and come after this relay. */
export interface ReservedNamesWatchOptions {
  redis: Redis;
  prefix: string;
  reserved: ReservedNames;
  clock: Clock;
  fail: (error: unknown) => void;
}

const EVERY_MS = 10_000;

export function reservedNamesWatch({ redis, prefix, reserved, clock, fail }: ReservedNamesWatchOptions): Service {
  return new Loop({
    clock,
    intervalMs: EVERY_MS,
    runOnce: async () => {
      const deployment = await readDeployment(redis, prefix);
      if (deployment) reserved.names = Object.values(recordedShape(deployment).names);
    },
    onError: (error) => {
      if (!passingFault(error)) fail(error);
    },
  });
}
