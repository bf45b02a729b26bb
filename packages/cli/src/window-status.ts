import { type RelayReport, relaysInTheWay, sealDueMs } from '@weir/common/seal-wait';
import { z } from 'zod';
import type { DaemonsLook } from './daemons-look.ts';
import { aliveIds } from './heartbeats.ts';
import { count } from './report-schema.ts';
import type { BooksLook, OpenWindowLook, WindowsLook } from './windows-look.ts';

/** How far each window is: whether it is due, sealed, waited for, and in which sinks it is as it should be. Pure. */
const SINK_STATES = ['not-due', 'unflushed', 'flushed', 'unsettled', 'settled', 'given-up'] as const;

export const windowStatusSchema = z.object({
  startSec: z.number().describe('Unix seconds'),
  state: z
    .enum(['filling', 'due', 'sealing', 'waiting', 'sealed'])
    .describe(
      'filling: not to be written yet; due: written, and again after every change; sealing: lateness has passed; ' +
        'waiting: it has, and relays that may hold lines of it are waited for; sealed: its final totals stand',
    ),
  partitions: count.describe('that hold a log of it'),
  logBytes: count,
  publishedBytes: count.describe('of the log whose totals are published'),
  openedMs: z.number().nullable().describe('when its first event was folded, Unix milliseconds; null: sealed'),
  dueMs: z.number().nullable().describe('when it is first written'),
  sealDueMs: z.number().nullable().describe('when it may be sealed'),
  waitsFor: z
    .array(
      z.object({
        relay: z.string(),
        heardMs: z.number(),
        untilMs: z.number().nullable().describe('it is waited for until then; null: --hold is not known'),
      }),
    )
    .describe('relays that may still hold lines of it'),
  sinks: z.array(
    z.object({
      name: z.string(),
      state: z.enum(SINK_STATES).describe('settled: it has the final totals; given-up: it was away for too long'),
      flushedBytes: count.describe('of the log whose totals it has confirmed'),
    }),
  ),
});

export type WindowStatus = z.infer<typeof windowStatusSchema>;

/** What waits for a sink. */
export interface SinkBacklog {
  /** Due, and not there as they are now; sealed ones that it has not confirmed included. */
  unflushed: number;
  /** Of these, never written there. */
  neverFlushed: number;
  /** For how long the longest overdue of these is; null: none. */
  overdueMs: number | null;
  oldestUnflushedSec: number | null;
  unsettled: number;
}

/** The newest first. */
export function windowStatuses({ open, finals, books }: WindowsLook, look: DaemonsLook): WindowStatus[] {
  const sealed = new Set(finals.map(({ startSec }) => startSec));
  const windows = open.filter(({ startSec }) => !sealed.has(startSec)).map((window) => openStatus(window, books, look));
  for (const { startSec } of finals) windows.push(finalStatus(startSec, open, books));
  return windows.sort((a, b) => b.startSec - a.startSec);
}

function openStatus(window: OpenWindowLook, books: WindowsLook['books'], look: DaemonsLook): WindowStatus {
  const { startSec, openedMs, parts } = window;
  const { redisMs, deployment, relayReports } = look;
  const { windowMs, graceMs, latenessMs } = deployment;
  // Without an aggregator's settings nobody has opened it.
  const windowSec = (windowMs ?? 60_000) / 1_000;
  const dueMs = Math.max((startSec + windowSec) * 1_000, openedMs) + (graceMs ?? 0);
  const holdMs = knownHoldMs(look);
  const times = { windowSec, latenessMs: latenessMs ?? Number.POSITIVE_INFINITY, holdMs: holdMs ?? Infinity };
  const sealMs = sealDueMs(startSec, openedMs, times);
  const passed = redisMs >= sealMs;
  const inTheWay = passed ? relaysInTheWay(relayReports, window, redisMs, times) : [];
  const due = redisMs >= dueMs;
  return {
    startSec,
    state: inTheWay.length > 0 ? 'waiting' : passed ? 'sealing' : due ? 'due' : 'filling',
    partitions: parts.size,
    logBytes: sumOf(parts.values(), ({ version }) => lengthOf(version)),
    publishedBytes: sumOf(parts.values(), ({ published }) => lengthOf(published)),
    openedMs,
    dueMs,
    sealDueMs: Number.isFinite(sealMs) ? sealMs : null,
    waitsFor: inTheWay.map((relay) => waitOf(relay, sealMs, holdMs)),
    sinks: [...books].map(([name, ofSink]) => openSink(name, window, ofSink.get(startSec), due)),
  };
}

