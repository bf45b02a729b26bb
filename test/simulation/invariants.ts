import type { FoldPlan } from '@weir/aggregator/fold-plan';
import { sameVersion } from '@weir/aggregator/log-codec';
import { parseBatchIdentity } from '@weir/common/batch';
import { type CountedWindow, countedWindows, distinctTotals, linesOf } from './oracle.ts';
import { oldWindows } from './redis/fold-script.ts';
import type { PartitionState } from './redis/partition-state.ts';
import { readBooks } from './redis/shared-scripts.ts';
import { keyOf } from './redis/stream.ts';
import { type Scenario, SHORT_HOLD_MS, WINDOW_SEC } from './scenario.ts';
import type { Simulation } from './simulation.ts';

/** What must hold at every step: lines received = counted + duplicate + dead + not yet folded. Undefined: it does. */
export function booksFault({ redis }: Simulation): string | undefined {
  for (const [partition, state] of redis.partitions.entries()) {
    const { received, told } = state.ledger;
    if (received !== told) return `partition ${partition} received ${received} lines and tells of ${told}`;
  }
  return undefined;
}

/** What a fold that was carried out must have been right in, at that moment. Undefined: it was. */
export function foldFault(
  state: PartitionState,
  plan: FoldPlan,
  { store }: Scenario,
  nowMs: number,
): string | undefined {
  const { openOld, isOld } = oldWindows(state, store, nowMs);
  for (const { startSec, claim } of plan.windows) {
    const foldedMs = state.sealed.get(startSec);
    if (claim === 'sealed') {
      if (foldedMs === undefined) return `events of window ${startSec} were buried as late, and it is not sealed`;
      for (const { entry } of plan.items) {
        const inTime = Math.floor(keyOf(entry.id) / 1000) < foldedMs;
        const its = plan.deadLetters.some((dead) => dead.entry === entry && startsOf(dead.lines).has(startSec));
        if (inTime && its) return `events of window ${startSec} came in time and were buried as late`;
      }
    } else if (claim === 'refused') {
      if (!isOld(startSec)) return `window ${startSec} is of the present, and was refused`;
      if (openOld < store.maxOldWindows) return `window ${startSec} was refused although there was room`;
    } else {
      if (foldedMs !== undefined) return `window ${startSec} is sealed, and something was folded into it`;
      if (claim === 'absent' && isOld(startSec) && openOld > store.maxOldWindows) {
        return `window ${startSec} was opened, the ${openOld}th old one of ${store.maxOldWindows}`;
      }
    }
  }
  return undefined;
}

function startsOf(lines: Buffer): Set<number> {
  const seconds = linesOf(lines).map((line) => Number(line.slice(line.lastIndexOf(' ') + 1, -9)));
  return new Set(seconds.map((sec) => sec - (sec % WINDOW_SEC)));
}

/** Whether nothing is left to do. */
export function atRest(simulation: Simulation): boolean {
  const { redis, clients, scenario } = simulation;
  if (!clients.done) return false;
  if (!simulation.relays.every(({ drained }) => drained)) return false;
  for (const { stream, windows } of redis.partitions) {
    if (scenario.kind === 'whole' && windows.size > 0) return false;
    if (!stream.group || stream.group.pending.size > 0 || stream.group.lastDelivered < stream.lastKey) return false;
  }
  if (scenario.kind === 'flushing') return allConfirmed(simulation);
  return scenario.kind === 'folding' || redis.shared.finals.size === 0;
}

/** What is in the logs is published, and every sink has confirmed it. */
function allConfirmed({ redis, databases }: Simulation): boolean {
  return redis.partitions.every(({ windows, published }, partition) =>
    [...windows].every(([startSec, { version }]) => {
      const last = published.get(startSec);
      if (!last || !sameVersion(last, version)) return false;
      return databases.every(({ name }) => {
        const confirmed = readBooks(redis.shared, `${name}/${startSec}`).confirmed.get(partition);
        return confirmed !== undefined && sameVersion(confirmed, last);
      });
    }),
  );
}

