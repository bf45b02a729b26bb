import type { PartitionLag } from '../lag-report.ts';
import { drainText } from '../lag-table.ts';
import { rateText } from '../rate-text.ts';
import { type Cell, formatTable, orQuestion } from '../table.ts';
import { formatAge } from '../time-text.ts';
import type { History } from './history.ts';
import type { Sort } from './keys.ts';
import type { Section } from './sections.ts';
import { sparkline } from './sparkline.ts';
import type { TopStyle } from './top-style.ts';

/** The partitions: what comes, what goes, what waits and who reads it. Pure. */
export interface PartitionsShown {
  partitions: readonly PartitionLag[];
  history: History;
  sort: Sort;
  skipped: number;
  columns: number;
}

/** From so many columns on there is room for a history of each. */
const ROOMY = 120;
const HISTORY_CELLS = 17;

export function partitionsSection(
  { partitions, history, sort, skipped, columns }: PartitionsShown,
  { paint, ascii }: TopStyle,
): Section {
  const roomy = columns >= ROOMY;
  const header = ['partition', 'in/s', 'out/s', 'lag', 'events', 'lag time', 'pending', 'owner'];
  const more = ['trend', 'drained in', 'oldest', 'events not folded'];
  const rows = sorted(partitions, sort).map((lag): Cell[] => [
    String(lag.partition),
    rateText(lag.rateInPerSec),
    rateText(lag.rateOutPerSec),
    orQuestion(lag.lagEntries),
    orQuestion(lag.lagEvents),
    lag.lagSeconds === null ? '?' : formatAge(lag.lagSeconds * 1_000),
    String(lag.pendingEntries),
    ...(roomy
      ? [
          { text: lag.trend ?? '?', tone: lag.trend === 'stuck' ? ('bad' as const) : undefined },
          drainText(lag),
          lag.oldestPendingIdleMs === null ? '-' : formatAge(lag.oldestPendingIdleMs),
          sparkline(
            history.of((moment) => moment.partitions[lag.partition] ?? null),
            { cells: HISTORY_CELLS, ascii },
          ),
        ]
      : []),
    lag.owner ?? { text: '-', tone: 'bad' },
  ]);
  const headings = roomy ? [...header.slice(0, -1), ...more, 'owner'] : header;
  const [heading, ...lines] = formatTable(headings, rows, { paint, left: ['owner', 'trend'] })
    .trimEnd()
    .split('\n');
  const waiting = partitions.filter(({ lagEvents }) => lagEvents !== 0).length;
  const unread = partitions.filter(({ owner }) => owner === null).length;
  const read = unread === 0 ? '' : `, ${unread} read by nobody`;
  return {
    summary: `${partitions.length} partitions, ${waiting} with something waiting${read}`,
    heading: heading!,
    rows: lines.slice(skipped),
  };
}

/** Those of the same rank stay in order, so that a quiet table stands still. */
function sorted(partitions: readonly PartitionLag[], sort: Sort): PartitionLag[] {
  const unknown = Number.POSITIVE_INFINITY;
  const rank = ({ partition, lagEvents, rateInPerSec }: PartitionLag): number => {
    if (sort === 'partition') return partition;
    return sort === 'lag' ? -(lagEvents ?? unknown) : -(rateInPerSec ?? 0);
  };
  return [...partitions].sort((a, b) => {
    const [first, second] = [rank(a), rank(b)];
    return first === second ? a.partition - b.partition : first - second;
  });
}
