import type { Tone } from './paint.ts';
import { ranges } from './ranges.ts';
import { rateText } from './rate-text.ts';
import type { Finding, StatusReport } from './status-report.ts';
import { type Cell, formatTable, orQuestion, printable } from './table.ts';
import { formatAge, formatBytes, formatTime } from './time-text.ts';
import type { View } from './view.ts';

/** `weir status` for eyes: the verdict, then what it rests on. Pure. */
export function statusText(report: StatusReport, view: View): string {
  const sections = [
    verdictText(report, view),
    relaysTable(report, view),
    partitionsTable(report, view),
    aggregatorsTable(report, view),
    windowsText(report, view),
    sinksTable(report, view),
    redisText(report),
  ];
  return sections.filter((text) => text !== '').join('\n');
}

export const TONES: Readonly<Record<StatusReport['verdict'], Tone>> = { ok: 'good', late: 'warning', wrong: 'bad' };

/** The sentences come first, one a line: that is what somebody reads at night. */
export function verdictText(
  { verdict, findings }: Pick<StatusReport, 'verdict' | 'findings'>,
  { paint }: View,
): string {
  const lines = findings.map((finding) => `${findingText(finding, paint)}\n`);
  if (verdict === 'ok') lines.unshift(`${paint('ok', 'good')}: numbers are complete and on time\n`);
  return lines.join('');
}

export function findingText({ severity, code, sentence, command }: Finding, paint: View['paint']): string {
  const word = severity === 'note' ? 'note' : paint(severity, TONES[severity]);
  const mend = command === null ? '' : `\n    -> ${printable(command)}`;
  return `${word}: ${printable(sentence)} [${code}]${mend}`;
}

const age = (ms: number | null): string => (ms === null ? '-' : formatAge(ms));
const known = <T>(value: T | null, text: (value: T) => string): string => (value === null ? '?' : text(value));

export function relaysTable({ relays }: StatusReport, { paint, wide }: View): string {
  if (relays.length === 0) return 'no relay\n';
  const header = ['relay', 'heard', 'received/s', 'rejected/s', 'journal', 'journal age', 'owed', 'datagrams lost'];
  const more = ['journal limit', 'drained', 'rejected', 'gap batches', 'clock ahead'];
  const rows = relays.map((relay): Cell[] => [
    relay.id,
    { text: `${formatAge(relay.heardAgoMs)} ago`, tone: relay.alive ? undefined : 'bad' },
    rateText(relay.receivedPerSec),
    rateText(relay.rejectedPerSec),
    known(relay.journalBytes, formatBytes),
    relay.journalBytes === null ? '?' : age(relay.journalAgeMs),
    known(relay.unconfirmedBytes, formatBytes),
    orQuestion(relay.datagramsLost),
    ...(wide
      ? [
          known(relay.journalMaxBytes, formatBytes),
          `${formatAge(relay.drainedAgoMs)} ago`,
          orQuestion(relay.rejected),
          orQuestion(relay.journalGapBatches),
          known(relay.clockAheadMs, (ms) => `${ms} ms`),
        ]
      : []),
  ]);
  return formatTable(wide ? [...header, ...more] : header, rows, { paint, left: ['relay'] });
}

/** Partitions in which nothing is to be seen are shown only to who wants more. */
function partitionsTable({ partitions, books }: StatusReport, { paint, wide }: View): string {
  const header = ['partition', 'lag', 'events', 'lag time', 'pending', 'oldest', 'dead letters', 'owner'];
  const shown = wide ? partitions : partitions.filter((partition) => !quiet(partition));
  const rows = shown.map((partition): Cell[] => [
    String(partition.partition),
    orQuestion(partition.lagEntries),
    orQuestion(partition.lagEvents),
    known(partition.lagSeconds, (seconds) => formatAge(seconds * 1_000)),
    String(partition.pendingEntries),
    age(partition.oldestPendingIdleMs),
    String(partition.deadLetters),
    partition.owner ?? { text: '-', tone: 'bad' },
  ]);
  const rest = partitions.length - shown.length;
  const balanced =
    books.balanced === null
      ? 'whether the books balance takes longer: weir ledger'
      : books.balanced
        ? 'the books balance'
        : '';
  const note = [
    ...(rest > 0 ? [`${rest} of ${partitions.length} partitions have nothing waiting`] : []),
    `${books.received} events received`,
    ...(balanced ? [balanced] : []),
  ].join(', ');
  return `${rows.length === 0 ? '' : formatTable(header, rows, { paint, left: ['owner'] })}${note}\n`;
}

