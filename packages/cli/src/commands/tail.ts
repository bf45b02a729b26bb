import { EXIT } from '@weir/common/errors';
import { partitionKeys } from '@weir/common/keys';
import { connectRedis, openRedis, RedisFault, redisFault, redisTimeMs } from '@weir/common/redis';
import { duration, integer, redisAddress, redisUrl, text } from '@weir/common/setting-values';
import type { Redis } from 'ioredis';
import { type CommandContext, UsageError } from '../command-context.ts';
import { type DeploymentTarget, reasonOf, withDeployment } from '../deployment-target.ts';
import { type Moment, moment, momentMs } from '../moment.ts';
import { lookAtPartition } from '../partition-state.ts';
import { reportText } from '../show.ts';
import { printable } from '../table.ts';
import { Bell } from '../tail/bell.ts';
import { LastLines } from '../tail/last-lines.ts';
import { PatientRedis } from '../tail/patient-redis.ts';
import { readBack } from '../tail/read-back.ts';
import { type PassedEntry, StreamReader } from '../tail/stream-reader.ts';
import { MissedEntries, TAIL_SCHEMA, type TailFilter, type TailLine, tailLines } from '../tail/tail-events.ts';
import { formatTime } from '../time-text.ts';

export const schema = TAIL_SCHEMA;

/** So long at most an end has to wait, too: shorter than main.ts waits for it. */
const WAIT_MS = 250;
const CONNECT_MS = 3_000;
/** They are held in memory until they are known to be the last ones. */
const MOST_LAST_LINES = 10_000;
const NOTHING_LEFT = 'weir tail: no such line is left in the streams; what is folded is trimmed from them\n';

interface TailWish {
  filter: TailFilter;
  others: boolean;
  /** Begin with so many; undefined: with what passes from now on, or since `since`. */
  last: number | undefined;
  since: Moment | undefined;
  follow: boolean;
  /** End after so many lines. */
  most: number;
}

/** Prints lines as they pass through the streams, until it is stopped or has had enough. */
export async function run(context: CommandContext): Promise<number> {
  const { flags, clock, stopping } = context;
  const wish = readWish(context);
  const forMs = flags.readOptional('for', duration({ minMs: 1 }));
  return withDeployment(context, async (target) => {
    const ended = new AbortController();
    const end = () => ended.abort();
    stopping.addEventListener('abort', end);
    if (stopping.aborted) end();
    if (forMs !== undefined) void clock.sleep(forMs, ended.signal).then(end);
    try {
      await tail(context, target, wish, ended.signal);
    } catch (error) {
      if (!ended.signal.aborted || !(error instanceof RedisFault)) throw error;
    } finally {
      stopping.removeEventListener('abort', end);
      end();
    }
    return EXIT.done;
  });
}

function readWish({ flags }: CommandContext): TailWish {
  const [product, type, user] = ['product', 'type', 'user'].map((name) => flags.readOptional(name, text()));
  const others = flags.on('other');
  if (others && (product ?? type ?? user) !== undefined) {
    throw new UsageError('--other: other lines have no product, type or user to choose by');
  }
  const last = flags.readOptional('lines', integer(0, MOST_LAST_LINES));
  const since = flags.readOptional('since', moment);
  const follow = !flags.on('no-follow');
  if (!follow && last === undefined && since === undefined) {
    throw new UsageError('--no-follow: expected --lines <n> or --since <time> with it');
  }
  const most = flags.readOptional('count', integer(1, Number.MAX_SAFE_INTEGER)) ?? Number.POSITIVE_INFINITY;
  return { filter: { product, type, user }, others, last, since, follow, most };
}

