import { dueMs, type PublishTimes, windowsToPublish } from '@weir/aggregator/publish-plan';
import type { DirtyWindow } from '@weir/aggregator/store/partition-store';

const times: PublishTimes = { windowSec: 60, graceMs: 5_000, republishMs: 1_000 };
const version = { length: 40, nonce: '00112233445566778899aabbccddeeff' };
const dirty = (startSec: number, openedMs: number): DirtyWindow => ({ startSec, meta: { version, openedMs } });
const NEVER = new Map<number, number>();

describe('a window is due', () => {
  test('at its end plus grace', () => {
    expect(dueMs(600, 601_000, times)).toBe(665_000);
  });

  test('grace after its first event, when it was already past then', () => {
    expect(dueMs(600, 7_000_000, times)).toBe(7_005_000);
  });
});

describe('a window is published', () => {
  test('from the moment it is due on', () => {
    expect(windowsToPublish([dirty(600, 601_000)], NEVER, 664_999, times)).toEqual([]);
    expect(windowsToPublish([dirty(600, 601_000)], NEVER, 665_000, times)).toEqual([600]);
  });

  test('again after a change, but not before some time has passed', () => {
    const last = new Map([[600, 670_000]]);
    expect(windowsToPublish([dirty(600, 601_000)], last, 670_999, times)).toEqual([]);
    expect(windowsToPublish([dirty(600, 601_000)], last, 671_000, times)).toEqual([600]);
  });

  test('also when the clock went back since the last time', () => {
    expect(windowsToPublish([dirty(600, 601_000)], new Map([[600, 900_000]]), 670_000, times)).toEqual([600]);
  });

  test('not at all when it is gone', () => {
    expect(windowsToPublish([{ startSec: 600, meta: undefined }], NEVER, 10_000_000, times)).toEqual([]);
  });

  test('after those that are older', () => {
    expect(windowsToPublish([dirty(660, 0), dirty(60, 0), dirty(600, 0)], NEVER, 10_000_000, times)).toEqual([
      60, 600, 660,
    ]);
  });
});
