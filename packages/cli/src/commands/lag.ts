import { aggregatorsKey } from '@weir/common/keys';
import { redisFault } from '@weir/common/redis';
import { duration } from '@weir/common/setting-values';
import type { Redis } from 'ioredis';
import type { CommandContext } from '../command-context.ts';
import { type DeploymentTarget, withDeployment } from '../deployment-target.ts';
import type { Sample } from '../flow.ts';
import { aliveIds, readHeartbeats } from '../heartbeats.ts';
import { countPending, measurePartitions, samplePartitions } from '../lag-look.ts';
import { LAG_SCHEMA, type LagMeasures, lagReport, partitionLag } from '../lag-report.ts';
import { lagTable } from '../lag-table.ts';
import { Budget } from '../page-size.ts';
import { show } from '../show.ts';

export const schema = LAG_SCHEMA;

export async function run(context: CommandContext): Promise<number> {
  const { flags, view, clock, stopping } = context;
  const intervalMs = flags.read('interval', duration({ maxMs: 60_000 }));
  const patienceMs = flags.read('patience', duration({ minMs: 1, maxMs: 600_000 }));
  return withDeployment(context, (target) => {
    let before: Sample[] | undefined;
    return show(context, async () => {
      if (!before && intervalMs > 0) {
        before = await samplePartitions(target);
        await clock.sleep(intervalMs, stopping);
      }
      const budget = new Budget(patienceMs, () => clock.monotonicMs());
      const measured = await measurePartitions(target, before, budget);
      await countPending(target, measured, budget);
      const report = await reportOf(target, measured);
      if (view.watchMs !== undefined) before = measured.map(({ state }) => state);
      return { report, text: (how) => lagTable(report, how) };
    });
  });
}

async function reportOf({ redis, prefix }: DeploymentTarget, measured: readonly LagMeasures[]) {
  const [first] = measured;
  const redisTimeMs = first!.state.redisMs;
  const alive = aliveIds(readHeartbeats(await readHash(redis, aggregatorsKey(prefix)), redisTimeMs));
  const intervalMs = first!.before ? redisTimeMs - first!.before.redisMs : null;
  return lagReport(
    { prefix, redisTimeMs, intervalMs },
    measured.map((measures) => partitionLag(measures, alive)),
  );
}

export async function readHash(redis: Redis, key: string): Promise<Record<string, string>> {
  try {
    return await redis.hgetall(key);
  } catch (error) {
    throw redisFault(error);
  }
}
