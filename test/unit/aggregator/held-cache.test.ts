import { HeldCache } from '@weir/aggregator/held-cache';
import fc from 'fast-check';

function points(count: number): Map<string, number> {
  return new Map(Array.from({ length: count }, (_, i) => [`point ${i}`, i]));
}

describe('what a sink is known to hold', () => {
  test('is what was set last', () => {
    const cache = new HeldCache(10);
    cache.set(60, points(1));
    const held = points(2);
    cache.set(60, held);
    expect(cache.get(60)).toBe(held);
    expect(cache.get(120)).toBeUndefined();
    expect(cache.points).toBe(2);
  });

  test('loses the windows used longest ago when it is too many points', () => {
    const cache = new HeldCache(10);
    for (const startSec of [60, 120, 180]) cache.set(startSec, points(3));
    cache.get(60);
    cache.set(240, points(3));
    expect([60, 120, 180, 240].filter((startSec) => cache.get(startSec))).toEqual([60, 180, 240]);
    expect(cache.points).toBe(9);
  });

  test('keeps the window just set even when it alone is too many points', () => {
    const cache = new HeldCache(10);
    cache.set(60, points(3));
    cache.set(120, points(11));
    expect(cache.get(60)).toBeUndefined();
    expect(cache.get(120)?.size).toBe(11);
  });

  test('counts points that were added to a window since it was set', () => {
    const cache = new HeldCache(10);
    for (const startSec of [60, 120, 180]) {
      const held = new Map<string, number>();
      cache.set(startSec, held);
      for (const [name, value] of points(6)) held.set(name, value);
      cache.set(startSec, held);
    }
    expect(cache.points).toBe(6);
    expect(cache.get(60)).toBeUndefined();
  });

  test('stays so only until somebody else’s write ends, Redis forgets who wrote, or the connection was lost', () => {
    const cache = new HeldCache(10);
    cache.set(60, points(1));
    expect(cache.isAsOf(60, undefined, 0)).toBe(false);
    cache.wrote(60, { token: 'mine', epoch: 0 });
    expect(cache.isAsOf(60, 'mine', 0)).toBe(true);
    expect(cache.isAsOf(60, 'another', 0)).toBe(false);
    expect(cache.isAsOf(60, undefined, 0)).toBe(false);
    expect(cache.isAsOf(60, 'mine', 1)).toBe(false);
  });

  test('is as of no write once it was set anew, forgotten, or never known', () => {
    const cache = new HeldCache(10);
    cache.wrote(120, { token: 'mine', epoch: 0 });
    expect(cache.isAsOf(120, 'mine', 0)).toBe(false);
    for (const forget of [() => cache.set(60, points(2)), () => cache.delete(60), () => cache.clear()]) {
      cache.set(60, points(1));
      cache.wrote(60, { token: 'mine', epoch: 0 });
      forget();
      expect(cache.isAsOf(60, 'mine', 0)).toBe(false);
    }
  });

  test('is forgotten window by window, or as a whole', () => {
    const cache = new HeldCache(10);
    cache.set(60, points(2));
    cache.set(120, points(3));
    cache.delete(60);
    cache.delete(60);
    expect(cache.points).toBe(3);
    cache.clear();
    expect(cache.points).toBe(0);
    expect(cache.get(120)).toBeUndefined();
  });

  test('never is more points than it may be, but for one window, and never fewer than it counts', () => {
    const step = fc.record({
      startSec: fc.constantFrom(0, 60, 120, 180),
      size: fc.nat(8),
      grow: fc.nat(4),
      drop: fc.boolean(),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
        const cache = new HeldCache(12);
        for (const { startSec, size, grow, drop } of steps) {
          if (drop) cache.delete(startSec);
          else {
            const held = cache.get(startSec) ?? points(size);
            for (let i = 0; i < grow; i++) held.set(`more ${held.size}`, 1);
            cache.set(startSec, held);
          }
          const sizes = [0, 60, 120, 180].map((start) => cache.get(start)?.size ?? 0);
          const sum = sizes.reduce((all, one) => all + one, 0);
          expect(cache.points).toBe(sum);
          expect(sum <= 12 || sizes.filter((one) => one > 0).length === 1).toBe(true);
        }
      }),
    );
  });
});
