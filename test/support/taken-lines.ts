import type { LineTaker } from '@weir/relay/lines';

/** The lines that a relay takes, as they stand in its batches. */
export class TakenLines implements LineTaker {
  readonly lines: string[] = [];

  take(source: Buffer, start: number, end: number): void {
    this.lines.push(source.toString('utf8', start, end));
  }

  takeStamped(source: Buffer, start: number, end: number, sec: number, nanos: number): void {
    const nanoseconds = BigInt(sec) * 1_000_000_000n + BigInt(nanos);
    this.lines.push(`${source.toString('utf8', start, end)} ${nanoseconds}`);
  }
}
