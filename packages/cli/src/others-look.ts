import { partitionKeys } from '@weir/common/keys';
import { Script } from '@weir/common/redis';
import type { DeploymentTarget } from './deployment-target.ts';
import { entryMs } from './entry-id.ts';
import { inBatches, partitionNumbers } from './in-batches.ts';

/** Other lines that wait for a sink, in all partitions. */
export interface OthersBacklog {
  lines: number;
  bytes: number;
  /** When the oldest of them came, Unix milliseconds of Redis's clock; undefined: there are none. */
  oldestMs: number | undefined;
  /** Dropped before the sink had them, ever. */
  droppedLines: number;
}

const LOOK = Script.beside(import.meta.url, 'other-backlog');
type GroupReply = [lines: number, bytes: number, oldestId: Buffer, droppedLines: number];

/** By sink. Rejects with a RedisFault. */
export async function lookAtOthers(
  { redis, prefix, partitions }: Pick<DeploymentTarget, 'redis' | 'prefix' | 'partitions'>,
  sinks: readonly string[],
): Promise<Map<string, OthersBacklog>> {
  const replies = await inBatches(partitionNumbers(partitions), (partition) => {
    const { others, otherCounters } = partitionKeys(prefix, partition);
    return LOOK.run(redis, [others, otherCounters], sinks) as Promise<GroupReply[]>;
  });
  const backlogs = new Map<string, OthersBacklog>();
  for (const [i, sink] of sinks.entries()) {
    const ofSink = replies.map((groups) => groups[i]!);
    const oldest = ofSink.map(([, , id]) => id.toString()).filter((id) => id !== '');
    backlogs.set(sink, {
      lines: ofSink.reduce((sum, [lines]) => sum + lines, 0),
      bytes: ofSink.reduce((sum, [, bytes]) => sum + bytes, 0),
      oldestMs: oldest.length === 0 ? undefined : Math.min(...oldest.map(entryMs)),
      droppedLines: ofSink.reduce((sum, [, , , dropped]) => sum + dropped, 0),
    });
  }
  return backlogs;
}
