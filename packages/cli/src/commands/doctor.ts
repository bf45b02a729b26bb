import { EXIT } from '@weir/common/errors';
import { CONSUMER_GROUP, partitionKeys } from '@weir/common/keys';
import { redisFault } from '@weir/common/redis';
import type { Redis } from 'ioredis';
import type { CommandContext } from '../command-context.ts';
import { lookAtDaemons } from '../daemons-look.ts';
import { type DeploymentTarget, withDeployment } from '../deployment-target.ts';
import { DOCTOR_SCHEMA, type DoctorReport, doctorTable } from '../doctor-report.ts';
import { aggregatorLines, clockLine, groupLines, redisLines, relayLines, sinkLines } from '../doctor-rules.ts';
import { inBatches, partitionNumbers } from '../in-batches.ts';
import { lookAtRedis } from '../redis-look.ts';
import { show } from '../show.ts';
import { probeSink } from '../sink-probe.ts';
import { sinkText } from '../sinks/sink-text.ts';

export const schema = DOCTOR_SCHEMA;

export async function run(context: CommandContext): Promise<number> {
  const urls = context.flags.readMany('sink', sinkText);
  let bad = false;
  const code = await withDeployment(context, (target) =>
    show(context, async () => {
      const report = await examine(target, urls);
      bad = report.lines.some(({ health }) => health === 'bad');
      return { report, text: (view) => doctorTable(report, view) };
    }),
  );
  return code === EXIT.done && bad ? EXIT.failed : code;
}

async function examine(target: DeploymentTarget, urls: readonly string[]): Promise<DoctorReport> {
  const { redis, prefix, partitions } = target;
  const beforeMs = Date.now();
  const look = await lookAtDaemons(redis, prefix);
  // Redis's TIME came at some moment between the two.
  const ownAheadMs = Math.round((beforeMs + Date.now()) / 2 - look.redisMs);
  const strange = await strangeGroups(target);
  return {
    schema: 'weir.doctor/1',
    prefix,
    redisTimeMs: look.redisMs,
    lines: [
      ...redisLines(await lookAtRedis(redis)),
      clockLine('this machine', ownAheadMs),
      ...relayLines(look),
      ...aggregatorLines(look, partitions),
      ...groupLines(strange),
      ...sinkLines(look),
      ...(await Promise.all(urls.map(probeSink))),
    ],
  };
}

/** Consumer groups that are not Weir's, with the number of streams they are on. */
async function strangeGroups({ redis, prefix, partitions }: DeploymentTarget): Promise<Map<string, number>> {
  const found = new Map<string, number>();
  const groups = await inBatches(partitionNumbers(partitions), (partition) =>
    groupNames(redis, partitionKeys(prefix, partition).stream),
  );
  for (const name of groups.flat()) if (name !== CONSUMER_GROUP) found.set(name, (found.get(name) ?? 0) + 1);
  return found;
}

async function groupNames(redis: Redis, stream: string): Promise<string[]> {
  try {
    const groups = (await redis.xinfo('GROUPS', stream)) as unknown[][];
    return groups.map((group) => String(group[group.indexOf('name') + 1]));
  } catch (error) {
    const fault = redisFault(error);
    // Without a stream there are no groups.
    if (fault.code === 'redis-err') return [];
    throw fault;
  }
}
