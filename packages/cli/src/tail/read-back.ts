import type { LastLines } from './last-lines.ts';
import type { PatientRedis } from './patient-redis.ts';
import { bytesOf, ReadSize } from './read-size.ts';
import type { PassedEntry } from './stream-reader.ts';
import type { TailLine } from './tail-events.ts';

/**
 * Reads streams from their ends back, a bounded read after the other, until the last lines are known. Where few lines are
 * wanted of many it reads all that is there.
 */
export interface ReadBackOptions {
  redis: PatientRedis;
  /** By partition: the streams, and the ids to begin with. */
  streams: readonly string[];
  ends: readonly string[];
  /** Older entries are left out. */
  sinceId: string;
  last: LastLines;
  /** Aborted: it ends where it is. */
  stopping: AbortSignal;
  /** The lines of an entry that are wanted. */
  linesOf: (entry: PassedEntry) => readonly TailLine[];
}

export async function readBack(options: ReadBackOptions): Promise<void> {
  const { redis, streams, ends, sinceId, last, stopping, linesOf } = options;
  const size = new ReadSize();
  for (const [partition, stream] of streams.entries()) {
    let [from, more] = [ends[partition]!, last.wants(ends[partition]!)];
    while (more && !stopping.aborted) {
      const asked = size.ofOne;
      const reply = await redis.call('XREVRANGE', stream, from, sinceId, 'COUNT', asked);
      const entries = reply as [id: Buffer, fields: Buffer[]][];
      for (const [id, fields] of entries) last.add(linesOf({ partition, id: id.toString(), fields }));
      size.took(entries.reduce((sum, [, fields]) => sum + bytesOf(fields), 0));
      const oldest = entries.at(-1)?.[0].toString();
      from = `(${oldest}`;
      more = oldest !== undefined && entries.length === asked && last.wants(oldest);
    }
  }
}
