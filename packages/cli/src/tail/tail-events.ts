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

export function tailLines(
  place: { partition: number; id: string; fields: readonly Buffer[] },
  filter: TailFilter,
): { batch: BatchIdentity | undefined; lines: TailLine[] } {
  const entry = parseStreamEntry(place.id, place.fields);
  const batch = entry && parseBatchIdentity(entry.batch);
  const lines: TailLine[] = [];
  for (const line of entry?.lines.toString().split('\n') ?? []) {
    const bytes = Buffer.from(line);
    const event = scanner.scan(bytes, 0, bytes.length, 'ns') === LINE.userEvent;
    const [product, eventType, username] = event
      ? [scanner.product.toString(), scanner.eventType.toString(), scanner.username.toString()]
      : [null, null, null];
    const wanted = (asked: string | undefined, found: string | null) => asked === undefined || asked === found;
    if (line === '' || !wanted(filter.product, product)) continue;
    if (!wanted(filter.type, eventType) || !wanted(filter.user, username)) continue;
    lines.push({
      schema: 'weir.tail/1',
      partition: place.partition,
      entry: place.id,
      relay: batch?.relayId ?? null,
      receivedMs: entry?.receivedMs ?? null,
      ...{ product, eventType, username, line },
    });
  }
  return { batch, lines };
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
