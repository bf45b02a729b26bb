import { DEAD_REASONS, type Ledger, type LedgerReport, type RelayLedger, type WindowLedger } from './ledger-report.ts';
import { formatAge, formatTable, orQuestion } from './table.ts';

/** The ledger for eyes: the books, what they come to in one sentence, then windows and relays. Pure. */
export function ledgerTables(report: LedgerReport): string {
  const sections = [booksTable(report), verdict(report.totals)];
  if (report.windows.length > 0) sections.push('\n', windowsTable(report));
  if (report.relays.length > 0) sections.push('\n', relaysTable(report));
  return sections.join('');
}

function booksTable({ partitions, totals }: LedgerReport): string {
  // Reasons of a later version are shown as well.
  const others = Object.keys(totals.dead).filter((reason) => !(DEAD_REASONS as readonly string[]).includes(reason));
  const reasons = [...DEAD_REASONS, ...others];
  const header = ['partition', 'received', 'counted', 'duplicate', ...reasons, 'waiting', 'balanced', 'dead dropped'];
  const row = (name: string, ledger: Ledger) => [
    name,
    String(ledger.received),
    String(ledger.counted),
    String(ledger.duplicate),
    ...reasons.map((reason) => String(ledger.dead[reason] ?? 0)),
    orQuestion(ledger.waiting),
    ledger.balanced === null ? '?' : ledger.balanced ? 'yes' : `no (${orQuestion(ledger.difference)})`,
    String(ledger.deadDropped),
  ];
  const rows = partitions.map((ledger) => row(String(ledger.partition), ledger));
  return formatTable(header, [...rows, row('total', totals)]);
}

function verdict({ balanced, deadDropped, missingEntries }: Ledger): string {
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
  return sentences.map((sentence) => `${sentence}\n`).join('');
}

function windowsTable({ windows, openWindows, finalRecords }: LedgerReport): string {
  const row = (window: WindowLedger) => [
    new Date(window.startSec * 1_000).toISOString().replace('.000Z', 'Z'),
    window.state,
    String(window.partitions),
    String(window.logBytes),
    String(window.events),
    String(window.users),
    window.current ? 'yes' : 'no',
  ];
  const header = ['window', 'state', 'partitions', 'log bytes', 'events', 'users', 'current'];
  const all = `${openWindows} windows with state, ${finalRecords} final records kept; the newest are shown\n`;
  return formatTable(header, windows.map(row)) + all;
}

function relaysTable({ relays, redisTimeMs }: LedgerReport): string {
  const row = (relay: RelayLedger) => [
    relay.id,
    relay.incarnation,
    formatAge(Math.max(0, redisTimeMs - relay.startedMs)),
    formatAge(Math.max(0, redisTimeMs - relay.lastMs)),
    String(relay.received),
    String(relay.accepted),
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
    'rejected',
    'journaled',
    'appended',
    'again',
    'datagrams dropped',
    'kernel drops',
    'rejected by reason',
  ];
  return `${formatTable(header, relays.map(row))}what relays counted since each start are metrics, no part of the balance\n`;
}

function reasonsOf(rejected: Readonly<Record<string, number>>): string {
  const reasons = Object.entries(rejected).sort(([a], [b]) => (a < b ? -1 : 1));
  return reasons.length === 0 ? '-' : reasons.map(([reason, lines]) => `${reason} ${lines}`).join(', ');
}
