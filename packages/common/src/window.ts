/**
 * Windows are minutes (or whatever `--window` says) of event time, aligned to the Unix epoch and named by their start
 * in Unix seconds. Nanosecond timestamps never become a JavaScript number: they are split into whole seconds and
 * nanoseconds within the second, both exact.
 */
export function windowStartSec(timestampSec: number, windowSec: number): number {
  return timestampSec - (timestampSec % windowSec);
}

/** Position of a window among all windows since 1970: the bit that remembers its seal. */
export function windowIndex(startSec: number, windowSec: number): number {
  return startSec / windowSec;
}

/** Windows per key of sealed bits. */
export const SEALED_CHUNK = 4096;
