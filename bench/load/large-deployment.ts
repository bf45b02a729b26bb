import { encodeFinal } from '@weir/common/final-codec';
import {
  aggregatorsKey,
  CONSUMER_GROUP,
  deploymentKey,
  finalKey,
  finalsKey,
  partitionKeys,
  relayCountsKey,
  relaysKey,
  sinkWindowKey,
} from '@weir/common/keys';
import { relayCountsField } from '@weir/common/relay-counts';
import { encodeTotals, type GroupCount } from '@weir/common/totals-codec';
import type { Redis } from 'ioredis';

/**
 * A deployment as large as one should ever be, with an accident behind it, written into Redis as the daemons would have
 * left it: many partitions and consumers, very many pending entries, half of the partitions with a hole that makes XINFO's
 * lag null, a day of final records, windows of many groups.
 */
export interface LargeDeployment {
  partitions: number;
  consumers: number;
  pendingEntries: number;
  undeliveredEntries: number;
  linesPerEntry: number;
  openWindows: number;
  finalRecords: number;
  groups: number;
  sinks: readonly string[];
}

const PREFIX = 'weir';
const WINDOW_SEC = 60;
const NONCE = '00112233445566778899aabbccddeeff';

export async function fillLarge(redis: Redis, size: LargeDeployment): Promise<void> {
  const nowMs = Number((await redis.time())[0]) * 1_000;
  await redis.hset(deploymentKey(PREFIX), {
    partitions: size.partitions,
    windowMs: WINDOW_SEC * 1_000,
    graceMs: 5_000,
    latenessMs: 900_000,
    identity: 'content',
    sinks: [...size.sinks].sort().join(','),
  });
  await fillDaemons(redis, size, nowMs);
  for (let partition = 0; partition < size.partitions; partition++) await fillStream(redis, size, partition, nowMs);
  await fillWindows(redis, size, nowMs);
}

async function fillDaemons(redis: Redis, { consumers }: LargeDeployment, nowMs: number): Promise<void> {
  // Half of them are dead: somebody looks because something happened. The others are for an hour to come.
  for (let i = 0; i < consumers; i++) {
    const lastMs = i % 2 === 0 ? nowMs + 3_600_000 : nowMs - 60_000;
    await redis.hset(aggregatorsKey(PREFIX), `aggregator-${i}`, `${'f'.repeat(16)} 1 ${lastMs} 9`);
  }
  for (let i = 0; i < 10; i++) {
    await redis.hset(relaysKey(PREFIX), `relay-${i}`, `${'e'.repeat(16)} 1 ${nowMs + 3_600_000} ${nowMs}`);
  }
  const counts = { received: 9, accepted: 9, others: 0, rejected: { syntax: 1 }, journaled: 9, appended: 9 };
  const more = {
    appendedAgain: 0,
    abandoned: 0,
    journalGapBatches: 0,
    datagrams: 0,
    datagramsDropped: 0,
    kernelDrops: 0,
  };
  for (let i = 0; i < 256; i++) {
    const text = JSON.stringify({ startedMs: nowMs - i * 60_000, lastMs: nowMs, counts: { ...counts, ...more } });
    await redis.hset(
      relayCountsKey(PREFIX),
      relayCountsField(`relay-${i % 10}`, i.toString(16).padStart(16, '0')),
      text,
    );
  }
}

async function fillStream(redis: Redis, size: LargeDeployment, partition: number, nowMs: number): Promise<void> {
  const { stream, counters } = partitionKeys(PREFIX, partition);
  const pending = Math.ceil(size.pendingEntries / size.partitions);
  const entries = pending + Math.ceil(size.undeliveredEntries / size.partitions);
  const lines = 'event_type=login,product=shop value=user12345678 1700000000000000000\n'.repeat(size.linesPerEntry);
  await redis.xgroup('CREATE', stream, CONSUMER_GROUP, '0', 'MKSTREAM');
  for (let at = 0; at < entries; at += 500) {
    const pipeline = redis.pipeline();
    for (let i = at; i < Math.min(entries, at + 500); i++) {
      const batch = `relay-1:${'e'.repeat(16)}:${i + 1}`;
      pipeline.xadd(stream, `${nowMs - 60_000 + i}-0`, 'b', batch, 't', nowMs, 'n', size.linesPerEntry, 'd', lines);
    }
    await pipeline.exec();
  }
  const each = Math.ceil(pending / size.consumers);
  for (let i = 0; i < size.consumers && i * each < pending; i++) {
    const count = Math.min(each, pending - i * each);
    await redis.xreadgroup('GROUP', CONSUMER_GROUP, `aggregator-${i}`, 'COUNT', count, 'STREAMS', stream, '>');
  }
  if (partition % 2 === 0) await redis.xdel(stream, `${nowMs - 60_000 + entries - 2}-0`);
  const received = (entries - (partition % 2 === 0 ? 1 : 0)) * size.linesPerEntry;
  await redis.hset(counters, { received, counted: 0, duplicate: 0, 'folded-entries': 0, 'appended-entries': entries });
}

async function fillWindows(redis: Redis, size: LargeDeployment, nowMs: number): Promise<void> {
  const newest = Math.floor(nowMs / 1_000 / WINDOW_SEC) * WINDOW_SEC;
  const groups: GroupCount[] = Array.from({ length: size.groups }, (_, i) => ({
    eventType: `type-${i % 20}`,
    product: `product-${Math.floor(i / 20)}`,
    events: 1_000 + i,
    users: 100 + i,
  }));
  const totals = encodeTotals({ version: { length: 1_000, nonce: NONCE }, groups });
  const starts = Array.from({ length: size.openWindows }, (_, i) => newest - i * WINDOW_SEC);
  for (let partition = 0; partition < size.partitions; partition++) {
    const keys = partitionKeys(PREFIX, partition);
    const pipeline = redis.pipeline();
    for (const start of starts) {
      pipeline.hset(keys.windows, start, `1000 ${NONCE} ${start * 1_000}`);
      pipeline.hset(keys.published, start, `1000 ${NONCE}`);
      pipeline.set(keys.totals(start), totals);
      for (const sink of size.sinks) {
        pipeline.hset(sinkWindowKey(PREFIX, sink, start), `confirmed:${partition}`, `1000 ${NONCE}`, 'writer', 'f');
      }
    }
    await pipeline.exec();
  }
  const final = encodeFinal(groups);
  for (let i = 0; i < size.finalRecords; i++) {
    const start = newest - (size.openWindows + i) * WINDOW_SEC;
    const pipeline = redis.pipeline();
    pipeline.set(finalKey(PREFIX, start), final).zadd(finalsKey(PREFIX), nowMs - i * 60_000, start);
    for (const sink of size.sinks) pipeline.hset(sinkWindowKey(PREFIX, sink, start), 'writer', 'f', 'settled', nowMs);
    await pipeline.exec();
  }
}
