import type { StatusFacts } from './status-report.ts';
import { formatAge } from './time-text.ts';
import type { Said } from './verdict.ts';

/** What makes numbers wrong: something was lost, or a sink holds something else than was counted. Pure. */
const LATELY_MS = 15 * 60_000;

export function wrongFindings(facts: StatusFacts): Said[] {
  return [...books(facts), ...redis(facts), ...relays(facts), ...sinks(facts), ...deadLetters(facts)];
}

function books({ books: { wrong } }: StatusFacts): Said[] {
  if (wrong.length === 0) return [];
  const each = wrong.slice(0, 3).map(({ partition, difference, missingEntries }) => {
    const lines =
      difference === null
        ? 'more lines told of than received'
        : difference > 0
          ? `${difference} lines received and not accounted for`
          : `${-difference} lines accounted for and never received`;
    return `partition ${partition}: ${lines}${missingEntries ? ` (${missingEntries} pending entries were deleted)` : ''}`;
  });
  const more = wrong.length > each.length ? `; and ${wrong.length - each.length} partitions more` : '';
  return [
    {
      code: 'books-unbalanced',
      sentence: `the books do not balance: ${each.join('; ')}${more}. Somebody changed Redis by hand`,
      command: 'weir ledger',
    },
  ];
}

function redis({ redis: { policy, maxMemoryBytes } }: StatusFacts): Said[] {
  if (maxMemoryBytes === 0 || policy === 'noeviction' || policy === 'unknown') return [];
  return [
    {
      code: 'redis-evicts',
      sentence: `Redis throws keys away when its memory is full (maxmemory-policy ${policy}), and with them counts`,
      command: 'redis-cli CONFIG SET maxmemory-policy noeviction',
    },
  ];
}

function relays({ relays: all }: StatusFacts): Said[] {
  const said: Said[] = [];
  for (const { id, journalGapBatches, lastLossAgoMs, datagramsLost, datagramsLostLately } of all) {
    if (journalGapBatches) {
      said.push({
        code: 'batches-lost',
        sentence: `${journalGapBatches} batches are gone: Redis lost them and the journal of ${id} no longer held them`,
        command: 'weir ledger',
      });
    }
    if (lastLossAgoMs !== null && lastLossAgoMs < LATELY_MS) {
      const lately = datagramsLostLately ? `, ${datagramsLostLately} of them in the last ten seconds` : '';
      said.push({
        code: 'datagrams-lost',
        sentence:
          `${id} loses datagrams: ${datagramsLost ?? '?'} since its start${lately}, the last ${formatAge(lastLossAgoMs)} ago. ` +
          'Give it a larger UDP buffer, or send over HTTP',
        command: 'weir doctor',
      });
    }
  }
  return said;
}

function sinks({ sinks: all }: StatusFacts): Said[] {
  const said: Said[] = [];
  for (const { name, refusedPoints, givenUpWindows, shrunkPoints, errorText } of all) {
    if (refusedPoints) {
      said.push({
        code: 'points-refused',
        sentence: `${name} refuses ${refusedPoints} points for good, and lacks them: usually another field type there`,
        command: `weir dead list --kind refused --sink ${name}`,
      });
    }
    if (givenUpWindows) {
      const why = errorText === null ? '' : ` (${errorText})`;
      said.push({
        code: 'windows-given-up',
        sentence: `${givenUpWindows} windows are lost to ${name}: it was away for longer than --sink-retain${why}. Copy them from another sink`,
        command: `weir windows --sink ${name}`,
      });
    }
    if (shrunkPoints) {
      said.push({
        code: 'sink-holds-more',
        sentence:
          `${name} holds more than Redis knows of ${shrunkPoints} points, and the larger values stay: ` +
          'Redis has lost data, or somebody else writes these points',
        command: 'weir ledger',
      });
    }
  }
  return said;
}

/** Old ones were seen before; the table shows them. */
function deadLetters({ partitions, books: { dead } }: StatusFacts): Said[] {
  const fresh = partitions.filter(({ newestDeadAgoMs }) => newestDeadAgoMs !== null && newestDeadAgoMs < LATELY_MS);
  if (fresh.length === 0) return [];
  const newest = fresh.reduce((a, b) => (a.newestDeadAgoMs! <= b.newestDeadAgoMs! ? a : b));
  const reasons = Object.entries(dead).filter(([, lines]) => lines > 0);
  const lines = reasons.reduce((sum, [, count]) => sum + count, 0);
  const by = reasons.map(([reason, count]) => `${reason} ${count}`).join(', ');
  return [
    {
      code: 'dead-letters',
      sentence: `lines become dead letters, and are in no total: the last ${formatAge(newest.newestDeadAgoMs!)} ago, ${lines} in all (${by})`,
      command: 'weir dead list',
    },
  ];
}
