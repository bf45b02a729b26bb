import { parseBatchIdentity } from '@weir/common/batch';
import { entryMs } from '../entry-id.ts';

/**
 * A letter: lines that were accepted and could not be counted (of a partition), or a point or line that a sink refuses for
 * good. Pure. Both are kept in streams; what somebody else put there is shown as far as it can be.
 */
export interface Letter {
  /** `3/1700000000000-0`, of partition 3, or `refused/1700000000000-0`. */
  name: string;
  /** Of the partition; null: refused by a sink. */
  partition: number | null;
  /** In the stream. */
  id: string;
  /** When it became one, Unix milliseconds of Redis's clock. */
  deadMs: number;
  reason: string;
  /** Which relay the lines came through. */
  relay: string | null;
  /** When that received the first of them. */
  receivedMs: number | null;
  /** The stream entry they came in. */
  entry: string | null;
  /** The sink that refuses them. */
  sink: string | null;
  /** `totals`: a point of a window; `line`: an other line. */
  refusedKind: string | null;
  /** As the ledger counts them. */
  lineCount: number;
  /** As they came, each ended by \n. */
  lines: Buffer;
}

export function parseLetter(partition: number, id: string, flat: readonly Buffer[]): Letter {
  const fields = byName(flat);
  const text = (name: string) => fields.get(name)?.toString() ?? '';
  return {
    name: `${partition}/${id}`,
    partition,
    id,
    // A letter of which some lines were taken away stands under a new id; when it was written first is in `s`.
    deadMs: entryMs(text('s') || id),
    reason: text('reason'),
    relay: parseBatchIdentity(text('b'))?.relayId ?? null,
    receivedMs: numberOf(text('t')),
    entry: text('e') || null,
    sink: null,
    refusedKind: null,
    lineCount: numberOf(text('n')) ?? 0,
    lines: fields.get('d') ?? Buffer.alloc(0),
  };
}

export function parseRefused(id: string, flat: readonly Buffer[]): Letter {
  const fields = byName(flat);
  const text = (name: string) => fields.get(name)?.toString() ?? '';
  return {
    name: `refused/${id}`,
    partition: null,
    id,
    deadMs: numberOf(text('time')) ?? entryMs(id),
    reason: text('reason'),
    relay: null,
    receivedMs: null,
    entry: null,
    sink: text('sink'),
    refusedKind: text('kind'),
    lineCount: 1,
    lines: Buffer.concat([fields.get('line') ?? Buffer.alloc(0), Buffer.from('\n')]),
  };
}

/** Undefined when the text is no letter's name. */
export function parseLetterName(text: string): { partition: number | null; id: string } | undefined {
  const match = /^(?:(\d{1,6})|refused)\/(\d{1,20}-\d{1,20})$/.exec(text);
  return match ? { partition: match[1] === undefined ? null : Number(match[1]), id: match[2]! } : undefined;
}

function byName(flat: readonly Buffer[]): Map<string, Buffer> {
  const fields = new Map<string, Buffer>();
  for (let i = 0; i + 1 < flat.length; i += 2) fields.set(flat[i]!.toString('latin1'), flat[i + 1]!);
  return fields;
}

function numberOf(text: string): number | null {
  return /^\d{1,16}$/.test(text) ? Number(text) : null;
}
