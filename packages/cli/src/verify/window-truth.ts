import { partitionKeys } from '@weir/common/keys';
import { readWindow } from '../ledger-windows.ts';
import { readStanding, type StandingOptions } from '../windows/window-standing.ts';
import { isWritten } from '../windows/window-times.ts';
import type { Truth } from './differences.ts';

/** What Redis knows of a window's totals: its final record, or what is published of it while it is open. */
export const GONE: Truth = { knownBy: 'gone', groups: [], mark: 'gone' };

/** Rejects with a RedisFault. */
export async function readTruth(place: StandingOptions, startSec: number): Promise<Truth> {
  const { redis, prefix } = place;
  const { final } = await readWindow(redis, prefix, startSec, []);
  if (final) return { knownBy: 'final', groups: final, mark: 'final' };
  const standing = await readStanding(place, startSec);
  const openIn = standing.parts.map(({ partition }) => partitionKeys(prefix, partition));
  // The record is looked at after the partitions once more: a window that is half freed has one.
  const look = await readWindow(redis, prefix, startSec, openIn);
  if (look.final) return { knownBy: 'final', groups: look.final, mark: 'final' };
  if (standing.parts.length === 0) return GONE;
  const mark = JSON.stringify(
    standing.parts.map(({ partition, version, published }) => [partition, version, published]),
  );
  const isWhole = look.parts.length === standing.parts.length && look.parts.every(({ current }) => current);
  if (!isWhole) return { knownBy: 'counting', groups: [], mark };
  return { knownBy: 'published', groups: look.parts.flatMap(({ groups }) => groups), mark };
}

/** Sinks that the aggregators are still to bring the window to, as it stands. Rejects with a RedisFault. */
export async function readOnTheWay(place: StandingOptions, startSec: number): Promise<Set<string>> {
  const standing = await readStanding(place, startSec);
  return new Set(
    place.sinks.filter((sink) => !isWritten(standing, sink) && standing.books.get(sink)?.done !== 'given-up'),
  );
}