async function tail(context: CommandContext, target: DeploymentTarget, wish: TailWish, ended: AbortSignal) {
  const { flags, clock, err } = context;
  const { last, follow } = wish;
  const address = redisAddress(flags.read('redis', redisUrl));
  const onAway = (fault: RedisFault) =>
    err(`weir tail: Redis at ${address}: ${reasonOf(fault)}; waiting for it, to go on where it was\n`);
  const redis = new PatientRedis({ redis: target.redis, clock, stopping: ended, onAway });
  const missed = new MissedEntries();
  const { streams, ends, sinceId } = await begin(target, wish, missed);
  let left = wish.most;
  /** Answers whether there was enough. */
  let shown = 0;
  const show = async (lines: readonly TailLine[]) => {
    shown += lines.length;
    await print(context, lines.slice(0, left));
    left -= lines.length;
    return left <= 0 || ended.aborted;
  };
  if (last !== undefined && last > 0) {
    const lines = new LastLines(last);
    const linesOf = (entry: PassedEntry) => tailLines(entry, wish.filter).lines;
    await readBack({ redis, streams, ends, sinceId: sinceId ?? '-', last: lines, stopping: ended, linesOf });
    // Those that were found by then need not be the last ones.
    if (ended.aborted) return;
    if (await show(lines.lines)) return;
  }
  if (last !== undefined && !follow) {
    if (shown === 0 && last > 0) err(NOTHING_LEFT);
    return;
  }
  const from = last === undefined && sinceId !== undefined ? ends.map(() => before(sinceId)) : ends;
  const reader = new StreamReader(redis, streams, from);
  const showEntry = (entry: PassedEntry) => {
    const { batch, lines } = tailLines(entry, wish.filter);
    const lost = batch ? missed.see(entry.partition, batch) : 0;
    if (lost > 0)
      err(`weir tail: missed ${lost} entries of partition ${entry.partition}: trimmed before they were read\n`);
    return show(lines);
  };
  if (follow) await followStreams(context, { reader, streams, showEntry, ended });
  else {
    await readOn(reader, ends, showEntry);
    if (shown === 0 && !ended.aborted) err(NOTHING_LEFT);
  }
}

interface Following {
  reader: StreamReader;
  streams: readonly string[];
  showEntry: (entry: PassedEntry) => Promise<boolean>;
  ended: AbortSignal;
}

async function followStreams(
  { flags, clock }: CommandContext,
  { reader, streams, showEntry, ended }: Following,
): Promise<void> {
  const redis = openRedis({ url: flags.read('redis', redisUrl), name: 'weir-cli', blockMs: WAIT_MS });
  try {
    await connectRedis(redis, CONNECT_MS);
    const bell = new Bell({ redis, streams, clock, stopping: ended, waitMs: WAIT_MS });
    while (!ended.aborted) {
      bell.set();
      const found = await passOnce(reader, showEntry);
      if (found === 'enough') return;
      if (found === 'nothing') await bell.rung();
    }
  } finally {
    redis.disconnect();
  }
}

/** Up to these ids. */
async function readOn(reader: StreamReader, ends: readonly string[], showEntry: Following['showEntry']): Promise<void> {
  do {
    if ((await passOnce(reader, showEntry)) !== 'some') return;
  } while (!reader.hasRead(ends));
}

async function passOnce(
  reader: StreamReader,
  showEntry: Following['showEntry'],
): Promise<'nothing' | 'some' | 'enough'> {
  let found: 'nothing' | 'some' = 'nothing';
  for await (const entries of reader.pass()) {
    found = 'some';
    for (const entry of entries) if (await showEntry(entry)) return 'enough';
  }
  return found;
}

/** Where the streams end, and what each relay had sent until then. */
async function begin(
  { redis, prefix, partitions }: DeploymentTarget,
  { others, since, last }: TailWish,
  missed: MissedEntries,
) {
  const sinceMs = since && Math.max(0, Math.floor(momentMs(since, await redisTimeMs(redis))));
  const [streams, ends]: [string[], string[]] = [[], []];
  for (let partition = 0; partition < partitions; partition++) {
    const keys = partitionKeys(prefix, partition);
    const stream = others ? keys.others : keys.stream;
    const { lastId } = await lookAtPartition(redis, partition, { ...keys, stream });
    streams.push(stream);
    ends.push(lastId ?? '0-0');
    // After the id: an entry that comes in between is shown, and none is taken for missed.
    if (sinceMs !== undefined && last === undefined) continue;
    for (const [incarnation, told] of Object.entries(
      await lastSequences(redis, others ? keys.otherRelays : keys.relays),
    )) {
      missed.know(partition, incarnation, Number.parseInt(told, 10));
    }
  }
  return { streams, ends, sinceId: sinceMs === undefined ? undefined : `${sinceMs}-0` };
}

/** The greatest id that is not behind this one, `ms-0`; ids begin with 0-1. */
function before(id: string): string {
  const ms = Number.parseInt(id, 10);
  return ms === 0 ? '0-0' : `${ms - 1}-18446744073709551615`;
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
