import type { Precision } from '@weir/common/line-protocol';
import type { Stamps } from '@weir/common/stamps';
import type { Journal } from './journal.ts';
import type { Arrival, Lane } from './lane.ts';
import { LineReader, type LinesRead, type ProductFilter } from './lines.ts';
import { Receipt } from './receipt.ts';
import type { ReservedNames } from './reserved-names.ts';
import { Router } from './router.ts';
import { SeriesRouter } from './series-router.ts';

/**
 * Where both doors meet: reads the lines of a body and has each accepted one put into its lane. Takes a body whole or
 * not at all, so a client that is told to come again sends the same body again. Pure.
 */
export interface IntakeOptions {
  /** Of events, by partition. */
  lanes: readonly Lane[];
  /** Of other lines; absent: they are rejected. */
  otherLanes?: readonly Lane[] | undefined;
  journal: Journal;
  stamps: Stamps;
  /** What other lines may not be called. */
  reserved?: ReservedNames;
  /** The relay's clock, Unix milliseconds. */
  nowMs: () => number;
  monotonicMs: () => number;
}

export interface Taken extends LinesRead {
  /** Resolves when every accepted line is in Redis, or synced to the journal. */
  confirmed: Promise<void>;
}

export class Intake {
  readonly #options: IntakeOptions;
  readonly #reader: LineReader;
  readonly #router: Router;
  readonly #seriesRouter: SeriesRouter | undefined;

  constructor(options: IntakeOptions) {
    this.#options = options;
    this.#reader = new LineReader(options.stamps, options.reserved);
    this.#router = new Router(options.lanes);
    this.#seriesRouter = options.otherLanes && new SeriesRouter(options.otherLanes);
  }

  /** Whether a body of this size can be held. Timestamps that are added to its lines may take a little more. */
  hasRoom(bodyBytes: number): boolean {
    const { journal, lanes, otherLanes = [] } = this.#options;
    let openBytes = 0;
    for (const lane of lanes) openBytes += lane.openBytes;
    for (const lane of otherLanes) openBytes += lane.openBytes;
    return journal.hasRoom(bodyBytes, openBytes);
  }

  /** For a request, which waits for its lines. Ask `hasRoom` first. */
  take(body: Buffer, precision: Precision, idempotencyKey?: string, products?: ProductFilter): Taken {
    const receipt = new Receipt();
    const how = { receipt, ...(idempotencyKey === undefined ? {} : { idempotencyKey }) };
    const read = this.#read(body, precision, how, products);
    receipt.settle();
    return { ...read, confirmed: receipt.confirmed };
  }

  /** For datagrams, for which nobody waits. */
  takeUnattended(body: Buffer): LinesRead {
    return this.#read(body, 'ns', {});
  }

  #read(body: Buffer, precision: Precision, how: Partial<Arrival>, products?: ProductFilter): LinesRead {
    const nowMs = this.#options.nowMs();
    const monotonicMs = this.#options.monotonicMs();
    const arrival = { receivedMs: Math.floor(nowMs), monotonicMs, lineNumber: 0, ...how };
    this.#router.begin(arrival);
    this.#seriesRouter?.begin(arrival);
    return this.#reader.read(body, precision, nowMs, { events: this.#router, others: this.#seriesRouter, products });
  }
}
