import type { RelayStatus } from './relay-status.ts';
import type { SinkStatus } from './sink-status.ts';
import type { StatusFacts } from './status-report.ts';
import { formatAge, formatBytes } from './time-text.ts';
import type { Judging, Said } from './verdict.ts';

/** What makes numbers late: they will be right once it is mended. Pure. */
const FULL = 0.95;

export function lateFindings(facts: StatusFacts, judging: Judging): Said[] {
  const { relays, sinks } = facts;
  return [
    ...redis(facts),
    ...aggregators(facts, judging),
    ...relays.flatMap((relay) => relaySaid(relay, judging)),
    ...sinks.flatMap((sink) => [...sinkSaid(sink, judging), ...othersSaid(sink, judging)]),
  ];
}

function redis({ redis: { usedMemoryBytes, maxMemoryBytes, lastWriteToDiskFailed } }: StatusFacts): Said[] {
  const said: Said[] = [];
  if (maxMemoryBytes > 0 && usedMemoryBytes >= FULL * maxMemoryBytes) {
    const used = `${formatBytes(usedMemoryBytes)} of ${formatBytes(maxMemoryBytes)}`;
    said.push({
      code: 'redis-full',
      sentence: `Redis is full (${used}): it takes neither batches nor folds; lines wait in the relays' journals`,
      command: 'redis-cli CONFIG SET maxmemory <bytes>',
    });
  }
  if (lastWriteToDiskFailed) {
    said.push({
      code: 'redis-disk',
      sentence: 'Redis cannot write to its disk, and may refuse everything until it can',
      command: 'redis-cli INFO persistence',
    });
  }
  return said;
}

function aggregators({ aggregators: all, partitions, prefix }: StatusFacts, { lateAfterMs }: Judging): Said[] {
  const alive = all.filter((aggregator) => aggregator.alive);
  const events = partitions.reduce<number | null>(
    (sum, { lagEvents }) => (sum === null || lagEvents === null ? null : sum + lagEvents),
    0,
  );
  const oldestMs = Math.max(0, ...partitions.map(({ lagSeconds }) => (lagSeconds ?? 0) * 1_000));
  const waiting = `${events ?? '?'} events wait, the oldest for ${formatAge(oldestMs)}`;
  if (alive.length === 0) {
    const last = [...all].sort((a, b) => a.seenAgoMs - b.seenAgoMs)[0];
    const seen = last ? ` (${last.id} was last seen ${formatAge(last.seenAgoMs)} ago)` : '';
    const backlog = events === 0 ? 'nothing waits yet' : waiting;
    return [
      {
        code: 'no-aggregator',
        sentence: `no aggregator is alive${seen}: ${backlog}. Start one`,
        command: `weir-aggregator --prefix ${prefix} --id ${last?.id ?? '<name>'} --sink <url>`,
      },
    ];
  }
  const said: Said[] = [];
  for (const { id, interrupted, heldBack, rollbackAgoMs } of alive) {
    for (const [code, count] of Object.entries(interrupted ?? {})) {
      const remedy = code === 'redis-oom' ? 'Redis is full' : 'Redis refuses it';
      said.push({
        code: 'cannot-fold',
        sentence: `${id} cannot fold ${count} partitions: ${remedy} (${code})`,
        command: code === 'redis-oom' ? 'redis-cli CONFIG SET maxmemory <bytes>' : 'redis-cli INFO',
      });
    }
    if (heldBack && said.every((other) => other.code !== 'held-back')) {
      const ago = rollbackAgoMs === null ? '' : ` ${formatAge(rollbackAgoMs)} ago`;
      said.push({
        code: 'held-back',
        sentence: `Redis lost data${ago}: flushes wait, a minute at most, until relays have sent it again`,
        command: 'weir status --watch',
      });
    }
  }
  const ofDead = new Map<string, number>();
  for (const { consumer, entries } of partitions.flatMap(({ pendingOfDead }) => pendingOfDead)) {
    ofDead.set(consumer, (ofDead.get(consumer) ?? 0) + entries);
  }
  for (const [consumer, entries] of ofDead) {
    const seen = all.find(({ id }) => id === consumer)?.seenAgoMs;
    const since = seen === undefined ? 'which is gone' : `which was last seen ${formatAge(seen)} ago`;
    said.push({
      code: 'dead-consumer',
      sentence: `${entries} entries are held by ${consumer}, ${since}; those alive take them over within seconds`,
      command: `weir claim --from ${consumer}`,
    });
  }
  if (oldestMs > lateAfterMs) {
    said.push({
      code: 'behind',
      sentence: `the aggregators are behind: ${waiting}`,
      command: 'weir lag --watch',
    });
  }
  return said;
}

