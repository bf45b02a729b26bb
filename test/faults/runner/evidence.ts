import { readBooks } from '../../support/ledger.ts';
import { type BooksOfTruth, nameAndValue } from './books-of-truth.ts';
import type { Clients } from './clients.ts';
import { readDeadLetters } from './dead-letters.ts';
import { type FaultRegion, PARTITIONS, PREFIX } from './fault-region.ts';
import type { Fault } from './faults/fault.ts';
import type { OtherTruth } from './other-truth.ts';
import type { Evidence } from './verdict.ts';
import type { Watch } from './watch.ts';

/** All that is judged of a region at rest, read from its databases, its Redis, its processes and whoever watched it. */
export interface Witnesses {
  region: FaultRegion;
  clients: Clients;
  truth: BooksOfTruth;
  others: OtherTruth;
  watch: Watch;
  faults: readonly Fault[];
  notQuiet: readonly string[];
}

export async function gather(witnesses: Witnesses): Promise<Evidence> {
  const { region, clients, truth, others, watch, faults, notQuiet } = witnesses;
  const { windowSec, latenessSec } = region.settings;
  const dead = await readDeadLetters(region, clients.nameOfLine);
  const sinks = await Promise.all(
    region.influxds.map(async (influxd) => new Map((await influxd.points(region.database)).map(nameAndValue))),
  );
  const otherPoints = await Promise.all(
    region.influxds.map(async (influxd) => new Set(await influxd.points(region.database, ['gauge']))),
  );
  const ended = [...region.daemons].filter(([, { running, endExpected }]) => !running && !endExpected);
  return {
    sinks,
    others: { sinks: otherPoints, sent: others.sent, acked: others.acked },
    bounds: truth.bounds(new Set(dead.lines.map(({ name }) => name))),
    highest: watch.highest,
    books: await readBooks(region.client, PREFIX, PARTITIONS),
    imbalances: watch.imbalances,
    deadLetters: dead.lines,
    strangeLines: dead.strange,
    redisLostData: faults.some(({ redisLoses }) => redisLoses !== undefined),
    holdExceeded: faults.some(({ holdExceeded }) => holdExceeded),
    windowSec,
    latenessSec,
    notQuiet,
    endedByThemselves: ended.map(([id]) => id),
    refusals: clients.refusals,
    peaks: watch.peaks,
    redisKeysAtRest: await region.client.dbsize(),
  };
}

/** What a round came to, in one line. */
export function summary(
  { clients, truth, others, watch }: Witnesses,
  { bounds, deadLetters, peaks }: Evidence,
  quietMs: number,
): string {
  const exact = [...bounds.values()].filter(({ min, max }) => min === max).length;
  const { retries, repeats, givenUp } = clients;
  const memory = mib(Math.max(...peaks.rssBytes.values()));
  return [
    `${truth.sent} events sent, ${truth.acked} answered`,
    `${others.sent.size} other lines sent, ${others.acked.size} answered`,
    `${retries} retries, ${repeats} repeats, ${givenUp} given up`,
    `${deadLetters.length} dead letters`,
    `${bounds.size} totals in both databases (${exact} of them leave no room), ${watch.dips} dips seen`,
    `books balanced in ${watch.balancedLooks} of ${watch.looksAtBooks} looks`,
    `at rest after ${(quietMs / 1000).toFixed(1)} s`,
    `at most ${memory} MiB a process, ${peaks.redisKeys} keys, ${peaks.redisConnections} connections`,
    `${mib(peaks.journalBytes)} MiB of journal`,
  ].join('; ');
}

function mib(bytes: number): number {
  return Math.round(bytes / 1024 / 1024);
}
