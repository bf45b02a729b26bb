import type { MadeEvents } from './made-events.ts';

/**
 * Puts made-up events into requests, and those that are to be sent again into others, which go to the relay after the one
 * that got them first. Holds at most a request per relay. Pure.
 */
export interface LoadBatch {
  /** Which relay gets it, in turn. */
  turn: number;
  body: string;
  /** Of these, how many are here for the first time, how many again, and how many are late. */
  events: number;
  duplicates: number;
  late: number;
}

export class LoadBatches {
  readonly #made: MadeEvents;
  readonly #batchLines: number;
  /** By the relay that gets them. */
  readonly #again: string[][];
  #turn = 0;

  constructor(made: MadeEvents, { batchLines, relays }: { batchLines: number; relays: number }) {
    this.#made = made;
    this.#batchLines = batchLines;
    this.#again = Array.from({ length: relays }, () => []);
  }

  /** So many new events, or as many as one request has, and the copies that fill a request. */
  next(nowMs: number, most: number): LoadBatch[] {
    const events = Math.min(most, this.#batchLines);
    const turn = this.#turn++ % this.#again.length;
    const copiesTo = (turn + 1) % this.#again.length;
    const copies = this.#again[copiesTo]!;
    let [body, late] = ['', 0];
    for (let i = 0; i < events; i++) {
      const event = this.#made.next(nowMs);
      body += `${event.line}\n`;
      if (event.late) late++;
      if (event.again) copies.push(`${event.line}\n`);
    }
    const batches = [{ turn, body, events, duplicates: 0, late }];
    while (copies.length >= this.#batchLines) batches.push(copiesBatch(copiesTo, copies.splice(0, this.#batchLines)));
    return batches;
  }

  /** The copies that are left. */
  rest(): LoadBatch[] {
    return this.#again.flatMap((copies, turn) => (copies.length === 0 ? [] : [copiesBatch(turn, copies.splice(0))]));
  }
}

function copiesBatch(turn: number, lines: readonly string[]): LoadBatch {
  return { turn, body: lines.join(''), events: 0, duplicates: lines.length, late: 0 };
}