function relaySaid(relay: RelayStatus, { lateAfterMs }: Judging): Said[] {
  const { id, alive, heardAgoMs, owedForMs, unconfirmedBytes, journalFailing } = relay;
  if (!alive) {
    const left = unconfirmedBytes === null ? '' : ` (${formatBytes(unconfirmedBytes)} when it was heard of)`;
    return [
      {
        code: 'relay-silent',
        sentence:
          `${id} was last heard of ${formatAge(heardAgoMs)} ago and did not sign off: ` +
          `what its journal still holds${left} is missing until it is back`,
        command: `start it again with its --data, or if it is gone for good: weir relay remove ${id}`,
      },
    ];
  }
  const said: Said[] = [];
  if (journalFailing) {
    said.push({
      code: 'journal-disk',
      sentence: `${id} cannot write its journal, and answers 503: its disk is full or broken`,
      command: 'df',
    });
  }
  if (owedForMs !== null && owedForMs > lateAfterMs) {
    const bytes = unconfirmedBytes === null ? '?' : formatBytes(unconfirmedBytes);
    said.push({
      code: 'relay-behind',
      sentence: `${id} holds ${bytes} that Redis does not have, the oldest for ${formatAge(owedForMs)}`,
      command: 'weir status --watch',
    });
  }
  return said;
}

function sinkSaid(sink: SinkStatus, { lateAfterMs }: Judging): Said[] {
  const { name, state, stateForMs, errorCode, errorText, failingWindows, unflushedWindows } = sink;
  const { neverFlushedWindows, overdueMs } = sink;
  const why = errorCode === null ? '' : ` (${errorCode}${errorText === null ? '' : `: ${errorText}`})`;
  const forAge = stateForMs === null ? '' : ` for ${formatAge(stateForMs)}`;
  const waiting = unflushedWindows === null ? 'windows wait' : waitText(unflushedWindows);
  const command = `weir windows --sink ${name} --watch`;
  if (state === 'away') {
    const sentence = `${name} takes nothing${forAge}${why}: ${waiting} for it, and it fills by itself once it is back`;
    return [{ code: 'sink-away', sentence, command }];
  }
  if (state === 'failing') {
    const some = failingWindows ? `${failingWindows} windows` : 'some windows';
    const sentence = `${name} does not take ${some}${forAge}${why}; they are tried again, the others get through`;
    return [{ code: 'sink-failing', sentence, command }];
  }
  // A window that is corrected all the time is never quite up to date; one that was never written is late.
  if (overdueMs !== null && overdueMs > lateAfterMs) {
    const sentence = `${waiting} for ${name}, ${neverFlushedWindows ?? '?'} never written there, for up to ${formatAge(overdueMs)}`;
    return [{ code: 'sink-behind', sentence, command }];
  }
  return [];
}

/** Where the sink is away, or nobody works, that is said already, and they wait with all the rest. */
function othersSaid(sink: SinkStatus, { lateAfterMs }: Judging): Said[] {
  const { name, state, otherLines, otherBytes, otherOldestAgoMs } = sink;
  if (state === null || state === 'away' || otherOldestAgoMs === null || otherOldestAgoMs <= lateAfterMs) return [];
  const waiting = `${otherLines ?? '?'} other lines (${formatBytes(otherBytes ?? 0)})`;
  const sentence = `${waiting} wait for ${name}, the oldest for ${formatAge(otherOldestAgoMs)}: counts are not affected`;
  return [{ code: 'others-behind', sentence, command: 'weir status --watch -o wide' }];
}

function waitText(windows: number): string {
  return windows === 1 ? '1 window waits' : `${windows} windows wait`;
}
