import { SinkPace } from '@weir/aggregator/sink-pace';

const pace = () => new SinkPace({ random: () => 1 });

/** Fails windows 1 to `windows`, all at 0. */
function failing(windows: number) {
  const one = pace();
  for (let startSec = 1; startSec <= windows; startSec++) one.failed(startSec, 0);
  return one;
}

describe('a window that fails', () => {
  test('waits by itself, longer each time, at most ten seconds', () => {
    const one = pace();
    const pauses = Array.from({ length: 8 }, () => one.failed(1, 0).retryInMs);
    expect(pauses).toEqual([250, 500, 1_000, 2_000, 4_000, 8_000, 10_000, 10_000]);
    expect([one.due(1, 9_999), one.due(1, 10_000), one.due(2, 0)]).toEqual([false, true, true]);
    expect([one.resting(0), one.away, one.failing]).toEqual([false, false, 1]);
  });

  test('however often it fails alone, it is not the sink', () => {
    const one = pace();
    for (let i = 0; i < 100; i++) expect(one.failed(1, i).of).toBe('window');
  });

  test('begins anew once it got through', () => {
    const one = failing(1);
    one.failed(1, 250);
    expect(one.reached(1)).toBe(false);
    expect(one.failing).toBe(0);
    expect(one.failed(1, 1_000).retryInMs).toBe(250);
  });

  test('comes back at different times in different processes', () => {
    expect(new SinkPace({ random: () => 0 }).failed(1, 0).retryInMs).toBe(125);
  });

  test('does not make a sink away that takes others in between', () => {
    const one = pace();
    for (let startSec = 1; startSec <= 100; startSec++) {
      expect(one.failed(startSec, 0).of).toBe('window');
      one.reached(1_000);
    }
    expect(one.failing).toBe(100);
  });

  test('is forgotten when it is gone', () => {
    const one = failing(3);
    one.keep((startSec) => startSec === 2);
    expect(one.failing).toBe(1);
    expect(one.failed(4, 0).of).toBe('window');
  });
});

describe('a sink of which different windows fail', () => {
  test('is away at the fourth, and rests as a whole, longer each time', () => {
    const one = failing(3);
    expect(one.failed(4, 0)).toEqual({ of: 'sink', news: true, retryInMs: 250 });
    expect([one.away, one.resting(249), one.resting(250)]).toEqual([true, true, false]);
    const pauses = Array.from({ length: 7 }, (_, i) => one.failed(i, 0));
    expect(pauses.map(({ retryInMs }) => retryInMs)).toEqual([500, 1_000, 2_000, 4_000, 8_000, 10_000, 10_000]);
    expect(pauses.every(({ of, news }) => of === 'sink' && !news)).toBe(true);
  });

  test('is asked with another window each time, whatever the windows’ own pauses', () => {
    const one = failing(4);
    const asked = Array.from({ length: 7 }, () => {
      const [first] = one.order([1, 2, 3, 4, 5]);
      expect(one.due(first!, 0)).toBe(true);
      one.failed(first!, 0);
      return first;
    });
    expect(asked).toEqual([1, 2, 3, 4, 5, 1, 2]);
  });

  test('is back with the first that gets through; each other then waits as its own failures say', () => {
    const one = failing(4);
    for (let i = 0; i < 20; i++) one.failed(1 + (i % 4), 0);
    expect(one.reached(2)).toBe(true);
    expect([one.away, one.resting(0), one.failing]).toEqual([false, false, 3]);
    expect([one.due(1, 249), one.due(1, 250), one.due(2, 0)]).toEqual([false, true, true]);
    expect(one.order([1, 2, 3])).toEqual([1, 2, 3]);
  });
});

test('a fault on the way to the sink pauses everything, and says nothing of the sink', () => {
  const one = pace();
  expect([one.pause(0), one.pause(250)]).toEqual([250, 500]);
  expect([one.resting(749), one.resting(750), one.away]).toEqual([true, false, false]);
  one.wentThrough();
  expect(one.pause(1_000)).toBe(250);
});
