import type { Totals } from '@weir/common/event';
import { totalsKey } from './expected-totals.ts';

const POINT = /^(cumulative|unique)_user_event,event_type=([^,]+),product=([^ ]+) value=(\d+) (\d+)\d{9}$/;

/** The totals in line protocol as a file sink or an InfluxDB has them, by `totalsKey`; the last line of a point holds. Pure. */
export function lastTotals(text: string): Map<string, Totals> {
  const totals = new Map<string, Totals>();
  for (const line of text.split('\n')) {
    const match = POINT.exec(line);
    if (!match) continue;
    const [, kind, eventType, product, value, windowSec] = match as unknown as [
      string,
      string,
      string,
      string,
      string,
      string,
    ];
    const key = totalsKey({ windowSec: Number(windowSec), eventType, product });
    const held = totals.get(key) ?? { events: 0, users: 0 };
    totals.set(key, kind === 'cumulative' ? { ...held, events: Number(value) } : { ...held, users: Number(value) });
  }
  return totals;
}
