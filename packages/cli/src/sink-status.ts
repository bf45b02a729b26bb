import type { SinkState } from '@weir/common/daemon-state';
import { z } from 'zod';
import type { DaemonsLook } from './daemons-look.ts';
import { aliveIds } from './heartbeats.ts';
import type { OthersBacklog } from './others-look.ts';
import { count, orUnknown } from './report-schema.ts';
import type { SinkBacklog } from './window-status.ts';

/** How the sinks are, as those aggregators that are alive tell, and what their books say waits for them. Pure. */
export const sinkStatusSchema = z.object({
  name: z.string(),
  kind: orUnknown(z.string()),
  state: orUnknown(z.enum(['well', 'failing', 'away'])).describe(
    'the worst that an aggregator that is alive says; failing: some windows, and others get through',
  ),
  stateForMs: orUnknown(count),
  lastWriteAgoMs: count.nullable().describe('null: none since the aggregators started'),
  lastErrorAgoMs: count.nullable(),
  errorCode: z.string().nullable(),
  errorText: z.string().nullable(),
  failingWindows: orUnknown(count),
  refusedPoints: orUnknown(count).describe('refused for good since the aggregators started'),
  shrunkPoints: orUnknown(count).describe('of which it holds more than Redis knows'),
  givenUpWindows: orUnknown(count).describe('lost to it, for it was away too long, since the aggregators started'),
  unflushedWindows: orUnknown(count).describe('due, and not in the sink as they are now'),
  neverFlushedWindows: orUnknown(count).describe('of these, never written there'),
  overdueMs: count.nullable().describe('for how long the longest overdue of these is; null: none'),
  oldestUnflushedSec: z.number().nullable().describe('start of the oldest of these, Unix seconds'),
  unsettledWindows: orUnknown(count).describe('sealed, and the sink has not confirmed their final totals'),
  otherLines: orUnknown(count).describe('lines that are no user events and wait for it'),
  otherBytes: orUnknown(count).describe('of them in Redis'),
  otherOldestAgoMs: count.nullable().describe('since the oldest of them came; null: none waits, or not known'),
  otherDropped: orUnknown(count).describe('such lines dropped before it had them, ever'),
});

export type SinkStatus = z.infer<typeof sinkStatusSchema>;

const RANK = { well: 0, failing: 1, away: 2 } as const;

/** By name. `backlogs` and `others`: by name; a sink without one is not known. */
export function sinkStatuses(
  look: DaemonsLook,
  backlogs: ReadonlyMap<string, SinkBacklog>,
  others: ReadonlyMap<string, OthersBacklog>,
): SinkStatus[] {
  const { redisMs, heartbeats, aggregatorStates, deployment } = look;
  const alive = aliveIds(heartbeats);
  const told = alive.flatMap((id) => aggregatorStates.get(id)?.sinks ?? []);
  const names = new Set([...(deployment.sinks ?? []), ...told.map(({ name }) => name)]);
  return [...names].sort().map((name) => {
    const states = told.filter((state) => state.name === name);
    return {
      name,
      ...statusOf(states, redisMs),
      ...backlogOf(backlogs.get(name)),
      ...othersOf(others.get(name), redisMs),
    };
  });
}

function statusOf(states: readonly SinkState[], redisMs: number) {
  const worst = states.reduce<SinkState | undefined>(
    (bad, state) => (bad === undefined || RANK[state.state] > RANK[bad.state] ? state : bad),
    undefined,
  );
  const agoMs = (ms: number | null) => (ms === null ? null : Math.max(0, redisMs - ms));
  const latest = (of: (state: SinkState) => number | null) =>
    states.reduce<number | null>((last, state) => (of(state) === null ? last : Math.max(last ?? 0, of(state)!)), null);
  const total = (of: (state: SinkState) => number) =>
    states.length === 0 ? null : states.reduce((sum, state) => sum + of(state), 0);
  return {
    kind: worst?.kind ?? null,
    state: worst?.state ?? null,
    stateForMs: agoMs(worst?.sinceMs ?? null),
    lastWriteAgoMs: agoMs(latest(({ lastWriteMs }) => lastWriteMs)),
    lastErrorAgoMs: agoMs(latest(({ lastErrorMs }) => lastErrorMs)),
    errorCode: worst?.errorCode ?? null,
    errorText: worst?.errorText ?? null,
    failingWindows: total(({ failingWindows }) => failingWindows),
    refusedPoints: total(({ refusedPoints }) => refusedPoints),
    shrunkPoints: total(({ shrunkPoints }) => shrunkPoints),
    givenUpWindows: total(({ givenUpWindows }) => givenUpWindows),
  };
}

function backlogOf(backlog: SinkBacklog | undefined) {
  return {
    unflushedWindows: backlog?.unflushed ?? null,
    neverFlushedWindows: backlog?.neverFlushed ?? null,
    overdueMs: backlog?.overdueMs ?? null,
    oldestUnflushedSec: backlog?.oldestUnflushedSec ?? null,
    unsettledWindows: backlog?.unsettled ?? null,
  };
}

function othersOf(others: OthersBacklog | undefined, redisMs: number) {
  return {
    otherLines: others?.lines ?? null,
    otherBytes: others?.bytes ?? null,
    otherOldestAgoMs: others?.oldestMs === undefined ? null : Math.max(0, redisMs - others.oldestMs),
    otherDropped: others?.droppedLines ?? null,
  };
}
