import type { LineScanner } from '@weir/common/line-protocol';
import { partitionOf } from '@weir/common/partition';
import type { Arrival, Lane } from './lane.ts';
import type { LineTaker } from './lines.ts';

/** Puts each event into the lane of its user's partition. Pure, called once per line. */
export class Router implements LineTaker {
  readonly #lanes: readonly Lane[];
  #arrival: Arrival = { receivedMs: 0, monotonicMs: 0, lineNumber: 0 };

  constructor(lanes: readonly Lane[]) {
    this.#lanes = lanes;
  }

  /** The lines that follow came together. */
  begin(arrival: Arrival): void {
    this.#arrival = arrival;
  }

  take(source: Buffer, start: number, end: number, scanner: LineScanner, lineNumber: number): void {
    this.#arrival.lineNumber = lineNumber;
    this.#laneOf(scanner).add(source, start, end, this.#arrival);
  }

  takeStamped(
    source: Buffer,
    start: number,
    end: number,
    sec: number,
    nanos: number,
    scanner: LineScanner,
    lineNumber: number,
  ): void {
    this.#arrival.lineNumber = lineNumber;
    this.#laneOf(scanner).addStamped(source, start, end, sec, nanos, this.#arrival);
  }

  #laneOf({ username }: LineScanner): Lane {
    const lanes = this.#lanes;
    return lanes[partitionOf(username.bytes, username.start, username.end, lanes.length)]!;
  }
}
