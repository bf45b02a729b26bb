import type { Version } from '@weir/aggregator/log-codec';
import type { Beat, BeatReply } from '@weir/aggregator/store/heartbeats';
import { formatVersion, parseVersion } from '@weir/aggregator/store/partition-store';
import type { WindowBooks, WriteIntent } from '@weir/aggregator/store/sink-books';
import type { Report, ReportReply } from '@weir/relay/reports';
import type { Without } from './checks.ts';

/** What Redis holds beside the partitions: final records, the sinks' books, and who says that he is alive. */
export class SharedState {
  finals = new Map<number, { totals: Buffer; storedMs: number }>();
  finalsStamp = '';
  /** By `sink/window`; each a hash of Redis. Replaced, never changed in place. */
  books = new Map<string, ReadonlyMap<string, string>>();
  aggregators = new Map<string, string>();
  relays = new Map<string, string>();

  clone(): SharedState {
    const copy = new SharedState();
    copy.finals = new Map(this.finals);
    copy.finalsStamp = this.finalsStamp;
    copy.books = new Map(this.books);
    copy.aggregators = new Map(this.aggregators);
    copy.relays = new Map(this.relays);
    return copy;
  }
}

/** store-final.lua */
export function storeFinal(
  state: SharedState,
  startSec: number,
  totals: Buffer,
  nowMs: number,
  stamp: string,
): boolean {
  if (state.finals.has(startSec)) return false;
  state.finals.set(startSec, { totals, storedMs: nowMs });
  state.finalsStamp = stamp;
  return true;
}

export function removeFinal(state: SharedState, startSec: number, stamp: string): void {
  state.finals.delete(startSec);
  state.finalsStamp = stamp;
}

export function readBooks(state: SharedState, key: string): WindowBooks {
  const fields = state.books.get(key) ?? new Map<string, string>();
  const confirmed = new Map<number, Version>();
  for (const [field, value] of fields) {
    if (field.startsWith('confirmed:')) confirmed.set(Number(field.slice(10)), parseVersion(value));
  }
  const settled = fields.get('settled');
  return {
    confirmed,
    settledMs: settled === undefined ? undefined : Number(settled),
    checks: Number(fields.get('checks') ?? 0),
    done: fields.has('done'),
  };
}

/** begin-write.lua */
export function beginWrite(
  state: SharedState,
  key: string,
  writer: { incarnation: string; token: string; alive: readonly string[] },
  { nowMs, staleMs }: { nowMs: number; staleMs: number },
): WriteIntent | 'busy' {
  const fields = new Map(state.books.get(key));
  const intent = fields.get('intent');
  if (intent !== undefined) {
    const holder = intent.split(' ')[0]!;
    const fresh = Math.abs(nowMs - Number(fields.get('begun') ?? 0)) < staleMs;
    if (holder !== writer.incarnation && fresh && writer.alive.includes(holder)) return 'busy';
    fields.set('abandoned', String(nowMs));
  }
  fields.set('intent', `${writer.incarnation} ${writer.token}`);
  fields.set('begun', String(nowMs));
  state.books.set(key, fields);
  return { token: writer.token, abandoned: fields.has('abandoned'), lastWrite: fields.get('writer') };
}

export type WriteEnd = 'confirmed' | 'settled' | 'checked' | 'cancelled' | 'abandoned';

/** end-write.lua */
export function endWrite(
  state: SharedState,
  key: string,
  writer: { incarnation: string; token: string },
  end: { outcome: WriteEnd; versions: ReadonlyMap<number, Version> },
  nowMs: number,
  without: Without,
): 'done' | 'revoked' {
  const fields = new Map(state.books.get(key));
  const keep = () => {
    if (fields.size > 0) state.books.set(key, fields);
    else state.books.delete(key);
  };
  if (fields.get('intent') !== `${writer.incarnation} ${writer.token}` && !without.has('intent')) {
    if (end.outcome !== 'cancelled') {
      for (const field of [...fields.keys()]) {
        if (field.startsWith('confirmed:') || ['settled', 'checks', 'done'].includes(field)) fields.delete(field);
      }
      fields.delete('intent');
      fields.delete('begun');
      fields.set('abandoned', String(nowMs));
    }
    keep();
    return 'revoked';
  }
  fields.delete('intent');
  fields.delete('begun');
  if (end.outcome !== 'cancelled') fields.set('writer', writer.token);
  if (end.outcome === 'abandoned') {
    fields.set('abandoned', String(nowMs));
  } else if (end.outcome !== 'cancelled') {
    fields.delete('abandoned');
    if (end.outcome === 'settled') {
      fields.set('settled', String(nowMs));
      fields.set('checks', '0');
    } else if (end.outcome === 'checked') {
      fields.set('checks', String(Number(fields.get('checks') ?? 0) + 1));
    }
    for (const [partition, version] of end.versions) fields.set(`confirmed:${partition}`, formatVersion(version));
  }
  keep();
  return 'done';
}

/** HSET done, whatever else the books say. */
export function finishBooks(state: SharedState, key: string, reason: string): void {
  state.books.set(key, new Map(state.books.get(key)).set('done', reason));
}

/** heartbeat.lua */
export function heartbeat(state: SharedState, said: Beat, nowMs: number): BeatReply {
  const { id, incarnation, startedMs, beat, forgetAfterMs } = said;
  const previous = state.aggregators.get(id) ?? '';
  if (isTaken(previous, said, nowMs)) return { kind: 'taken', nowMs, previous, fields: new Map() };
  state.aggregators.set(id, `${incarnation} ${startedMs} ${nowMs} ${beat}`);
  for (const [other, field] of [...state.aggregators]) {
    if (nowMs - Number(field.split(' ')[2]) > forgetAfterMs) state.aggregators.delete(other);
  }
  return { kind: 'beat', nowMs, previous, fields: new Map(state.aggregators) };
}

function isTaken(
  field: string,
  {
    incarnation,
    startedMs,
    standing,
    deadAfterMs,
  }: Pick<Beat, 'incarnation' | 'startedMs' | 'standing' | 'deadAfterMs'>,
  nowMs: number,
): boolean {
  if (standing !== undefined) return field !== standing;
  const [other, otherMs, lastMs] = field.split(' ');
  return field !== '' && other !== incarnation && nowMs - Number(lastMs) < deadAfterMs && Number(otherMs) > startedMs;
}

/** report.lua, but for forgetting relays that are long gone. */
export function report(state: SharedState, said: Report, nowMs: number): ReportReply {
  const { id, incarnation, startedMs, drainedMs, sinceMs } = said;
  const previous = state.relays.get(id) ?? '';
  if (isTaken(previous, said, nowMs)) return { kind: 'taken', nowMs, previous };
  const [before, , , stands] = previous.split(' ');
  const known = drainedMs ?? (before === incarnation && stands !== undefined ? stands : sinceMs);
  state.relays.set(id, `${incarnation} ${startedMs} ${nowMs} ${known}`);
  return { kind: 'reported', nowMs, previous };
}
