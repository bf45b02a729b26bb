import { SinkPace } from '@weir/aggregator/sink-pace';

const pace = () => new SinkPace({ random: () => 1 });

/** Fails windows 1 to `windows`, all at 0. */
function failing(windows: number) {
  const paced = pace();
  for (let startSec = 1; startSec <= windows; startSec++) paced.failed(startSec, 0);
  return paced;
}

describe('a window that fails', () => {
  test('waits by itself, longer each time, at most ten seconds', () => {
    const paced = pace();
    const pauses = Array.from({ length: 8 }, () => paced.failed(1, 0).retryInMs);
    expect(pauses).toEqual([250, 500, 1_000, 2_000, 4_000, 8_000, 10_000, 10_000]);
    expect([paced.due(1, 9_999), paced.due(1, 10_000), paced.due(2, 0)]).toEqual([false, true, true]);
    expect([paced.resting(0), paced.away, paced.failing]).toEqual([false, false, 1]);
  });

  test('however often it fails alone, it is not the sink', () => {
    const paced = pace();
    for (let i = 0; i < 100; i++) expect(paced.failed(1, i).of).toBe('window');
  });

  test('begins anew once it got through', () => {
    const paced = failing(1);
    paced.failed(1, 250);
    expect(paced.reached(1)).toBe(false);
    expect(paced.failing).toBe(0);
    expect(paced.failed(1, 1_000).retryInMs).toBe(250);
  });

  test('comes back at different times in different processes', () => {
    expect(new SinkPace({ random: () => 0 }).failed(1, 0).retryInMs).toBe(125);
  });

  test('does not make a sink away that takes others in between', () => {
    const paced = pace();
    for (let startSec = 1; startSec <= 100; startSec++) {
      expect(paced.failed(startSec, 0).of).toBe('window');
      paced.reached(1_000);
    }
    expect(paced.failing).toBe(100);
  });

  test('is forgotten when it is gone', () => {
    const paced = failing(3);
    paced.keep((startSec) => startSec === 2);
    expect(paced.failing).toBe(1);
    expect(paced.failed(4, 0).of).toBe('window');
  });
});

describe('a sink of which different windows fail', () => {
  test('is away at the fourth, and rests as a whole, longer each time', () => {
    const paced = failing(3);
    expect(paced.failed(4, 0)).toEqual({ of: 'sink', news: true, retryInMs: 250 });
    expect([paced.away, paced.resting(249), paced.resting(250)]).toEqual([true, true, false]);
    const pauses = Array.from({ length: 7 }, (_, i) => paced.failed(i, 0));
    expect(pauses.map(({ retryInMs }) => retryInMs)).toEqual([500, 1_000, 2_000, 4_000, 8_000, 10_000, 10_000]);
    expect(pauses.every(({ of, news }) => of === 'sink' && !news)).toBe(true);
  });

  test('is asked with another window each time, whatever the windows’ own pauses', () => {
    const paced = failing(4);
    const asked = Array.from({ length: 7 }, () => {
      const [first] = paced.order([1, 2, 3, 4, 5]);
      expect(paced.due(first!, 0)).toBe(true);
      paced.failed(first!, 0);
      return first;
    });
    expect(asked).toEqual([1, 2, 3, 4, 5, 1, 2]);
  });

  test('is back with the first that gets through; each other then waits as its own failures say', () => {
    const paced = failing(4);
    for (let i = 0; i < 20; i++) paced.failed(1 + (i % 4), 0);
    expect(paced.reached(2)).toBe(true);
    expect([paced.away, paced.resting(0), paced.failing]).toEqual([false, false, 3]);
    expect([paced.due(1, 249), paced.due(1, 250), paced.due(2, 0)]).toEqual([false, true, true]);
    expect(paced.order([1, 2, 3])).toEqual([1, 2, 3]);
  });
});

test('a fault on the way to the sink pauses everything, and says nothing of the sink', () => {
  const paced = pace();
  expect([paced.pause(0), paced.pause(250)]).toEqual([250, 500]);
  expect([paced.resting(749), paced.resting(750), paced.away]).toEqual([true, false, false]);
  paced.wentThrough();
  expect(paced.pause(1_000)).toBe(250);
});
