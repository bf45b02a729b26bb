import type { Tone } from './paint.ts';
import { type Cell, formatTable, orQuestion, printable } from './table.ts';
import { formatAge, formatBytes, formatTime } from './time-text.ts';
import type { View } from './view.ts';
import type { WindowDetail, WindowsReport } from './windows-report.ts';

/** Windows for eyes: a line each, then the groups of each. Pure. */
export function windowsTable(report: WindowsReport, view: View): string {
  const { windows, inAll, redisTimeMs } = report;
  if (windows.length === 0) return inAll === 0 ? 'no windows\n' : 'no windows match\n';
  const sinks = [...new Set(windows.flatMap(({ sinks }) => sinks.map(({ name }) => name)))];
  const header = [
    'window',
    'state',
    'events',
    'users',
    'groups',
    'log',
    ...(view.wide ? ['published', 'partitions', 'due', 'seal due'] : []),
    ...sinks,
  ];
  const rows = windows.map((window): Cell[] => [
    formatTime(window.startSec * 1_000, view.timeZone),
    window.state,
    `${orQuestion(window.events)}${window.current === false ? '+' : ''}`,
    orQuestion(window.users),
    orQuestion(window.groupCount),
    formatBytes(window.logBytes),
    ...(view.wide
      ? [
          formatBytes(window.publishedBytes),
          String(window.partitions),
          moment(window.dueMs, redisTimeMs),
          moment(window.sealDueMs, redisTimeMs),
        ]
      : []),
    ...sinks.map((name) => sinkCell(window, name)),
  ]);
  const table = formatTable(header, rows, { paint: view.paint, left: ['window', 'state', ...sinks] });
  return table + notes(report, view) + windows.map((window) => groupsTable(window, view)).join('');
}

const TONES: Readonly<Record<string, Tone>> = { unflushed: 'warning', unsettled: 'warning', 'given-up': 'bad' };

function sinkCell({ sinks, logBytes }: WindowDetail, name: string): Cell {
  const sink = sinks.find((of) => of.name === name);
  if (!sink) return '-';
  const part = sink.state === 'unflushed' ? ` ${formatBytes(sink.flushedBytes)} of ${formatBytes(logBytes)}` : '';
  return { text: sink.state + part, tone: TONES[sink.state] };
}

function moment(ms: number | null, redisTimeMs: number): string {
  if (ms === null) return '-';
  return ms > redisTimeMs ? `in ${formatAge(ms - redisTimeMs)}` : `${formatAge(redisTimeMs - ms)} ago`;
}

function notes({ windows, inAll }: WindowsReport, { timeZone }: View): string {
  const lines: string[] = [];
  if (windows.some(({ current }) => current === false)) lines.push('+: more was counted and is not published yet');
  for (const { startSec, waitsFor } of windows) {
    for (const { relay, heardMs, untilMs } of waitsFor) {
      const until = untilMs === null ? '' : `; it holds until ${formatTime(untilMs, timeZone)}`;
      const window = formatTime(startSec * 1_000, timeZone);
      lines.push(`${window} waits for ${printable(relay)}, last heard of ${formatTime(heardMs, timeZone)}${until}`);
    }
  }
  if (inAll > windows.length) lines.push(`${windows.length} of ${inAll} windows; --windows <n> shows more`);
  return lines.map((line) => `${line}\n`).join('');
}

function groupsTable({ startSec, groups, groupCount }: WindowDetail, { paint, timeZone }: View): string {
  if (groups.length === 0) return '';
  const rows = groups.map(({ eventType, product, events, users }) => [
    eventType,
    product,
    String(events),
    String(users),
  ]);
  const table = formatTable(['event type', 'product', 'events', 'users'], rows, {
    paint,
    left: ['event type', 'product'],
  });
  const more = groupCount !== null && groupCount > groups.length ? `, ${groups.length} of ${groupCount} groups` : '';
  return `\n${formatTime(startSec * 1_000, timeZone)}${more}\n${table}`;
}
