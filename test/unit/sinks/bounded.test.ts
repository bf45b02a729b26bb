import { bounded } from '@weir/sinks/bounded';

beforeEach(() => jest.useFakeTimers());
afterEach(() => jest.useRealTimers());

/** Work that never ends by itself, as a request to a paused server. */
function endless(): { work: (ended: AbortSignal, alive: () => void) => Promise<never>; seen: () => Seen } {
  let seen: Seen | undefined;
  return {
    work: (ended, alive) => {
      seen = { ended, alive };
      return new Promise(() => undefined);
    },
    seen: () => seen!,
  };
}

interface Seen {
  ended: AbortSignal;
  alive: () => void;
}

describe('bounded work', () => {
  test('that is silent for too long is over, and knows it', async () => {
    const { work, seen } = endless();
    const result = bounded({ timeoutMs: 1_000 }, work);
    jest.advanceTimersByTime(999);
    expect(seen().ended.aborted).toBe(false);
    jest.advanceTimersByTime(1);
    await expect(result).resolves.toEqual({ kind: 'timeout' });
    expect(seen().ended.aborted).toBe(true);
  });

  test('that shows signs of life may go on', async () => {
    const { work, seen } = endless();
    const result = bounded({ timeoutMs: 1_000 }, work);
    for (let round = 0; round < 5; round++) {
      jest.advanceTimersByTime(900);
      seen().alive();
    }
    expect(seen().ended.aborted).toBe(false);
    jest.advanceTimersByTime(1_000);
    await expect(result).resolves.toEqual({ kind: 'timeout' });
    seen().alive();
    expect(jest.getTimerCount()).toBe(0);
  });

  test('that shows signs of life for ever is over after ten times as long', async () => {
    const { work, seen } = endless();
    const result = bounded({ timeoutMs: 1_000 }, work);
    for (let round = 0; round < 19; round++) {
      jest.advanceTimersByTime(500);
      seen().alive();
    }
    expect(seen().ended.aborted).toBe(false);
    jest.advanceTimersByTime(500);
    await expect(result).resolves.toEqual({ kind: 'timeout' });
    expect(jest.getTimerCount()).toBe(0);
  });

  test('ends with the caller’s signal, on which it leaves no listener', async () => {
    const caller = new AbortController();
    const removed = jest.spyOn(caller.signal, 'removeEventListener');
    const { work, seen } = endless();
    const result = bounded({ timeoutMs: 1_000, signal: caller.signal }, work);
    caller.abort();
    await expect(result).resolves.toEqual({ kind: 'aborted', started: true });
    expect(seen().ended.aborted).toBe(true);
    expect(removed).toHaveBeenCalledTimes(1);
    expect(jest.getTimerCount()).toBe(0);
  });

  test('does not begin when the signal came first', async () => {
    const work = jest.fn();
    const result = await bounded({ timeoutMs: 1_000, signal: AbortSignal.abort() }, work);
    expect(result).toEqual({ kind: 'aborted', started: false });
    expect(work).not.toHaveBeenCalled();
  });

  test('that succeeds keeps its signal quiet; that fails finds it aborted', async () => {
    const signals: AbortSignal[] = [];
    const done = await bounded({ timeoutMs: 1_000 }, async (ended) => signals.push(ended));
    expect(done).toEqual({ kind: 'done', value: 1 });
    const error = new Error('no');
    const failed = await bounded({ timeoutMs: 1_000 }, async (ended) => {
      signals.push(ended);
      throw error;
    });
    expect(failed).toEqual({ kind: 'failed', error });
    expect(signals.map(({ aborted }) => aborted)).toEqual([false, true]);
    expect(jest.getTimerCount()).toBe(0);
  });
});
