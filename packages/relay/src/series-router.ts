import type { LineScanner } from '@weir/common/line-protocol';
import { partitionOfSeries } from '@weir/common/partition';
import type { Arrival, Lane } from './lane.ts';
import type { LineTaker } from './lines.ts';

/** Puts each other line into the lane of its series, so that points of one series stay in their order. Pure. */
export class SeriesRouter implements LineTaker {
  readonly #lanes: readonly Lane[];
  #arrival: Arrival = { receivedMs: 0, monotonicMs: 0, lineNumber: 0 };

  constructor(lanes: readonly Lane[]) {
    this.#lanes = lanes;
  }

  /** The lines that follow came together. An Idempotency-Key means nothing here: other lines have no identity. */
  begin({ idempotencyKey: _, ...arrival }: Arrival): void {
    this.#arrival = arrival;
  }

  take(source: Buffer, start: number, end: number, scanner: LineScanner): void {
    this.#laneOf(source, scanner).add(source, start, end, this.#arrival);
  }

  takeStamped(
    source: Buffer,
    start: number,
    end: number,
    sec: number,
    nanos: number,
    scanner: LineScanner,
    _: number,
  ): void {
    this.#laneOf(source, scanner).addStamped(source, start, end, sec, nanos, this.#arrival);
  }

  #laneOf(source: Buffer, { contentStart, keyEnd }: LineScanner): Lane {
    return this.#lanes[partitionOfSeries(source, contentStart, keyEnd, this.#lanes.length)]!;
  }
}
