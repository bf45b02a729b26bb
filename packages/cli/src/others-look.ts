import { lookAtOtherBacklog } from '@weir/common/other-backlog';
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

/** By sink. Rejects with a RedisFault. */
export async function lookAtOthers(
  target: Pick<DeploymentTarget, 'redis' | 'prefix' | 'partitions'>,
  sinks: readonly string[],
): Promise<Map<string, OthersBacklog>> {
  const looks = await inBatches(partitionNumbers(target.partitions), (partition) =>
    lookAtOtherBacklog(target, partition, sinks),
  );
  const backlogs = new Map<string, OthersBacklog>();
  for (const [i, sink] of sinks.entries()) {
    const ofSink = looks.map((look) => look.sinks[i]!);
    const oldest = ofSink.flatMap(({ oldestId }) => (oldestId === undefined ? [] : [entryMs(oldestId)]));
    backlogs.set(sink, {
      lines: ofSink.reduce((sum, { waitingLines }) => sum + waitingLines, 0),
      bytes: ofSink.reduce((sum, { waitingBytes }) => sum + waitingBytes, 0),
      oldestMs: oldest.length === 0 ? undefined : Math.min(...oldest),
      droppedLines: ofSink.reduce((sum, { droppedLines }) => sum + droppedLines, 0),
    });
  }
  return backlogs;
}
