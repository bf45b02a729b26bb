import { finalsKey, partitionKeys } from '@weir/common/keys';
import { eventually } from '../../support/eventually.ts';
import { readBooks } from '../../support/ledger.ts';
import type { Clients } from './clients.ts';
import { type FaultRegion, PARTITIONS, PREFIX } from './fault-region.ts';
import { metricWithin } from './watch.ts';

/** How far a region is from having nothing left to do. */
export interface Backlog {
  /** Requests of clients without a final answer. */
  requests: number;
  /** Bytes in relays' journals that Redis has not confirmed. */
  journalBytes: number;
  /** Lines in streams that are not folded. */
  unfolded: number;
  /** Batches of other lines that some sink lacks, or that are not trimmed yet. */
  others: number;
  /** Windows, by partition, that are not sealed and freed. */
  openWindows: number;
  /** Final records that some sink has not settled and been looked at again for. */
  finals: number;
}

export async function readBacklog(region: FaultRegion, clients: Clients): Promise<Backlog> {
  const { client, relays } = region;
  const books = await readBooks(client, PREFIX, PARTITIONS);
  const unconfirmed = await Promise.all(
    relays.map((relay) => metricWithin(relay.http, 'weir_relay_journal_unconfirmed_bytes', 5_000)),
  );
  const open = await Promise.all(
    Array.from({ length: PARTITIONS }, (_, partition) => client.hlen(partitionKeys(PREFIX, partition).windows)),
  );
  const others = await Promise.all(
    Array.from({ length: PARTITIONS }, (_, partition) => client.xlen(partitionKeys(PREFIX, partition).others)),
  );
  return {
    requests: clients.open,
    // A relay that does not answer holds who knows how much.
    journalBytes: sum(unconfirmed.map((bytes) => bytes ?? 1)),
    unfolded: sum(books.map(({ unfolded }) => unfolded)),
    others: sum(others),
    openWindows: sum(open),
    finals: await client.zcard(finalsKey(PREFIX)),
  };
}

/**
 * Waits until what a fault held up has been worked off, while traffic goes on: never more waiting than about a second
 * of traffic brings. Answers how long it took.
 */
export async function untilCaughtUp(region: FaultRegion, clients: Clients, timeoutMs: number): Promise<number> {
  return timed(timeoutMs, 'the region to catch up', region, clients, ({ requests, journalBytes, unfolded }) => {
    const second = Math.max(1, clients.eventsPerSecond);
    return requests < second && journalBytes < 200 * second && unfolded < 2 * second;
  });
}

/** After the last request: waits until every window has come to its end in every sink, and nothing is left. */
export async function untilQuiet(region: FaultRegion, clients: Clients, timeoutMs: number): Promise<number> {
  return timed(timeoutMs, 'the region to come to rest', region, clients, (backlog) =>
    Object.values(backlog).every((left) => left === 0),
  );
}

async function timed(
  timeoutMs: number,
  what: string,
  region: FaultRegion,
  clients: Clients,
  done: (backlog: Backlog) => boolean,
): Promise<number> {
  const startedMs = performance.now();
  await eventually(
    async () => {
      const backlog = await readBacklog(region, clients);
      if (done(backlog)) return true;
      throw new Error(`left: ${JSON.stringify(backlog)}`);
    },
    { timeoutMs, everyMs: 200, what },
  );
  return performance.now() - startedMs;
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}