/** Of the aggregators that are alive; they should all have the same. */
function knownHoldMs({ heartbeats, aggregatorStates }: DaemonsLook): number | undefined {
  const holds = aliveIds(heartbeats).flatMap((id) => aggregatorStates.get(id)?.settings.holdMs ?? []);
  return holds.length === 0 ? undefined : Math.max(...holds);
}

function waitOf({ id, lastMs }: RelayReport, sealMs: number, holdMs: number | undefined) {
  // A relay that lives is waited for until the window itself has waited for long enough.
  return { relay: id, heardMs: lastMs, untilMs: holdMs === undefined ? null : Math.min(sealMs, lastMs) + holdMs };
}

function openSink(name: string, { parts }: OpenWindowLook, books: BooksLook | undefined, due: boolean) {
  const confirmed = books?.confirmed ?? new Map<number, string>();
  const current = [...parts].every(([partition, { version }]) => confirmed.get(partition) === version);
  const flushedBytes = sumOf(parts, ([partition, { version }]) =>
    Math.min(lengthOf(version), lengthOf(confirmed.get(partition))),
  );
  const state = current ? ('flushed' as const) : due ? ('unflushed' as const) : ('not-due' as const);
  return { name, state, flushedBytes };
}

function finalStatus(startSec: number, open: readonly OpenWindowLook[], books: WindowsLook['books']): WindowStatus {
  // State of it that is not freed yet.
  const left = open.find((window) => window.startSec === startSec)?.parts ?? new Map();
  return {
    startSec,
    state: 'sealed',
    partitions: left.size,
    logBytes: sumOf(left.values(), ({ version }) => lengthOf(version)),
    publishedBytes: sumOf(left.values(), ({ published }) => lengthOf(published)),
    openedMs: null,
    dueMs: null,
    sealDueMs: null,
    waitsFor: [],
    sinks: [...books].map(([name, ofSink]) => {
      const of = ofSink.get(startSec);
      const state =
        of?.done === 'given-up' ? 'given-up' : of?.settled || of?.done !== undefined ? 'settled' : 'unsettled';
      return { name, state, flushedBytes: 0 };
    }),
  };
}

export function sinkBacklogs(
  windows: readonly WindowStatus[],
  { books, finals }: WindowsLook,
  redisMs: number,
): Map<string, SinkBacklog> {
  const storedMs = new Map(finals.map((final) => [final.startSec, final.storedMs]));
  const backlogs = new Map<string, SinkBacklog>();
  for (const [name, ofSink] of books) {
    const waiting = windows.filter(({ sinks }) =>
      sinks.some((sink) => sink.name === name && (sink.state === 'unflushed' || sink.state === 'unsettled')),
    );
    const never = waiting.filter(({ startSec }) => !ofSink.get(startSec)?.written);
    const overdue = never.map(({ startSec, dueMs }) => redisMs - (dueMs ?? storedMs.get(startSec) ?? redisMs));
    backlogs.set(name, {
      unflushed: waiting.length,
      neverFlushed: never.length,
      overdueMs: overdue.length === 0 ? null : overdue.reduce((most, ms) => Math.max(most, ms), 0),
      oldestUnflushedSec: waiting.at(-1)?.startSec ?? null,
      unsettled: waiting.filter(({ state }) => state === 'sealed').length,
    });
  }
  return backlogs;
}

function sumOf<T>(values: Iterable<T>, of: (value: T) => number): number {
  let sum = 0;
  for (const value of values) sum += of(value);
  return sum;
}

/** Of "length nonce". */
function lengthOf(version: string | undefined): number {
  return version === undefined ? 0 : Number(version.split(' ')[0]);
}
