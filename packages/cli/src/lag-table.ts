import type { LagReport } from './lag-report.ts';
import type { Tone } from './paint.ts';
import { rateText } from './rate-text.ts';
import { type Cell, formatTable, orQuestion } from './table.ts';
import { formatAge } from './time-text.ts';
import type { View } from './view.ts';

/** The lag for eyes. Pure. Within 80 columns unless more is asked for. */
type Column = [heading: string, cell: (lag: LagReport['totals']) => Cell];

const NARROW: readonly Column[] = [
  ['lag', ({ lagEntries }) => orQuestion(lagEntries)],
  ['events', ({ lagEvents }) => orQuestion(lagEvents)],
  ['lag time', ({ lagSeconds }) => (lagSeconds === null ? '?' : formatAge(lagSeconds * 1_000))],
  ['in/s', ({ rateInPerSec }) => rateText(rateInPerSec)],
  ['out/s', ({ rateOutPerSec }) => rateText(rateOutPerSec)],
  ['trend', ({ trend }) => ({ text: trend ?? '?', tone: toneOf(trend) })],
  ['drained in', (lag) => drainText(lag)],
  ['pending', ({ pendingEntries }) => String(pendingEntries)],
  ['oldest', ({ oldestPendingIdleMs: idle }) => (idle === null ? '-' : formatAge(idle))],
];

const WIDE: readonly Column[] = [
  ['undelivered events', ({ undeliveredEvents }) => orQuestion(undeliveredEvents)],
  ['pending events', ({ pendingEvents }) => orQuestion(pendingEvents)],
];

export function lagTable({ partitions, totals }: LagReport, { paint, wide }: Pick<View, 'paint' | 'wide'>): string {
  const columns = wide ? [...NARROW, ...WIDE] : NARROW;
  const header = ['partition', ...columns.map(([heading]) => heading), 'owner'];
  const cells = (lag: LagReport['totals']) => columns.map(([, cell]) => cell(lag));
  const rows: Cell[][] = partitions.map((lag) => [
    String(lag.partition),
    ...cells(lag),
    lag.owner ?? { text: '-', tone: 'bad' },
  ]);
  return formatTable(header, [...rows, ['total', ...cells(totals), '']], { paint, left: ['trend', 'owner'] });
}

function toneOf(trend: LagReport['totals']['trend']): Tone | undefined {
  if (trend === 'stuck') return 'bad';
  return trend === 'growing' ? 'warning' : undefined;
}

export function drainText({ drainSeconds, trend }: Pick<LagReport['totals'], 'drainSeconds' | 'trend'>): string {
  if (drainSeconds !== null) return formatAge(drainSeconds * 1_000);
  return trend === null ? '?' : 'never';
}
