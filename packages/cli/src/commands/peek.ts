import { WeirError } from '@weir/common/errors';
import { CONSUMER_GROUP, partitionKeys } from '@weir/common/keys';
import { redisFault, redisTimeMs } from '@weir/common/redis';
import { integer } from '@weir/common/setting-values';
import type { Redis } from 'ioredis';
import { type CommandContext, UsageError } from '../command-context.ts';
import { type DeploymentTarget, withDeployment } from '../deployment-target.ts';
import { isAfter } from '../entry-id.ts';
import { lookAtPartition } from '../partition-state.ts';
import { PEEK_SCHEMA, type PeekLook, peekReport, peekText } from '../peek-report.ts';
import { show } from '../show.ts';

export const schema = PEEK_SCHEMA;

export async function run(context: CommandContext): Promise<number> {
  const { flags, operands } = context;
  const [, partition, id] = /^([0-9]{1,4}):([0-9]{1,20}-[0-9]{1,20})$/.exec(operands[0] ?? '') ?? [];
  if (partition === undefined || id === undefined) {
    throw new UsageError(`${JSON.stringify(operands[0])}: expected partition:id, such as 3:1700000000000-0`);
  }
  const mostLines = flags.read('lines', integer(0, 10_000_000));
  return withDeployment(context, (target) =>
    show(context, async () => {
      const report = peekReport(await lookAt(target, Number(partition), id), mostLines);
      return { report, text: (view) => peekText(report, view) };
    }),
  );
}

async function lookAt(
  { redis, prefix, partitions }: DeploymentTarget,
  partition: number,
  id: string,
): Promise<PeekLook> {
  if (partition >= partitions) {
    throw new UsageError(`${partition}:${id}: expected a partition from 0 to ${partitions - 1}`);
  }
  const keys = partitionKeys(prefix, partition);
  const fields = await readEntry(redis, keys.stream, id);
  if (!fields) {
    const message = `partition ${partition} has no entry ${id}: it was folded and trimmed, or there never was one`;
    throw new WeirError('no-entry', message, false);
  }
  const { firstUndeliveredId, groupKnown } = await lookAtPartition(redis, partition, keys);
  const delivered = groupKnown && (firstUndeliveredId === undefined || isAfter(firstUndeliveredId, id));
  const pending = groupKnown ? await pendingOf(redis, keys.stream, id) : undefined;
  return { prefix, redisTimeMs: Math.floor(await redisTimeMs(redis)), partition, id, fields, pending, delivered };
}

async function readEntry(redis: Redis, stream: string, id: string): Promise<Buffer[] | undefined> {
  try {
    const entries = await redis.xrangeBuffer(stream, id, id);
    return entries[0]?.[1];
  } catch (error) {
    throw redisFault(error);
  }
}

async function pendingOf(redis: Redis, stream: string, id: string): Promise<PeekLook['pending']> {
  try {
    const [row] = (await redis.xpending(stream, CONSUMER_GROUP, id, id, 1)) as [string, string, number, number][];
    return row && { consumer: row[1], idleMs: row[2], deliveries: row[3] };
  } catch (error) {
    throw redisFault(error);
  }
}
