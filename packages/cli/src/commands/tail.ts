import { EXIT } from '@weir/common/errors';
import { partitionKeys } from '@weir/common/keys';
import { openRedis, redisFault, redisTimeMs } from '@weir/common/redis';
import { duration, integer, redisUrl, text } from '@weir/common/setting-values';
import type { Redis } from 'ioredis';
import { type CommandContext, UsageError } from '../command-context.ts';
import { type DeploymentTarget, withDeployment } from '../deployment-target.ts';
import { moment, momentMs } from '../moment.ts';
import { lookAtPartition } from '../partition-state.ts';
import { reportText } from '../show.ts';
import { printable } from '../table.ts';
import { StreamReader } from '../tail/stream-reader.ts';
import { MissedEntries, TAIL_SCHEMA, type TailLine, tailLines } from '../tail/tail-events.ts';
import { formatTime } from '../time-text.ts';

export const schema = TAIL_SCHEMA;

const BLOCK_MS = 2_000;

/** Prints lines as they pass through the streams, until it is stopped or has had enough. */
export async function run(context: CommandContext): Promise<number> {
  const { flags, clock, stopping, err } = context;
  const [product, type, user] = ['product', 'type', 'user'].map((name) => flags.readOptional(name, text()));
  const others = flags.on('other');
  if (others && (product ?? type ?? user) !== undefined) {
    throw new UsageError('--other: other lines have no product, type or user to choose by');
  }
  const most = flags.readOptional('count', integer(1, Number.MAX_SAFE_INTEGER)) ?? Number.POSITIVE_INFINITY;
  const forMs = flags.readOptional('for', duration({ minMs: 1 })) ?? Number.POSITIVE_INFINITY;
  return withDeployment(context, async (target) => {
    const missed = new MissedEntries();
    const place = await begin(context, target, others, missed);
    const redis = openRedis({ url: flags.read('redis', redisUrl), name: 'weir-cli', blockMs: BLOCK_MS });
    const endMs = clock.monotonicMs() + forMs;
    const ended = new AbortController();
    const end = () => {
      ended.abort();
      redis.disconnect();
    };
    stopping.addEventListener('abort', end);
    if (Number.isFinite(forMs)) void clock.sleep(forMs, ended.signal).then(end);
    try {
      await redis.connect();
      const reader = new StreamReader(redis, place.streams, place.lastIds, BLOCK_MS);
      let printed = 0;
      while (!ended.signal.aborted && clock.monotonicMs() < endMs) {
        for await (const entries of reader.round()) {
          for (const entry of entries) {
            const { batch, lines } = tailLines(entry, { product, type, user });
            const lost = batch ? missed.see(entry.partition, batch) : 0;
            if (lost > 0)
              err(`weir tail: missed ${lost} entries of partition ${entry.partition}: trimmed before they were read\n`);
            await print(context, lines.slice(0, most - printed));
            printed += lines.length;
            if (printed >= most || ended.signal.aborted) return EXIT.done;
          }
        }
      }
      return EXIT.done;
    } catch (error) {
      if (ended.signal.aborted) return EXIT.done;
      throw redisFault(error);
    } finally {
      stopping.removeEventListener('abort', end);
      end();
    }
  });
}

/** Behind which entries to read, and what each relay had sent until then. */
async function begin(
  { flags }: CommandContext,
  { redis, prefix, partitions }: DeploymentTarget,
  others: boolean,
  missed: MissedEntries,
) {
  const since = flags.readOptional('since', moment);
  const sinceMs = since && Math.floor(momentMs(since, await redisTimeMs(redis)));
  const [streams, lastIds]: [string[], string[]] = [[], []];
  for (let partition = 0; partition < partitions; partition++) {
    const keys = partitionKeys(prefix, partition);
    const stream = others ? keys.others : keys.stream;
    const { lastId } = await lookAtPartition(redis, partition, { ...keys, stream });
    streams.push(stream);
    lastIds.push(sinceMs === undefined ? (lastId ?? '0-0') : `${Math.max(0, sinceMs - 1)}-18446744073709551615`);
    // After the id: an entry that comes in between is shown, and none is taken for missed.
    if (sinceMs !== undefined) continue;
    for (const [incarnation, told] of Object.entries(
      await lastSequences(redis, others ? keys.otherRelays : keys.relays),
    )) {
      missed.know(partition, incarnation, Number.parseInt(told, 10));
    }
  }
  return { streams, lastIds };
}

/** By start of a relay: "sequence, Redis ms". */
async function lastSequences(redis: Redis, key: string): Promise<Record<string, string>> {
  try {
    return await redis.hgetall(key);
  } catch (error) {
    throw redisFault(error);
  }
}

/** Waits until whoever reads has taken it, so that nothing heaps up here. */
async function print(context: CommandContext, lines: readonly TailLine[]): Promise<void> {
  if (lines.length === 0) return;
  const { view, terminal, out } = context;
  const made: string[] = [];
  for (const each of lines) {
    const line = terminal.isTty ? printable(each.line) : each.line;
    if (view.format === 'json') made.push(`${JSON.stringify(each)}\n`);
    else if (view.format === 'yaml') made.push(`---\n${await reportText(each, 'yaml')}`);
    else if (view.format === 'table') made.push(`${line}\n`);
    else {
      const time = each.receivedMs === null ? '?' : formatTime(each.receivedMs, view.timeZone);
      made.push(`${time}  ${each.partition}:${each.entry}  ${printable(each.relay ?? '?')}  ${line}\n`);
    }
  }
  out(made.join(''));
  await context.drained?.();
}
