import { RedisEntrySource } from '@weir/aggregator/entry-source';
import { RedisFinalStore } from '@weir/aggregator/store/final-store';
import { type Heartbeats, RedisHeartbeats } from '@weir/aggregator/store/heartbeats';
import type { PartitionStoreOptions } from '@weir/aggregator/store/partition-store';
import { RedisPartitionStore } from '@weir/aggregator/store/redis-partition-store';
import { RedisSinkBooks } from '@weir/aggregator/store/sink-books';
import { partitionKeys } from '@weir/common/keys';
import { Random } from '@weir/common/random';
import { RedisFault } from '@weir/common/redis-fault';
import { appendBatch, probe } from '@weir/relay/append-script';
import type { JournalBatch } from '@weir/relay/journal';
import { RedisReports, type Reports } from '@weir/relay/reports';
import type { Redis } from 'ioredis';
import type { Caller } from '../simulation/connection.ts';
import {
  SimEntrySource,
  SimFinalStore,
  SimHeartbeats,
  SimPartitionStore,
  SimReports,
  SimSinkBooks,
} from '../simulation/ports.ts';
import { NOTHING_LEFT_OUT } from '../simulation/redis/checks.ts';
import { SimRedis } from '../simulation/redis/sim-redis.ts';
import { World } from '../simulation/world.ts';

/**
 * The same commands to two servers: the scripts on a real Redis, and what the simulation takes for them. The real one goes
 * first, and the simulated clock is set to the time it answered with, so that even entry ids are the same on both sides.
 */
export interface Side {
  store: RedisPartitionStore | SimPartitionStore;
  finals: RedisFinalStore | SimFinalStore;
  source(consumer: string): Pick<RedisEntrySource, keyof SimEntrySource>;
  books(incarnation: string): RedisSinkBooks | SimSinkBooks;
  append(incarnation: string, batch: JournalBatch | undefined, afterGap: boolean): Promise<unknown>;
  readNew(consumer: string, count: number): Promise<unknown>;
  heartbeats: Heartbeats;
  reports: Reports;
}

const SUSPECT_CRASHES = 2;
const SINK = 'az1';

export function realSide(redis: Redis, reader: Redis, options: PartitionStoreOptions): Side {
  const keys = partitionKeys(options.prefix, 0);
  // One per consumer: each listens to its connection for as long as that lives.
  const sources = ['a', 'b'].map(
    (consumer) =>
      [
        consumer,
        new RedisEntrySource({
          reader,
          commands: redis,
          stream: keys.stream,
          suspects: keys.suspects,
          consumer,
          incarnation: `of-${consumer}`,
          suspectCrashes: SUSPECT_CRASHES,
        }),
      ] as const,
  );
  const source = (consumer: string) => new Map(sources).get(consumer)!;
  return {
    store: new RedisPartitionStore(redis, 0, options),
    finals: new RedisFinalStore(redis, options.prefix),
    source,
    books: (incarnation) => new RedisSinkBooks(redis, options.prefix, SINK, incarnation),
    append: async (incarnation, batch, afterGap) => {
      const appender = { relayId: 'relay', incarnation };
      const { appended, last, redisMs, entryId } = await (batch
        ? appendBatch(redis, keys, appender, batch, afterGap)
        : probe(redis, keys, appender));
      // XADD reads the clock itself, a moment after the script did.
      return { appended, last, redisMs: appended ? Number(entryId.split('-')[0]) : redisMs };
    },
    readNew: (consumer, count) => source(consumer).readNew(count, 1),
    heartbeats: new RedisHeartbeats(redis, options.prefix),
    reports: new RedisReports({ redis, signOffRedis: redis, prefix: options.prefix }),
  };
}

/** `setClock` is called before each command with the real server's time. */
export function simulatedSide(options: PartitionStoreOptions): Side & { sim: SimRedis; setClock(nowMs: number): void } {
  const how = { partitions: 1, store: options, without: NOTHING_LEFT_OUT, epochMs: 0 };
  const sim = new SimRedis(new World(new Random(1)), how);
  const at: Caller = {
    call: (_, command) =>
      new Promise((resolve, reject) => {
        try {
          command(resolve, () => undefined);
        } catch (error) {
          reject(error);
        }
      }),
  };
  let tokens = 0;
  const newToken = () => `token-${++tokens}`;
  const source = (consumer: string) =>
    new SimEntrySource({
      reader: at,
      commands: at,
      redis: sim,
      partition: 0,
      consumer,
      incarnation: `of-${consumer}`,
      suspectCrashes: SUSPECT_CRASHES,
    });
  return {
    sim,
    setClock: (nowMs) => {
      how.epochMs = nowMs;
    },
    store: new SimPartitionStore(at, sim, 0),
    finals: new SimFinalStore(at, sim),
    source,
    books: (incarnation) => new SimSinkBooks(at, sim, { sink: SINK, incarnation, newToken }),
    append: async (incarnation, batch, afterGap) => {
      if (!batch) return sim.append(0, incarnation, undefined);
      const { sequence, receivedMs, lineCount, lines } = batch;
      const entry = { batch: `relay:${incarnation}:${sequence}`, receivedMs, lineCount, lines };
      return sim.append(0, incarnation, { sequence, afterGap, entry });
    },
    readNew: async (consumer, count) => {
      const reading = source(consumer);
      const found = reading.readNew(count, 1);
      await reading.unblock();
      return found;
    },
    heartbeats: new SimHeartbeats(at, sim),
    reports: new SimReports(at, sim),
  };
}

