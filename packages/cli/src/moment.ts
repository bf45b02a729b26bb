import { valueType } from '@weir/common/setting-values';

/** Moments as people type them, and windows named by one. Pure. */
export type Moment = { atMs: number } | { agoMs: number };

const UNITS_MS = new Map([
  ['s', 1_000],
  ['m', 60_000],
  ['h', 3_600_000],
  ['d', 86_400_000],
]);

/** With an offset or `Z`: what time it is where somebody reads this is nobody's business. */
const RFC_3339 = /^\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}(:\d{2}(\.\d{1,9})?)?(Z|[+-]\d{2}:\d{2})$/;

export const moment = valueType<Moment>(
  'a time such as 2016-11-07T08:32:00Z or 1478507520 (Unix seconds), or how long ago: 90s, 15m, 2h, 3d',
  (text) => {
    const ago = /^(\d{1,9})([smhd])$/.exec(text);
    if (ago) return { agoMs: Number(ago[1]) * UNITS_MS.get(ago[2]!)! };
    const atMs = readTime(text);
    return atMs === undefined ? undefined : { atMs };
  },
);

/** A window is named by any moment in it. Becomes Unix milliseconds. */
export const windowMoment = valueType<number>(
  'a window, by a time in it such as 2016-11-07T08:32:00Z or 1478507520 (Unix seconds)',
  readTime,
);

function readTime(text: string): number | undefined {
  if (/^\d{1,11}$/.test(text)) return Number(text) * 1_000;
  const ms = RFC_3339.test(text) ? Date.parse(text.replace(' ', 'T')) : Number.NaN;
  return Number.isNaN(ms) || ms < 0 ? undefined : ms;
}

export function momentMs(moment: Moment, nowMs: number): number {
  return 'atMs' in moment ? moment.atMs : nowMs - moment.agoMs;
}
