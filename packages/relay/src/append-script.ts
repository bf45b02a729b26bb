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

/**
 * One call of append.lua. `afterGap` lets it leave out sequences that the relay can no longer send. Rejects with a
 * RedisFault; whether the batch was appended is then unknown.
 */
export async function appendBatch(
  redis: Redis,
  keys: PartitionKeys,
  { relayId, incarnation }: Appender,
  batch: JournalBatch,
  afterGap: boolean,
): Promise<AppendAnswer> {
  const { sequence, receivedMs, lineCount, lines, idempotencyKey, lineNumbers } = batch;
  const identity = formatBatchIdentity({ relayId, incarnation, sequence });
  const fields: ScriptArgument[] = ['b', identity, 't', receivedMs, 'n', lineCount, 'd', lines];
  if (idempotencyKey !== undefined) fields.push('k', idempotencyKey, 'l', lineNumbers ?? '');
  const args = [incarnation, sequence, afterGap ? 'gap' : 'next', lineCount, ...fields];
  return asAnswer(await APPEND.run(redis, [keys.stream, keys.relays, keys.counters], args));
}

/** Appends nothing; answers what the partition holds of this incarnation. See probe.lua. */
export async function probe(redis: Redis, keys: PartitionKeys, { incarnation }: Appender): Promise<AppendAnswer> {
  return asAnswer(await PROBE.run(redis, [keys.relays], [incarnation]));
}

function asAnswer(reply: unknown): AppendAnswer {
  const [appended, last, entryId, redisMs] = reply as [number, number, Buffer, number];
  return { appended: appended === 1, last, entryId: entryId.toString(), redisMs };
}
