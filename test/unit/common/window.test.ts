import { SEALED_CHUNK, windowIndex, windowStartSec } from '@weir/common/window';
import fc from 'fast-check';

const LAST_SEC = 9_223_372_036;
const timestampSec = fc.integer({ min: 0, max: LAST_SEC });
const windowSec = fc.integer({ min: 1, max: 86_400 });

describe('the window of a timestamp', () => {
  test('is the minute it falls in, named by its start', () => {
    expect(windowStartSec(1_478_507_534, 60)).toBe(1_478_507_520);
    expect(windowStartSec(1_478_507_520, 60)).toBe(1_478_507_520);
    expect(windowStartSec(1_478_507_519, 60)).toBe(1_478_507_460);
  });

  test('begins on a multiple of its length and holds the timestamp, from 1970 to the last nanosecond', () => {
    fc.assert(
      fc.property(timestampSec, windowSec, (sec, length) => {
        const start = windowStartSec(sec, length);
        expect(start % length).toBe(0);
        expect(start).toBeLessThanOrEqual(sec);
        expect(sec - start).toBeLessThan(length);
      }),
    );
  });

  test('has a whole position among all windows, one more than that of the window before', () => {
    fc.assert(
      fc.property(timestampSec, windowSec, (sec, length) => {
        const start = windowStartSec(sec, length);
        expect(Number.isSafeInteger(windowIndex(start, length))).toBe(true);
        expect(windowIndex(start + length, length)).toBe(windowIndex(start, length) + 1);
      }),
    );
  });

  test('finds its seal in a chunk of 512 bytes', () => {
    expect(SEALED_CHUNK / 8).toBe(512);
  });
});
