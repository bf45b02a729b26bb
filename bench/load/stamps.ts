/** The time that the first event of a request happened at; the others follow by a nanosecond each, in the same second. */
export interface Stamp {
  /** Start of the minute it counts in. */
  windowSec: number;
  sec: number;
  nanos: number;
}

export type Stamps = (events: number) => Stamp;

const NANOS_PER_SECOND = 1e9;

/** Into these windows in turn, each event a nanosecond after the one before it: as fast as can be sent. */
export function stampsWithin(windowStartsSec: readonly number[]): Stamps {
  const next = new Float64Array(windowStartsSec.length);
  let turn = 0;
  return (events) => {
    const window = turn++ % next.length;
    const at = inOneSecond(next[window]!, events);
    next[window] = at + events;
    const windowSec = windowStartsSec[window]!;
    return { windowSec, sec: windowSec + Math.floor(at / NANOS_PER_SECOND), nanos: at % NANOS_PER_SECOND };
  };
}

/** Now, and never twice the same. `nowMs`: Unix milliseconds, as fine as there is. */
export function stampsOfNow(nowMs: () => number, windowSec: number): Stamps {
  // Nanoseconds since 1970 are more than a number holds; those since now are not.
  const originSec = Math.floor(nowMs() / 1000);
  let next = 0;
  return (events) => {
    const nowNanos = Math.floor((nowMs() - originSec * 1000) * 1e6);
    const at = inOneSecond(Math.max(next, nowNanos), events);
    next = at + events;
    const sec = originSec + Math.floor(at / NANOS_PER_SECOND);
    return { windowSec: sec - (sec % windowSec), sec, nanos: at % NANOS_PER_SECOND };
  };
}

/** The next second where this one does not hold so many. */
function inOneSecond(at: number, events: number): number {
  const left = NANOS_PER_SECOND - (at % NANOS_PER_SECOND);
  return events <= left ? at : at + left;
}
