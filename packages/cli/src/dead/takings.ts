import { z } from 'zod';
import { count } from '../report-schema.ts';
import { formatTable } from '../table.ts';
import type { View } from '../view.ts';
import type { Letter } from './letter.ts';
import type { Match } from './letter-filter.ts';
import type { Taking } from './letter-store.ts';

/** What of the letters goes when they are purged or replayed. Pure. */
export const takingGroups = z.array(
  z.object({
    kind: z.enum(['dead', 'refused']),
    reason: z.string().nullable().describe('of dead letters'),
    sink: z.string().nullable().describe('of what a sink refuses'),
    letters: count,
    lines: count.describe('in them that go'),
    split: count.describe('letters of which some lines stay, in a letter of their own'),
  }),
);
export type TakingGroups = z.infer<typeof takingGroups>;

/** A letter that was chosen when the plan was made; its lines are read again when it is taken. */
export interface Chosen {
  partition: number | null;
  id: string;
  reason: string;
  sink: string | null;
  /** That go, as the ledger counts them. */
  lines: number;
  split: boolean;
}

export function chosenOf({ letter, lines, matching }: Match): Chosen {
  const { partition, id, reason, sink, lineCount } = letter;
  const split = matching < lines.length;
  return { partition, id, reason, sink, split, lines: split ? Math.min(matching, lineCount) : lineCount };
}

/** What to take of it, now that it was read again. */
export function takingOf({ letter, lines, meant, matching }: Match): Taking {
  const { id, lineCount } = letter;
  if (matching === lines.length) return { id, lines: lineCount };
  const gone = Math.min(matching, lineCount);
  const staying = lines.filter((_, i) => !meant[i]).flatMap(({ bytes }) => [bytes, NEWLINE]);
  return { id, lines: gone, rest: { lineCount: lineCount - gone, lines: Buffer.concat(staying) } };
}

const NEWLINE = Buffer.from('\n');

export function groupsOf(chosen: readonly Chosen[]): TakingGroups {
  const groups = new Map<string, TakingGroups[number]>();
  for (const { partition, reason, sink, lines, split } of chosen) {
    const key = partition === null ? `sink ${sink}` : `reason ${reason}`;
    const group = groups.get(key) ?? {
      kind: partition === null ? 'refused' : 'dead',
      reason: partition === null ? null : reason,
      sink,
      letters: 0,
      lines: 0,
      split: 0,
    };
    group.letters++;
    group.lines += lines;
    group.split += split ? 1 : 0;
    groups.set(key, group);
  }
  return [...groups.values()];
}

export function groupsText(groups: TakingGroups, { paint }: Pick<View, 'paint'>): string {
  const header = ['of', 'letters', 'lines', 'split'];
  const rows = groups.map(({ reason, sink, letters, lines, split }) => {
    return [sink === null ? (reason ?? '-') : `refused by ${sink}`, String(letters), String(lines), String(split)];
  });
  const total = (of: 'letters' | 'lines' | 'split') => String(groups.reduce((sum, group) => sum + group[of], 0));
  const all = ['total', total('letters'), total('lines'), total('split')];
  return formatTable(header, [...rows, all], { paint, left: ['of'] });
}

/** Every line at its place, and those that are not meant as comments: an identity made of line numbers stays the same. */
export function bodyOf({ lines, meant }: Match): Buffer {
  return Buffer.concat(lines.flatMap(({ bytes }, i) => [meant[i] ? bytes : COMMENT, NEWLINE]));
}

const COMMENT = Buffer.from('#');

export function isReadable({ reason }: Letter): boolean {
  return reason !== 'unreadable';
}
