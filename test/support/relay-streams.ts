import { parseStreamEntry, type StreamEntry } from '@weir/common/batch';
import { partitionKeys } from '@weir/common/keys';
import type { Redis } from 'ioredis';
import type { Daemon } from './daemon.ts';
import { eventually } from './eventually.ts';

/** What a relay without aggregators put into the streams of its deployment, for tests of its doors. */
const PARTITIONS = 8;

/** Everything in the streams since the last call, emptied by it. An answer may come before, once the journal is synced. */
export async function takeEntries(relay: Daemon, redis: Redis): Promise<StreamEntry[]> {
  await eventually(
    async () => {
      const accepted = await relay.metric('weir_relay_lines_accepted_total{door="http"}');
      return (await relay.metric('weir_relay_lines_appended_total')) === accepted;
    },
    { what: 'all accepted lines in Redis' },
  );
  const entries: StreamEntry[] = [];
  for (let partition = 0; partition < PARTITIONS; partition++) {
    const { stream } = partitionKeys('weir', partition);
    for (const [id, fields] of await redis.xrangeBuffer(stream, '-', '+')) {
      entries.push(parseStreamEntry(id.toString(), fields)!);
      await redis.xdel(stream, id.toString());
    }
  }
  return entries;
}

export function linesOf(entries: readonly StreamEntry[]): string[] {
  return entries.flatMap(({ lines }) => lines.toString().split('\n').slice(0, -1)).sort();
}