/** What a command came to: its answer, or the code of the fault. */
export async function outcomeOf(run: () => Promise<unknown>): Promise<unknown> {
  try {
    return await run();
  } catch (error) {
    if (error instanceof RedisFault) return { fault: error.code };
    throw error;
  }
}

/** All a partition holds, on a real Redis, in the words of the simulated one; what only tells the time is left out. */
export async function realState(redis: Redis, options: PartitionStoreOptions, starts: readonly number[]) {
  const keys = partitionKeys(options.prefix, 0);
  const hash = async (key: string) => new Map(Object.entries(await redis.hgetall(key)).sort());
  const counters = await hash(keys.counters);
  const windows = new Map<number, { meta: string; log: string; published: string; totals: string }>();
  for (const startSec of starts) {
    const meta = await redis.hget(keys.windows, String(startSec));
    if (meta === null) continue;
    const chunks: Buffer[] = [];
    const length = Number(meta.split(' ')[0]);
    for (let chunk = 0; chunk * options.chunkBytes < length; chunk++) {
      chunks.push((await redis.getBuffer(keys.logChunk(startSec, chunk))) ?? Buffer.alloc(0));
    }
    windows.set(startSec, {
      meta,
      log: Buffer.concat(chunks).toString('hex'),
      published: (await redis.hget(keys.published, String(startSec))) ?? '',
      totals: (await redis.getBuffer(keys.totals(startSec)))?.toString('hex') ?? '',
    });
  }
  const dead = await redis.xrange(keys.dead, '-', '+');
  const group = await redis.exists(keys.stream);
  const pending = group
    ? ((await redis.xpending(keys.stream, 'aggregators', '-', '+', 1_000).catch(() => [])) as [
        string,
        string,
        number,
        number,
      ][])
    : [];
  return {
    counters,
    windows,
    seed: (await redis.get(keys.seed)) ?? '',
    relays: new Map([...(await hash(keys.relays))].map(([name, value]) => [name, value.split(' ')[0]!])),
    dirty: (await redis.smembers(keys.dirty)).sort(),
    suspects: new Map(
      [...(await hash(keys.suspects))].map(([id, mark]) => [id, mark.split(' ').slice(0, 2).join(' ')]),
    ),
    dead: dead.map(([, fields]) => fields.filter((_, i) => i % 2 === 1)),
    entries: (await redis.xrange(keys.stream, '-', '+')).map(([id]) => id),
    pending: pending.map(([id, consumer, , deliveries]) => [id, consumer, deliveries]),
  };
}

/** The same of a simulated one. */
export function simulatedState({ partitions: [state] }: SimRedis): Awaited<ReturnType<typeof realState>> {
  const { counters: c, deadCounts, stream } = state!;
  const counters: [string, number][] = [
    ['received', c.received],
    ['appended-entries', c.appendedEntries],
    ['counted', c.counted],
    ['duplicate', c.duplicate],
    ['folded-entries', c.foldedEntries],
    ['dead-letters', c.deadLetters],
    ['dead-bytes', c.deadBytes],
    ['dead-dropped', c.deadDropped],
    ...[...deadCounts].map(([reason, lines]): [string, number] => [`dead:${reason}`, lines]),
  ];
  const text = (version: { length: number; nonce: string } | undefined) =>
    version ? `${version.length} ${version.nonce}` : '';
  return {
    counters: new Map(
      counters
        .filter(([, value]) => value !== 0)
        .map(([name, value]) => [name, String(value)] as const)
        .sort(),
    ),
    windows: new Map(
      [...state!.windows].map(([startSec, { log, version, openedMs }]) => [
        startSec,
        {
          meta: `${text(version)} ${openedMs}`,
          log: log.toString('hex'),
          published: text(state!.published.get(startSec)),
          totals: state!.totals.get(startSec)?.toString('hex') ?? '',
        },
      ]),
    ),
    seed: state!.seed ?? '',
    relays: new Map([...state!.relays].map(([name, last]) => [name, String(last)] as const).sort()),
    dirty: [...state!.dirty].map(String).sort(),
    suspects: new Map(
      [...state!.suspects].map(([id, { holder, crashes }]) => [id, `${holder} ${crashes}`] as const).sort(),
    ),
    dead: state!.dead.map(({ reason, entryId, batch, receivedMs, lineCount, lines }) => {
      return [reason, entryId, batch, String(receivedMs), String(lineCount), lines.toString()];
    }),
    entries: stream.entries.map(({ id }) => id),
    pending: [...(stream.group?.pending ?? [])]
      .sort(([a], [b]) => a - b)
      .map(([key, { consumer, deliveries }]) => [`${Math.floor(key / 1000)}-${key % 1000}`, consumer, deliveries]),
  };
}
