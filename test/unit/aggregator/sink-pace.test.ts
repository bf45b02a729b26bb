import { SinkPace } from '@weir/aggregator/sink-pace';

const pace = () => new SinkPace({ random: () => 1 });

/** Fails windows 1 to `windows`, all at 0. */
function failing(windows: number) {
  const it = pace();
  for (let startSec = 1; startSec <= windows; startSec++) it.failed(startSec, 0);
  return it;
}

describe('a window that fails', () => {
  test('waits by itself, longer each time, at most ten seconds', () => {
    const it = pace();
    const pauses = Array.from({ length: 8 }, () => it.failed(1, 0).retryInMs);
    expect(pauses).toEqual([250, 500, 1_000, 2_000, 4_000, 8_000, 10_000, 10_000]);
    expect([it.due(1, 9_999), it.due(1, 10_000), it.due(2, 0)]).toEqual([false, true, true]);
    expect([it.resting(0), it.away, it.failing]).toEqual([false, false, 1]);
  });

  test('however often it fails alone, it is not the sink', () => {
    const it = pace();
    for (let i = 0; i < 100; i++) expect(it.failed(1, i).of).toBe('window');
  });

  test('begins anew once it got through', () => {
    const it = failing(1);
    it.failed(1, 250);
    expect(it.reached(1)).toBe(false);
    expect(it.failing).toBe(0);
    expect(it.failed(1, 1_000).retryInMs).toBe(250);
  });

  test('comes back at different times in different processes', () => {
    expect(new SinkPace({ random: () => 0 }).failed(1, 0).retryInMs).toBe(125);
  });

  test('does not make a sink away that takes others in between', () => {
    const it = pace();
    for (let startSec = 1; startSec <= 100; startSec++) {
      expect(it.failed(startSec, 0).of).toBe('window');
      it.reached(1_000);
    }
    expect(it.failing).toBe(100);
  });

  test('is forgotten when it is gone', () => {
    const it = failing(3);
    it.keep((startSec) => startSec === 2);
    expect(it.failing).toBe(1);
    expect(it.failed(4, 0).of).toBe('window');
  });
});

describe('a sink of which different windows fail', () => {
  test('is away at the fourth, and rests as a whole, longer each time', () => {
    const it = failing(3);
    expect(it.failed(4, 0)).toEqual({ of: 'sink', news: true, retryInMs: 250 });
    expect([it.away, it.resting(249), it.resting(250)]).toEqual([true, true, false]);
    const pauses = Array.from({ length: 7 }, (_, i) => it.failed(i, 0));
    expect(pauses.map(({ retryInMs }) => retryInMs)).toEqual([500, 1_000, 2_000, 4_000, 8_000, 10_000, 10_000]);
    expect(pauses.every(({ of, news }) => of === 'sink' && !news)).toBe(true);
  });

  test('is asked with another window each time, whatever the windows’ own pauses', () => {
    const it = failing(4);
    const asked = Array.from({ length: 7 }, () => {
      const [first] = it.order([1, 2, 3, 4, 5]);
      expect(it.due(first!, 0)).toBe(true);
      it.failed(first!, 0);
      return first;
    });
    expect(asked).toEqual([1, 2, 3, 4, 5, 1, 2]);
  });

  test('is back with the first that gets through; each other then waits as its own failures say', () => {
    const it = failing(4);
    for (let i = 0; i < 20; i++) it.failed(1 + (i % 4), 0);
    expect(it.reached(2)).toBe(true);
    expect([it.away, it.resting(0), it.failing]).toEqual([false, false, 3]);
    expect([it.due(1, 249), it.due(1, 250), it.due(2, 0)]).toEqual([false, true, true]);
    expect(it.order([1, 2, 3])).toEqual([1, 2, 3]);
  });
});

test('a fault on the way to the sink pauses everything, and says nothing of the sink', () => {
  const it = pace();
  expect([it.pause(0), it.pause(250)]).toEqual([250, 500]);
  expect([it.resting(749), it.resting(750), it.away]).toEqual([true, false, false]);
  it.wentThrough();
  expect(it.pause(1_000)).toBe(250);
});
