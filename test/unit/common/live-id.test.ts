import { type OutwaitOptions, outwaitPredecessor } from '@weir/common/live-id';
import { FakeClock } from '../../support/fake-clock.ts';

/** Fields read `incarnation lastMs`; Redis's clock is the fake one. */
function outwait(field: (nowMs: number) => string, options: Partial<OutwaitOptions> = {}) {
  const clock = new FakeClock();
  const seen = { waits: 0 };
  const outcome = outwaitPredecessor({
    read: async () => field(clock.monotonicMs()),
    parse: (text) => {
      const [incarnation, lastMs] = text.split(' ');
      return incarnation && lastMs ? { incarnation, lastMs: Number(lastMs) } : undefined;
    },
    redisNowMs: async () => clock.monotonicMs(),
    incarnation: 'mine',
    clock,
    deadAfterMs: 5_000,
    lookEveryMs: 1_000,
    onWait: () => seen.waits++,
    ...options,
  });
  const after = async (ms: number) => {
    for (let passedMs = 0; passedMs <= ms; passedMs += 1_000) {
      await new Promise(setImmediate);
      await clock.advance(1_000);
    }
    return outcome;
  };
  return { outcome, after, seen };
}

test.each([
  ['nothing stands there', ''],
  ['what stands there is no word of anybody', 'nonsense'],
  ['it is this process’s own word, whose answer was lost', 'mine 0'],
  ['who had it was silent for long', 'other -5001'],
])('an id is free at once when %s', async (_, field) => {
  const { outcome, seen } = outwait(() => field);
  expect(await outcome).toEqual({ standing: field, sinceMs: 0 });
  expect(seen.waits).toBe(0);
});

test('an id whose owner spoke a moment ago is free after as long a silence as the dead keep', async () => {
  const { after, seen } = outwait(() => 'other -1000');
  expect(await after(5_000)).toEqual({ standing: 'other -1000', sinceMs: 0 });
  expect(seen.waits).toBe(1);
});

test('an id is free as soon as its owner signs off', async () => {
  const { after } = outwait((nowMs) => (nowMs < 2_000 ? 'other -1000' : ''));
  expect(await after(2_000)).toEqual({ standing: '', sinceMs: 0 });
});

test('two words that come late are no sign of life, and the silence counts anew from them', async () => {
  const { after } = outwait((nowMs) => `other ${Math.min(2, Math.floor(nowMs / 1_000))}`);
  expect(await after(7_000)).toEqual({ standing: 'other 2', sinceMs: 0 });
});

test('an id under which somebody speaks on and on is somebody’s', async () => {
  const { after } = outwait((nowMs) => `other ${nowMs}`);
  expect(await after(3_000)).toBe('alive');
});

test('one that is told to stop waits no longer', async () => {
  const stopping = new AbortController();
  const { outcome } = outwait(() => 'other -1000', { stopping: stopping.signal });
  await new Promise(setImmediate);
  stopping.abort();
  expect(await outcome).toEqual({ standing: 'other -1000', sinceMs: 0 });
});
