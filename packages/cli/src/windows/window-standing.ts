import { finalsKey, partitionKeys, sinkWindowKey } from '@weir/common/keys';
import { redisFault } from '@weir/common/redis';
import { SEALED_CHUNK, windowIndex } from '@weir/common/window';
import type { Redis } from 'ioredis';

/** How one window stands: in the partitions, as a final record, and in the sinks' books. */
export interface WindowStanding {
  startSec: number;
  /** Of the partitions that have state of it. */
  parts: readonly WindowPart[];
  /** When its final record was stored, by Redis's clock; undefined where it has none. */
  finalMs: number | undefined;
  /** Partitions in which it is sealed. */
  sealedIn: readonly number[];
  /** By sink. */
  books: ReadonlyMap<string, SinkStanding>;
}

export interface WindowPart {
  partition: number;
  openedMs: number;
  /** "length nonce" of the log, and of the published totals. */
  version: string;
  published: string | undefined;
}

export interface SinkStanding {
  /** By partition: "length nonce" that the sink has confirmed. */
  confirmed: ReadonlyMap<number, string>;
  settledMs: number | undefined;
  askedMs: number | undefined;
  /** 'settled' or 'given-up'. */
  done: string | undefined;
}

export interface StandingOptions {
  redis: Redis;
  prefix: string;
  partitions: number;
  windowLengthSec: number;
  sinks: readonly string[];
}

/** Rejects with a RedisFault. */
export async function readStanding(options: StandingOptions, startSec: number): Promise<WindowStanding> {
  const { redis, prefix, partitions, windowLengthSec, sinks } = options;
  const parts: WindowPart[] = [];
  const sealedIn: number[] = [];
  const index = windowIndex(startSec, windowLengthSec);
  try {
    for (let partition = 0; partition < partitions; partition++) {
      const { windows, published, base } = partitionKeys(prefix, partition);
      const meta = await redis.hget(windows, String(startSec));
      const version = await redis.hget(published, String(startSec));
      const bit = await redis.getbit(`${base}sealed:${Math.floor(index / SEALED_CHUNK)}`, index % SEALED_CHUNK);
      if (bit === 1) sealedIn.push(partition);
      if (meta === null) continue;
      const [length, nonce, openedMs] = meta.split(' ');
      const part = { partition, openedMs: Number(openedMs), version: `${length} ${nonce}` };
      parts.push({ ...part, published: version ?? undefined });
    }
    const books = new Map<string, SinkStanding>();
    for (const sink of sinks) {
      books.set(sink, sinkStanding(await redis.hgetall(sinkWindowKey(prefix, sink, startSec))));
    }
    // After the partitions: a window whose state is freed has its final record by then.
    const finalMs = await redis.zscore(finalsKey(prefix), String(startSec));
    return { startSec, parts, sealedIn, books, finalMs: finalMs === null ? undefined : Number(finalMs) };
  } catch (error) {
    throw redisFault(error);
  }
}

const CONFIRMED = 'confirmed:';

function sinkStanding(fields: Readonly<Record<string, string>>): SinkStanding {
  const confirmed = new Map<number, string>();
  for (const [field, version] of Object.entries(fields)) {
    if (field.startsWith(CONFIRMED)) confirmed.set(Number(field.slice(CONFIRMED.length)), version);
  }
  const ms = (name: string) => (fields[name] === undefined ? undefined : Number(fields[name]));
  return { confirmed, settledMs: ms('settled'), askedMs: ms('asked'), done: fields.done };
}