/** Everything that must hold once the world has healed and come to rest. Undefined: it does. */
export function finalFault(simulation: Simulation): string | undefined {
  try {
    return (
      booksFault(simulation) ??
      tracesLeft(simulation) ??
      unkeptBatch(simulation) ??
      lostEvent(simulation) ??
      buriedResend(simulation) ??
      wrongSink(simulation)
    );
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

/** Windows that are gone are gone altogether. The sinks' books of them may be left behind; they expire. */
function tracesLeft({ redis }: Simulation): string | undefined {
  for (const [partition, state] of redis.partitions.entries()) {
    const { windows, dirty, published, totals } = state;
    for (const left of [dirty, published, totals]) {
      for (const startSec of left.keys()) {
        if (!windows.has(startSec)) return `partition ${partition} still speaks of window ${startSec}, which is gone`;
      }
    }
  }
  return undefined;
}

/**
 * A batch that Redis confirmed and lost is sent again, by whichever start of its relay there is now, unless the journal was
 * too short for it or its disk gave way.
 */
function unkeptBatch({ redis, appended, relays, relaysEver, disks }: Simulation): string | undefined {
  for (const [name, { partition, incarnation, sequence }] of appended) {
    if (redis.partitions[partition]!.appended.has(name)) continue;
    const { id } = relaysEver.find((each) => each.incarnation === incarnation)!;
    const number = relays.findIndex((relay) => relay.id === id);
    const what = `batch ${sequence} of partition ${partition}, incarnation ${incarnation} of ${id}`;
    if (relays[number]!.holds(incarnation, partition, sequence)) return `${what} was lost, although the relay has it`;
    const { forgot, refused, lostPower } = disks[number]!;
    if (!forgot && !refused && !lostPower) return `${what} was lost, by Redis and by the relay's disk`;
  }
  return undefined;
}

/** Every event of every entry that Redis holds is counted once, or a dead letter; every acked one was in an entry. */
function lostEvent(simulation: Simulation): string | undefined {
  const { redis, clients, appended } = simulation;
  const everAppended = new Set<string>();
  for (const { lines } of appended.values()) for (const line of linesOf(lines)) everAppended.add(line);
  for (const { line } of clients.acked) {
    if (!everAppended.has(line)) return `answered 204 and never appended: ${line}`;
  }
  simulation.counted = redis.partitions.map((state, partition) => {
    const lines = new Set<string>();
    for (const name of state.appended) for (const line of linesOf(appended.get(name)!.lines)) lines.add(line);
    const windows = countedWindows(state, lines);
    const told = new Set(windows.flatMap((window) => [...window.lines]));
    const once = told.size === windows.reduce((sum, window) => sum + window.lines.size, 0);
    if (!once) throw new Error(`partition ${partition} counts an event in two windows`);
    for (const dead of state.dead) for (const line of linesOf(dead.lines)) told.add(line);
    const missing = [...lines].filter((line) => !told.has(line));
    // What the bound of the dead-letter stream dropped was counted as dropped, line by line.
    if (missing.length > state.counters.deadDropped) {
      throw new Error(`partition ${partition} neither counts nor buried ${missing[0]}`);
    }
    return windows;
  });
  return undefined;
}

/**
 * What Redis lost and got again from a relay that lives is not late on that account: no window of before is sealed until
 * its relays have said that all they received until it was due is there, and not in words of before Redis went back. Where
 * Redis had forgotten a relay altogether, and that one was away until the windows were sealed, nobody could know; and for
 * what a relay received after the window was due nobody waits, whether Redis lost it or not.
 */
function buriedResend(simulation: Simulation): string | undefined {
  const { redis, appended, rolledBackMs, counted, scenario } = simulation;
  if (scenario.holdMs === SHORT_HOLD_MS) return undefined;
  for (const [partition, state] of redis.partitions.entries()) {
    const told = new Set(counted[partition]!.flatMap(({ lines }) => [...lines]));
    for (const { reason, batch, receivedMs, lines } of state.dead) {
      const { relayId, incarnation, sequence } = parseBatchIdentity(batch)!;
      const sentAgain = appended.get(`${partition}/${incarnation}/${sequence}`)!.atMs < rolledBackMs;
      if (reason !== 'late' || !sentAgain) continue;
      for (const line of linesOf(lines)) {
        const startSec = [...startsOf(Buffer.from(`${line}\n`))][0]!;
        if ((state.sealed.get(startSec) ?? 0) <= rolledBackMs || told.has(line)) continue;
        const sealing = state.sealings.get(startSec);
        if (!sealing?.relays.has(relayId) || receivedMs >= sealing.dueMs) continue;
        return `partition ${partition} buried as late what Redis had lost and a relay sent again: ${line}`;
      }
    }
  }
  return undefined;
}

/**
 * Every sink holds the sum of the logs. Where Redis went back in time a sink may have seen more than Redis can still know
 * (events that nobody sends again, or that came back too late): never less, and never more than was sent.
 */
function wrongSink(simulation: Simulation): string | undefined {
  const { databases, clients, scenario, rollbacks } = simulation;
  if (scenario.kind === 'folding') return undefined;
  const windows = sumWindows(simulation.counted.flat());
  const starts = new Set([...windows.keys(), ...databases.flatMap((database) => [...database.windows.keys()])]);
  for (const startSec of starts) {
    const most = distinctTotals(clients.sent, startSec);
    const totals = windows.get(startSec) ?? new Map<string, { events: number; users: number }>();
    const names = new Set([...totals.keys(), ...most.keys()]);
    for (const { name, windows: written, highest } of databases) {
      for (const eventType of names) {
        for (const [measurement, column] of [
          ['cumulative_user_event', 'events'],
          ['unique_user_event', 'users'],
        ] as const) {
          const point = `${measurement}\u0000${eventType}\u0000p`;
          const value = written.get(startSec)?.get(point)?.value ?? 0;
          const right = totals.get(eventType)?.[column] ?? 0;
          const ceiling = rollbacks > 0 ? (most.get(eventType)?.[column] ?? 0) : right;
          const where = `${name}, window ${startSec}, ${measurement} of ${eventType}`;
          if (value < right || value > ceiling) return `${where}: ${value} instead of ${right}`;
          if (value < (highest.get(startSec)?.get(point) ?? 0)) return `${where}: shrunk to ${value} for good`;
        }
      }
    }
  }
  return undefined;
}

function sumWindows(parts: readonly CountedWindow[]): Map<number, Map<string, { events: number; users: number }>> {
  const windows = new Map<number, Map<string, { events: number; users: number }>>();
  for (const { startSec, totals } of parts) {
    const sums = windows.get(startSec) ?? new Map<string, { events: number; users: number }>();
    windows.set(startSec, sums);
    for (const [name, { events, users }] of totals) {
      const sum = sums.get(name) ?? { events: 0, users: 0 };
      sums.set(name, { events: sum.events + events, users: sum.users + users });
    }
  }
  return windows;
}

/** What is not at rest yet, for the report. */
export function unrest({ redis, clients, scenario }: Simulation): string {
  const left = redis.partitions.map(({ stream, windows }, partition) => {
    const pending = stream.group?.pending.size ?? 'no group';
    const unread = stream.entries.length;
    return `partition ${partition}: pending ${pending}, entries ${unread}, windows ${[...windows.keys()].join(' ')}`;
  });
  const finals = [...redis.shared.finals.keys()].join(' ');
  return `clients ${clients.done ? 'done' : 'waiting'}; ${left.join('; ')}; finals ${finals}; hold ${scenario.holdMs}`;
}
