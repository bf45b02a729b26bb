import { ranges } from '../ranges.ts';
import { rateText } from '../rate-text.ts';
import type { StatusReport } from '../status-report.ts';
import { type Cell, formatTable, orQuestion } from '../table.ts';
import { formatAge, formatBytes } from '../time-text.ts';
import type { Section } from './sections.ts';
import { shorten, type TopStyle } from './top-style.ts';

/** Aggregators, relays and sinks, narrower than `weir status` has them: the free text stands last, where it may be cut. Pure. */
export function partSections(status: StatusReport, columns: number, style: TopStyle): Section[] {
  const named: Named = (name) => shorten(name, Math.max(NAME_CELLS, Math.floor(columns / 5)), style);
  const [aggregators, relays, sinks] = [aggregatorsSection, relaysSection, sinksSection];
  return [aggregators(status, named, style), relays(status, named, style), sinks(status, named, style)];
}

type Named = (name: string) => string;
const NAME_CELLS = 12;

const ago = (ms: number | null): string => (ms === null ? '-' : `${formatAge(ms)} ago`);
const known = <T>(value: T | null, text: (value: T) => string): string => (value === null ? '?' : text(value));

function aggregatorsSection({ aggregators }: StatusReport, named: Named, { paint }: TopStyle): Section {
  const header = ['aggregator', 'seen', 'cannot fold', 'clock ahead', 'partitions'];
  const rows = aggregators.map(({ id, alive, seenAgoMs, interrupted, clockAheadMs, partitions }): Cell[] => [
    named(id),
    { text: ago(seenAgoMs), tone: alive ? undefined : 'bad' },
    known(interrupted, (codes) => String(Object.values(codes).reduce((sum, count) => sum + count, 0))),
    known(clockAheadMs, (ms) => `${ms} ms`),
    ranges(partitions),
  ]);
  return section(`aggregators: ${aliveText(aggregators)}`, header, rows, { paint, left: ['aggregator', 'partitions'] });
}

function relaysSection({ relays }: StatusReport, named: Named, { paint }: TopStyle): Section {
  const header = ['relay', 'heard', 'in/s', 'rejected/s', 'journal', 'age', 'owed', 'datagrams lost'];
  const rows = relays.map((relay): Cell[] => [
    named(relay.id),
    { text: ago(relay.heardAgoMs), tone: relay.alive ? undefined : 'bad' },
    rateText(relay.receivedPerSec),
    rateText(relay.rejectedPerSec),
    known(relay.journalBytes, formatBytes),
    relay.journalAgeMs === null ? '-' : formatAge(relay.journalAgeMs),
    known(relay.unconfirmedBytes, formatBytes),
    orQuestion(relay.datagramsLost),
  ]);
  return section(`relays: ${aliveText(relays)}`, header, rows, { paint, left: ['relay'] });
}

function sinksSection({ sinks }: StatusReport, named: Named, { paint }: TopStyle): Section {
  const header = ['sink', 'state', 'for', 'last write', 'unflushed', 'oldest', 'others', 'last error'];
  const rows = sinks.map((sink): Cell[] => [
    named(sink.name),
    { text: sink.state ?? '?', tone: sink.state === 'away' ? 'bad' : sink.state === 'failing' ? 'warning' : undefined },
    known(sink.stateForMs, formatAge),
    ago(sink.lastWriteAgoMs),
    orQuestion(sink.unflushedWindows),
    sink.overdueMs === null ? '-' : formatAge(sink.overdueMs),
    orQuestion(sink.otherLines),
    [sink.errorCode, sink.errorText].filter((text) => text !== null).join(': ') || '-',
  ]);
  const well = sinks.filter(({ state }) => state === 'well').length;
  const summary = `sinks: ${well} of ${sinks.length} well`;
  return section(summary, header, rows, { paint, left: ['sink', 'state', 'last error'] });
}

function section(
  summary: string,
  header: readonly string[],
  rows: readonly (readonly Cell[])[],
  options: { paint: TopStyle['paint']; left: readonly string[] },
): Section {
  if (rows.length === 0) return { summary, heading: summary, rows: [] };
  const [heading, ...lines] = formatTable(header, rows, options).trimEnd().split('\n');
  return { summary, heading: heading!, rows: lines };
}

function aliveText(all: readonly { alive: boolean }[]): string {
  const alive = all.filter((one) => one.alive).length;
  return all.length === 0 ? 'none' : `${alive} of ${all.length} alive`;
}
