import { MEASUREMENTS, PointLines, type TotalsPoint } from './line-encode.ts';
import type { PointShape } from './point-shape.ts';

/** Reads the lines back that `PointLines` writes in the same shape, and no others. Pure. */
const TAG = '((?:\\\\[, =]|[^, =])+)';
const NANOS_DIGITS = 9;

export class TotalsReader {
  readonly #forms: readonly { measurement: TotalsPoint['measurement']; form: RegExp }[];
  readonly #time: PointShape['time'];

  constructor(shape: PointShape) {
    const lines = new PointLines(shape);
    this.#time = shape.time;
    this.#forms = MEASUREMENTS.map((measurement) => {
      const [head, between, after] = lines.around(measurement).map(literally);
      return { measurement, form: new RegExp(`^${head}${TAG}${between}${TAG}${after}(\\S+) (\\d+)$`) };
    });
  }

  /** Undefined when the line is none that Weir writes for a total of this deployment. */
  read(line: string, windowSec: number): { point: TotalsPoint; startSec: number } | undefined {
    for (const { measurement, form } of this.#forms) {
      const match = form.exec(line);
      if (!match) continue;
      const [, eventType, product, number, time] = match as unknown as [string, ...string[]];
      const value = Number(number);
      if ((time !== '0' && !time!.endsWith('0'.repeat(NANOS_DIGITS))) || !Number.isFinite(value)) return undefined;
      const sec = Number(time!.slice(0, -NANOS_DIGITS));
      const point = { measurement, eventType: unescapeTag(eventType!), product: unescapeTag(product!), value };
      return { point, startSec: this.#time === 'start' ? sec : sec - windowSec };
    }
    return undefined;
  }
}

function unescapeTag(text: string): string {
  return text.replace(/\\([, =])/g, '$1');
}

/** The text as a part of a regular expression. */
function literally(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&');
}
