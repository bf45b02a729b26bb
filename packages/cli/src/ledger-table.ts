import { DEAD_REASONS, type Ledger, type LedgerReport, type RelayLedger, type WindowLedger } from './ledger-report.ts';
import type { Tone } from './paint.ts';
import { type Cell, formatTable, orQuestion } from './table.ts';
import { formatAge, formatTime } from './time-text.ts';
import type { View } from './view.ts';

/** The ledger for eyes: the books, what they come to in one sentence, then windows and relays. Pure. */
export type LedgerView = Pick<View, 'paint' | 'timeZone'>;

export function ledgerTables(report: LedgerReport, view: LedgerView): string {
  const sections = [booksTable(report, view), verdict(report.totals, view)];
  if (report.windows.length > 0) sections.push('\n', windowsTable(report, view));
  if (report.relays.length > 0) sections.push('\n', relaysTable(report, view));
  return sections.join('');
}

function booksTable({ partitions, totals }: LedgerReport, { paint }: LedgerView): string {
  // Reasons of a later version are shown as well.
  const others = Object.keys(totals.dead).filter((reason) => !(DEAD_REASONS as readonly string[]).includes(reason));
  const reasons = [...DEAD_REASONS, ...others];
  const header = ['partition', 'received', 'counted', 'duplicate', ...reasons, 'waiting', 'balanced', 'dead dropped'];
  const row = (name: string, ledger: Ledger): Cell[] => [
    name,
    String(ledger.received),
    String(ledger.counted),
    String(ledger.duplicate),
    ...reasons.map((reason) => String(ledger.dead[reason] ?? 0)),
    orQuestion(ledger.waiting),
    { text: balancedText(ledger), tone: toneOf(ledger) },
    String(ledger.deadDropped),
  ];
  const rows = partitions.map((ledger) => row(String(ledger.partition), ledger));
  return formatTable(header, [...rows, row('total', totals)], { paint });
}

function balancedText({ balanced, difference }: Ledger): string {
  if (balanced === null) return '?';
  return balanced ? 'yes' : `no (${orQuestion(difference)})`;
}

function toneOf({ balanced }: Ledger): Tone {
  if (balanced === null) return 'warning';
  return balanced ? 'good' : 'bad';
}

function verdict(totals: Ledger, { paint }: LedgerView): string {
  const { balanced, deadDropped, deadReplayed, deadPurged, missingEntries } = totals;
  const sentences = [
    balanced === null
      ? 'whether the books balance is unknown: what waits changed faster than it could be read'
      : balanced
        ? 'the books balance: received = counted + duplicate + dead letters + waiting'
        : 'the books do not balance',
  ];
  if (missingEntries)
    sentences.push(`${missingEntries} pending entries were deleted from their stream: nobody can fold them`);
  if (deadDropped > 0) {
    sentences.push(`WARNING: ${deadDropped} lines of dead letters were dropped, the oldest first (--max-dead-letters)`);
  }
  if (deadReplayed + deadPurged > 0) {
    sentences.push(
      `of the dead letters ${deadReplayed} lines were sent again and ${deadPurged} thrown away (weir dead)`,
    );
  }
  const [first, ...others] = sentences;
  return [paint(first!, toneOf(totals)), ...others].map((sentence) => `${sentence}\n`).join('');
}

function windowsTable({ windows, openWindows, finalRecords }: LedgerReport, { paint, timeZone }: LedgerView): string {
  const row = (window: WindowLedger) => [
    formatTime(window.startSec * 1_000, timeZone),
    window.state,
    String(window.partitions),
    String(window.logBytes),
    String(window.events),
    String(window.users),
    window.current ? 'yes' : 'no',
  ];
  const header = ['window', 'state', 'partitions', 'log bytes', 'events', 'users', 'current'];
  const all = `windows with state: ${openWindows}, final records kept: ${finalRecords}; the newest are shown\n`;
  return formatTable(header, windows.map(row), { paint }) + all;
}

function relaysTable({ relays, redisTimeMs }: LedgerReport, { paint }: LedgerView): string {
  const row = (relay: RelayLedger) => [
    relay.id,
    relay.incarnation,
    formatAge(Math.max(0, redisTimeMs - relay.startedMs)),
    formatAge(Math.max(0, redisTimeMs - relay.lastMs)),
    String(relay.received),
    String(relay.accepted),
    String(relay.others),
    String(Object.values(relay.rejected).reduce((sum, lines) => sum + lines, 0)),
    String(relay.journaled),
    String(relay.appended),
    String(relay.appendedAgain),
    String(relay.datagramsDropped),
    String(relay.kernelDrops),
    reasonsOf(relay.rejected),
  ];
  const header = [
    'relay',
    'start',
    'started',
    'heard',
    'received',
    'accepted',
    'others',
    'rejected',
    'journaled',
    'appended',
    'again',
    'datagrams dropped',
    'kernel drops',
    'rejected by reason',
  ];
  const table = formatTable(header, relays.map(row), { paint, left: ['relay', 'rejected by reason'] });
  return `${table}what relays counted since each start are metrics, no part of the balance\n`;
}

function reasonsOf(rejected: Readonly<Record<string, number>>): string {
  const reasons = Object.entries(rejected).sort(([a], [b]) => (a < b ? -1 : 1));
  return reasons.length === 0 ? '-' : reasons.map(([reason, lines]) => `${reason} ${lines}`).join(', ');
}