function quiet({
  owner,
  lagEntries,
  lagEvents,
  pendingEntries,
  deadLetters,
}: StatusReport['partitions'][number]): boolean {
  return owner !== null && lagEntries === 0 && lagEvents === 0 && pendingEntries === 0 && deadLetters === 0;
}

export function aggregatorsTable({ aggregators }: StatusReport, { paint, wide }: View): string {
  if (aggregators.length === 0) return 'no aggregator\n';
  const header = ['aggregator', 'seen', 'partitions', 'cannot fold', ...(wide ? ['clock ahead'] : [])];
  const rows = aggregators.map((aggregator): Cell[] => [
    aggregator.id,
    { text: `${formatAge(aggregator.seenAgoMs)} ago`, tone: aggregator.alive ? undefined : 'bad' },
    ranges(aggregator.partitions),
    aggregator.interrupted === null
      ? '?'
      : String(Object.values(aggregator.interrupted).reduce((sum, count) => sum + count, 0)),
    ...(wide ? [known(aggregator.clockAheadMs, (ms) => `${ms} ms`)] : []),
  ]);
  return formatTable(header, rows, { paint, left: ['aggregator', 'partitions'] });
}

export function windowsText({ windows }: StatusReport, { timeZone }: View): string {
  const { open, due, sealDue, finalRecords, waiting } = windows;
  const lines = [
    `windows: ${open} open, ${due} of them due, ${sealDue} due to be sealed; ${finalRecords} final records kept\n`,
  ];
  for (const { relay, windows: count, heardMs } of waiting) {
    lines.push(`  ${count} wait for ${printable(relay)}, last heard of ${formatTime(heardMs, timeZone)}\n`);
  }
  return lines.join('');
}

export function sinksTable({ sinks }: StatusReport, { paint, timeZone, wide }: View): string {
  if (sinks.length === 0) return 'no sink\n';
  const header = ['sink', 'state', 'for', 'last write', 'unflushed', 'oldest unflushed', 'last error'];
  const more = ['kind', 'unsettled', 'failing', 'refused', 'shrunk', 'given up', 'other lines', 'oldest', 'dropped'];
  const rows = sinks.map((sink): Cell[] => [
    sink.name,
    { text: sink.state ?? '?', tone: sink.state === 'away' ? 'bad' : sink.state === 'failing' ? 'warning' : undefined },
    known(sink.stateForMs, formatAge),
    sink.lastWriteAgoMs === null ? '-' : `${formatAge(sink.lastWriteAgoMs)} ago`,
    orQuestion(sink.unflushedWindows),
    sink.oldestUnflushedSec === null ? '-' : formatTime(sink.oldestUnflushedSec * 1_000, timeZone),
    sink.errorCode ?? (sink.lastErrorAgoMs === null ? '-' : `${formatAge(sink.lastErrorAgoMs)} ago`),
    ...(wide
      ? [
          sink.kind ?? '?',
          orQuestion(sink.unsettledWindows),
          orQuestion(sink.failingWindows),
          orQuestion(sink.refusedPoints),
          orQuestion(sink.shrunkPoints),
          orQuestion(sink.givenUpWindows),
          orQuestion(sink.otherLines),
          age(sink.otherOldestAgoMs),
          orQuestion(sink.otherDropped),
        ]
      : []),
  ]);
  const table = formatTable(wide ? [...header, ...more] : header, rows, {
    paint,
    left: ['sink', 'state', 'last error', 'kind'],
  });
  return table + sinks.map(othersText).join('');
}

function othersText({ name, otherLines, otherBytes, otherOldestAgoMs }: StatusReport['sinks'][number]): string {
  if (!otherLines) return '';
  const oldest = otherOldestAgoMs === null ? '' : `, the oldest for ${formatAge(otherOldestAgoMs)}`;
  return `  ${otherLines} other lines (${known(otherBytes, formatBytes)}) wait for ${printable(name)}${oldest}\n`;
}

export function redisText({ redis }: StatusReport): string {
  const { version, role, usedMemoryBytes, maxMemoryBytes, policy, appendOnly, appendFsync, snapshots } = redis;
  const memory = maxMemoryBytes === 0 ? 'no maxmemory' : `of ${formatBytes(maxMemoryBytes)}`;
  const disk = appendOnly
    ? `appendonly${appendFsync === null ? '' : ` ${appendFsync}`}`
    : snapshots
      ? 'snapshots only'
      : 'no appendonly';
  return `redis ${version} (${role}): ${formatBytes(usedMemoryBytes)} ${memory}, ${policy}, ${disk}, ${redis.connections} connections\n`;
}
