import { formatBatchIdentity } from '@weir/common/batch';
import type { PartitionKeys } from '@weir/common/keys';
import { Script, type ScriptArgument } from '@weir/common/redis';
import type { Redis } from 'ioredis';
import type { JournalBatch } from './journal.ts';
import type { LaneAnswer } from './lane.ts';

const APPEND = Script.beside(import.meta.url, 'append');
const PROBE = Script.beside(import.meta.url, 'probe');

/** What the append script says; `entryId` only where this very call appended. */
export interface AppendAnswer extends LaneAnswer {
  appended: boolean;
  entryId: string;
}

export interface Appender {
  relayId: string;
  /** Of this start of the relay: 16 hex digits. */
  incarnation: string;
}

/** What a lane's batches are appended to. */
export interface AppendTarget {
  stream: string;
  relays: string;
  counters: string;
  /** The stream's bound; absent where trimming alone keeps it short. */
  maxBytes?: number;
}

export const eventTarget = ({ stream, relays, counters }: PartitionKeys): AppendTarget => ({
  stream,
  relays,
  counters,
});

/** The stream of a partition's other lines. */
export function otherTarget({ others, otherRelays, otherCounters }: PartitionKeys, maxBytes: number): AppendTarget {
  return { stream: others, relays: otherRelays, counters: otherCounters, maxBytes };
}

/**
 * One call of append.lua. `afterGap` lets it leave out sequences that the relay can no longer send. Rejects with a
 * RedisFault; whether the batch was appended is then unknown.
 */
export async function appendBatch(
  redis: Redis,
  { stream, relays, counters, maxBytes }: AppendTarget,
  { relayId, incarnation }: Appender,
  batch: JournalBatch,
  afterGap: boolean,
): Promise<AppendAnswer> {
  const { sequence, receivedMs, lineCount, lines, idempotencyKey, lineNumbers } = batch;
  const identity = formatBatchIdentity({ relayId, incarnation, sequence });
  const fields: ScriptArgument[] = ['b', identity, 't', receivedMs, 'n', lineCount, 'd', lines];
  if (idempotencyKey !== undefined) fields.push('k', idempotencyKey, 'l', lineNumbers ?? '');
  const args = [incarnation, sequence, afterGap ? 'gap' : 'next', lineCount, maxBytes ?? '', ...fields];
  return asAnswer(await APPEND.run(redis, [stream, relays, counters], args));
}

/** Appends nothing; answers what is held of this incarnation. See probe.lua. */
export async function probe(
  redis: Redis,
  { relays }: Pick<AppendTarget, 'relays'>,
  { incarnation }: Appender,
): Promise<AppendAnswer> {
  return asAnswer(await PROBE.run(redis, [relays], [incarnation]));
}

function asAnswer(reply: unknown): AppendAnswer {
  const [appended, last, entryId, redisMs] = reply as [number, number, Buffer, number];
  return { appended: appended === 1, last, entryId: entryId.toString(), redisMs };
}
