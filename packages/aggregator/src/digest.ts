import type { StreamEntry } from '@weir/common/batch';
import { type HashKey, hashHi, hashLo } from '@weir/common/hash';
import { LINE, LineScanner } from '@weir/common/line-protocol';
import { windowStartSec } from '@weir/common/window';
import type { GroupTable, KnownGroup } from './group-table.ts';
import { hashArrival, hashArrivalHead, hashContent, hashUser, type IdentityMode } from './identity.ts';

/**
 * A batch, parsed: for every line its window, group, user and identity, in columns. Pure and independent of any window
 * state, so the next batch is digested while the fold before it is in flight. This is where the aggregator's time goes:
 * bytes and typed arrays only.
 */
export interface Digest {
  readonly entry: StreamEntry;
  /** What the hashes were made with; compared by identity. */
  readonly key: HashKey;
  /** Events, that is lines that could be read. All columns have this length. */
  readonly length: number;
  /** The windows the events fall in, by start; `window` holds positions in this list. */
  readonly windows: readonly number[];
  readonly window: Uint32Array;
  readonly group: readonly KnownGroup[];
  readonly identityHi: Uint32Array;
  readonly identityLo: Uint32Array;
  readonly userHi: Uint32Array;
  readonly userLo: Uint32Array;
  /** Where the event's line stands in entry.lines, without its newline. */
  readonly lineStart: Uint32Array;
  readonly lineEnd: Uint32Array;
  /** Lines nobody can read; relays let none through, so these come from another writer or version. */
  readonly unreadable: readonly { start: number; end: number }[];
}

export interface DigestContext {
  key: HashKey;
  groups: GroupTable;
  identity: IdentityMode;
  windowSec: number;
}

const NEWLINE = 10;
const scanner = new LineScanner();

/**
 * Undefined when the entry is not what it says: its lines are not `n`, or its line numbers do not fit. Such an entry is
 * unreadable as a whole, for its books could not balance line by line.
 */
export function digestEntry(entry: StreamEntry, context: DigestContext): Digest | undefined {
  const { key, groups, identity, windowSec } = context;
  const { lines, lineCount } = entry;
  const keyed = entry.idempotencyKey !== undefined;
  const head = identity === 'arrival' ? hashArrivalHead(key, entry.idempotencyKey ?? entry.batch, keyed) : undefined;
  const numbers = keyed ? entry.lineNumbers?.split(',') : undefined;
  if (keyed && numbers?.length !== lineCount) return undefined;

  const window = new Uint32Array(lineCount);
  const identityHi = new Uint32Array(lineCount);
  const identityLo = new Uint32Array(lineCount);
  const userHi = new Uint32Array(lineCount);
  const userLo = new Uint32Array(lineCount);
  const lineStart = new Uint32Array(lineCount);
  const lineEnd = new Uint32Array(lineCount);
  const group: KnownGroup[] = [];
  const windows: number[] = [];
  const windowAt = new Map<number, number>();
  const unreadable: { start: number; end: number }[] = [];
  let lastStart = -1;
  let lastWindow = 0;
  let n = 0;
  let seen = 0;
  for (let start = 0; start < lines.length; seen++) {
    if (seen === lineCount) return undefined;
    let end = lines.indexOf(NEWLINE, start);
    if (end < 0) end = lines.length;
    if (scanner.scan(lines, start, end, 'ns') !== LINE.userEvent || !scanner.hasTimestamp) {
      unreadable.push({ start, end });
      start = end + 1;
      continue;
    }
    const { eventType, product } = scanner;
    const known = groups.find(
      eventType.bytes,
      eventType.start,
      eventType.end,
      product.bytes,
      product.start,
      product.end,
    );
    group.push(known);
    hashUser(key, known.hashHi, known.hashLo, scanner.username);
    userHi[n] = hashHi;
    userLo[n] = hashLo;
    if (head === undefined) {
      const id = scanner.hasId ? scanner.id : undefined;
      hashContent(key, hashHi, hashLo, scanner.timestampSec, scanner.timestampNanos, id);
    } else if (numbers) {
      hashArrival(key, head, Number(numbers[seen]), lines, start, end);
    } else {
      hashArrival(key, head, seen + 1, lines, 0, 0);
    }
    identityHi[n] = hashHi;
    identityLo[n] = hashLo;
    const startSec = windowStartSec(scanner.timestampSec, windowSec);
    if (startSec !== lastStart) {
      lastStart = startSec;
      const at = windowAt.get(startSec);
      lastWindow = at ?? windows.push(startSec) - 1;
      if (at === undefined) windowAt.set(startSec, lastWindow);
    }
    window[n] = lastWindow;
    lineStart[n] = start;
    lineEnd[n] = end;
    n++;
    start = end + 1;
  }
  if (seen !== lineCount) return undefined;
  return {
    entry,
    key,
    length: n,
    windows,
    window,
    group,
    identityHi,
    identityLo,
    userHi,
    userLo,
    lineStart,
    lineEnd,
    unreadable,
  };
}
