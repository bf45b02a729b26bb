import { encodeTotals } from '@weir/common/line-encode';
import type { SinkPoint, SinkWindow } from './sink.ts';

/** Points as the lines that files and stdout show, in the order given. */
export function lineText(window: SinkWindow, points: readonly SinkPoint[]): string {
  return points.map((point) => `${encodeTotals(point, window.startSec)}\n`).join('');
}
