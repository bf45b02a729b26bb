import { MEASUREMENTS, type TotalsPoint } from './line-encode.ts';

/** The line that `encodeTotals` wrote, read back. Pure. */
const TAG = '((?:\\\\[, =]|[^, =])+)';
const LINE = new RegExp(`^(${MEASUREMENTS.join('|')}),event_type=${TAG},product=${TAG} value=(\\S+) (\\d+)$`);
const NANOS_DIGITS = 9;

/** Undefined when the line is none that Weir writes for a total. */
export function parseTotalsLine(line: string): { point: TotalsPoint; startSec: number } | undefined {
  const match = LINE.exec(line);
  if (!match) return undefined;
  const [, measurement, eventType, product, value, time] = match as unknown as [string, ...string[]];
  if (time !== '0' && !time!.endsWith('0'.repeat(NANOS_DIGITS))) return undefined;
  const point = {
    measurement: measurement as TotalsPoint['measurement'],
    eventType: unescapeTag(eventType!),
    product: unescapeTag(product!),
    value: Number(value),
  };
  return Number.isFinite(point.value) ? { point, startSec: Number(time!.slice(0, -NANOS_DIGITS)) } : undefined;
}

function unescapeTag(text: string): string {
  return text.replace(/\\([, =])/g, '$1');
}
