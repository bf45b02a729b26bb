import { type Digest, digestEntry } from '@weir/aggregator/digest';
import { GroupTable } from '@weir/aggregator/group-table';
import { WindowState } from '@weir/aggregator/window-state';
import { type HashKey, parseHashKey } from '@weir/common/hash';
import type { PartitionState } from './redis/partition-state.ts';
import { WINDOW_SEC } from './scenario.ts';
import type { SimEvent } from './workload.ts';

/**
 * What a partition's logs say, event by event: which of the lines that were ever appended are counted, and whether any is
 * counted twice. Works on the logs that are there and on those that were freed after their window was sealed.
 */
export interface CountedWindow {
  startSec: number;
  /** By event type. */
  totals: Map<string, { events: number; users: number }>;
  lines: Set<string>;
}

/** `lines`: all lines of entries that the partition holds or held. Throws what is wrong as a sentence. */
export function countedWindows(state: PartitionState, lines: Iterable<string>): CountedWindow[] {
  const logs = [...state.dropped, ...[...state.windows].map(([startSec, { log }]) => [startSec, log] as const)];
  const key = state.seed === undefined ? undefined : parseHashKey(state.seed);
  if (!key) return [];
  const digests = digestAll(lines, key);
  return logs.map(([startSec, log]) => {
    const window = new WindowState(startSec);
    const whole = window.replay(log, new GroupTable(key));
    if (whole !== log.length) throw new Error(`the log of ${startSec} ends in the middle of a record`);
    const totals = new Map<string, { events: number; users: number }>();
    let counted = 0;
    for (const { group, events, users } of window.groups) {
      const known = totals.get(group.eventType);
      if (known) throw new Error(`the log of ${startSec} has group ${group.eventType} twice`);
      totals.set(group.eventType, { events, users });
      counted += events;
    }
    if (counted !== window.events) throw new Error(`window ${startSec} counts ${counted} for ${window.events} events`);
    const found = new Set<string>();
    for (const [line, digest] of digests) {
      if (digest.windows[0] !== startSec) continue;
      if (window.counted(digest.identityHi[0]!, digest.identityLo[0]!)) found.add(line);
    }
    if (found.size !== counted) {
      throw new Error(`window ${startSec} counts ${counted} events, of which only ${found.size} were ever appended`);
    }
    return { startSec, totals, lines: found };
  });
}

function digestAll(lines: Iterable<string>, key: HashKey): Map<string, Digest> {
  const groups = new GroupTable(key);
  const digests = new Map<string, Digest>();
  for (const line of lines) {
    const entry = { id: '0-1', batch: '', receivedMs: 0, lineCount: 1, lines: Buffer.from(`${line}\n`) };
    const digest = digestEntry(entry, { key, groups, identity: 'content', windowSec: WINDOW_SEC });
    if (digest?.length !== 1) throw new Error(`an unreadable line was appended: ${line}`);
    digests.set(line, digest);
  }
  return digests;
}

/** The most that a point may hold: every distinct event that was ever sent. */
export function distinctTotals(
  events: Iterable<SimEvent>,
  startSec: number,
): Map<string, { events: number; users: number }> {
  const seen = new Map<string, { events: Set<string>; users: Set<string> }>();
  for (const event of events) {
    if (event.startSec !== startSec) continue;
    let group = seen.get(event.eventType);
    if (!group) {
      group = { events: new Set(), users: new Set() };
      seen.set(event.eventType, group);
    }
    group.events.add(event.line);
    group.users.add(event.username);
  }
  return new Map([...seen].map(([name, { events: e, users }]) => [name, { events: e.size, users: users.size }]));
}

export function linesOf(bytes: Buffer): string[] {
  return bytes.toString().split('\n').slice(0, -1);
}
