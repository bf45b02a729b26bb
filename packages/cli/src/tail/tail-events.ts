import { type BatchIdentity, parseBatchIdentity, parseStreamEntry } from '@weir/common/batch';
import { LINE, LineScanner } from '@weir/common/line-protocol';
import { z } from 'zod';
import { count, reportSchema } from '../report-schema.ts';

/** What stands in a stream entry, line by line, and which entries nobody saw. Pure. */
export const TAIL_SCHEMA = reportSchema('tail', 1, 'One line as it passed; one such document per line.', {
  partition: count,
  entry: z.string(),
  relay: z.string().nullable().describe('null: no relay can have written the entry'),
  receivedMs: z.number().nullable().describe('when the relay received the first line of the batch, Unix milliseconds'),
  product: z.string().nullable().describe('of a user event'),
  eventType: z.string().nullable(),
  username: z.string().nullable(),
  line: z.string().describe('with a timestamp in nanoseconds'),
});

export type TailLine = z.infer<typeof TAIL_SCHEMA>;

export interface TailFilter {
  product: string | undefined;
  type: string | undefined;
  user: string | undefined;
}

const scanner = new LineScanner();
const NEWLINE = 0x0a;

/** Each line that is wanted is a text of its own: one that is kept does not hold on to its whole entry. */
export function tailLines(
  place: { partition: number; id: string; fields: readonly Buffer[] },
  filter: TailFilter,
): { batch: BatchIdentity | undefined; lines: TailLine[] } {
  const entry = parseStreamEntry(place.id, place.fields);
  const batch = entry && parseBatchIdentity(entry.batch);
  const lines: TailLine[] = [];
  const bytes = entry?.lines ?? Buffer.alloc(0);
  for (let [from, to] = [0, 0]; from < bytes.length; from = to + 1) {
    const end = bytes.indexOf(NEWLINE, from);
    to = end < 0 ? bytes.length : end;
    if (to === from) continue;
    const event = scanner.scan(bytes, from, to, 'ns') === LINE.userEvent;
    const names = {
      product: event ? scanner.product.toString() : null,
      eventType: event ? scanner.eventType.toString() : null,
      username: event ? scanner.username.toString() : null,
    };
    if (!isWanted(names, filter)) continue;
    lines.push({
      schema: 'weir.tail/1',
      partition: place.partition,
      entry: place.id,
      relay: batch?.relayId ?? null,
      receivedMs: entry?.receivedMs ?? null,
      ...names,
      line: bytes.toString('utf8', from, to),
    });
  }
  return { batch, lines };
}

function isWanted(
  { product, eventType, username }: Pick<TailLine, 'product' | 'eventType' | 'username'>,
  asked: TailFilter,
): boolean {
  const fits = (wanted: string | undefined, found: string | null) => wanted === undefined || wanted === found;
  return fits(asked.product, product) && fits(asked.type, eventType) && fits(asked.user, username);
}

/** A start of a relay numbers its batches in a partition without a gap: where there is one, entries were trimmed unseen. */
export class MissedEntries {
  readonly #last = new Map<string, number>();

  /** `last`: what the partition had of it when looking began. */
  know(partition: number, incarnation: string, last: number): void {
    this.#last.set(`${partition} ${incarnation}`, last);
  }

  /** Answers how many were missed before this one. */
  see(partition: number, { incarnation, sequence }: BatchIdentity): number {
    const key = `${partition} ${incarnation}`;
    const last = this.#last.get(key);
    this.#last.set(key, Math.max(sequence, last ?? 0));
    return last === undefined ? 0 : Math.max(0, sequence - last - 1);
  }
}
