import { entryMs } from './entry-id.ts';
import { aliveIds, type Heartbeat } from './heartbeats.ts';
import { type LagMeasures, partitionLag } from './lag-report.ts';
import { partitionLedger, totalLedger } from './ledger-report.ts';
import type { PartitionBooks } from './partition-books.ts';
import type { PartitionStatus, StatusFacts } from './status-report.ts';
import type { WindowStatus } from './window-status.ts';

/** What `weir status` says of partitions, books and windows. Pure. */
export function partitionStatus(measures: LagMeasures, heartbeats: readonly Heartbeat[]): PartitionStatus {
  const alive = aliveIds(heartbeats);
  const { state } = measures;
  const { partition, owner, lagEntries, lagEvents, lagSeconds, pendingEntries, oldestPendingIdleMs, consumers } =
    partitionLag(measures, alive);
  const newestDeadMs = state.newestDeadId === undefined ? Number.NaN : entryMs(state.newestDeadId);
  return {
    partition,
    owner,
    lagEntries,
    lagEvents,
    lagSeconds,
    pendingEntries,
    oldestPendingIdleMs,
    pendingOfDead: consumers
      .filter(({ name, pendingEntries: entries }) => entries > 0 && !alive.includes(name))
      .map(({ name, pendingEntries: entries }) => ({ consumer: name, entries })),
    deadLetters: state.deadLetters,
    newestDeadAgoMs: Number.isFinite(newestDeadMs) ? Math.max(0, state.redisMs - newestDeadMs) : null,
  };
}

export function booksStatus(books: readonly PartitionBooks[]): StatusFacts['books'] {
  const ledgers = books.map((of, partition) => partitionLedger(partition, of));
  const { balanced, received, dead } = totalLedger(ledgers);
  const wrong = ledgers
    .filter((ledger) => ledger.balanced === false)
    .map(({ partition, difference, missingEntries }) => ({ partition, difference, missingEntries }));
  return { balanced, received, wrong, dead };
}

export function windowsSummary(windows: readonly WindowStatus[], finalRecords: number): StatusFacts['windows'] {
  const open = windows.filter(({ state }) => state !== 'sealed');
  const byRelay = new Map<string, StatusFacts['windows']['waiting'][number]>();
  for (const { relay, heardMs, untilMs } of open.flatMap(({ waitsFor }) => waitsFor)) {
    const known = byRelay.get(relay) ?? { relay, windows: 0, heardMs, untilMs };
    // Windows come the newest first: the last one is the oldest, and is waited for the least.
    byRelay.set(relay, { ...known, windows: known.windows + 1, untilMs });
  }
  return {
    open: open.length,
    due: open.filter(({ state }) => state !== 'filling').length,
    sealDue: open.filter(({ state }) => state === 'sealing' || state === 'waiting').length,
    waiting: [...byRelay.values()],
    finalRecords,
  };
}
