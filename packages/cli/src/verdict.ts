import { lateFindings } from './late-findings.ts';
import type { Finding, StatusFacts, StatusReport } from './status-report.ts';
import { FINDING_CODES, type FindingCode, severityOf } from './verdict-codes.ts';
import { wrongFindings } from './wrong-findings.ts';

/**
 * Whether numbers are late or wrong, why, and what mends it, from what was looked at. Pure. What is not known is no reason to
 * alarm anybody: the table beside the verdict shows it as `?`.
 */
export interface Judging {
  /** Behind for longer than this is late. */
  lateAfterMs: number;
  /** A moment, for the reader. */
  time: (ms: number) => string;
}

/** One sentence without its code and severity. */
export interface Said {
  code: FindingCode;
  sentence: string;
  command?: string;
}

export function judge(facts: StatusFacts, judging: Judging): StatusReport {
  const said = [...wrongFindings(facts), ...lateFindings(facts, judging), ...notes(facts, judging)];
  const findings = said
    .sort((a, b) => FINDING_CODES.indexOf(a.code) - FINDING_CODES.indexOf(b.code))
    .map(({ code, sentence, command = null }): Finding => ({ code, severity: severityOf(code), sentence, command }));
  const worst = findings[0]?.severity ?? 'note';
  const { prefix, redisTimeMs, ...rest } = facts;
  const verdict = worst === 'note' ? 'ok' : worst;
  return { schema: 'weir.status/1', prefix, redisTimeMs, verdict, findings, ...rest };
}

function notes({ windows, books, partitions }: StatusFacts, { time }: Judging): Said[] {
  const said: Said[] = windows.waiting.map(({ relay, windows: count, heardMs, untilMs }) => {
    const until = untilMs === null ? 'as long as --hold says' : `until ${time(untilMs)}`;
    return {
      code: 'seal-waits',
      sentence:
        `${windowsText(count)} due to be sealed and ${count === 1 ? 'waits' : 'wait'} for ${relay}, ` +
        `last heard of ${time(heardMs)}; ${count === 1 ? 'it holds' : 'they hold'} ${until}. ` +
        'What sinks hold of them is right',
      command: `start ${relay} again with its --data, or if it is gone for good: weir relay remove ${relay}`,
    };
  });
  if (books.received === 0 && partitions.every(({ lagEntries }) => lagEntries === 0)) {
    said.push({ code: 'no-events', sentence: 'no event was ever received' });
  }
  return said;
}

export function windowsText(count: number): string {
  return count === 1 ? '1 window is' : `${count} windows are`;
}
