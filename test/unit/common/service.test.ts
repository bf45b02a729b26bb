import { type Service, ServiceGroup } from '@weir/common/service';
import { settle } from '../../support/fake-clock.ts';

function group(parts: readonly { name: string; start?: () => Promise<void>; stop?: () => Promise<void> }[]) {
  const calls: string[] = [];
  const services = parts.map(
    ({ name, start, stop }): Service => ({
      start: async () => {
        calls.push(`start ${name}`);
        await start?.();
        calls.push(`${name} runs`);
      },
      stop: async () => {
        calls.push(`stop ${name}`);
        await stop?.();
      },
    }),
  );
  return { group: new ServiceGroup(services), calls };
}

const fails = (message: string) => () => Promise.reject(new Error(message));

describe('a group of parts', () => {
  test('starts in the order given and stops in reverse', async () => {
    const { group: it, calls } = group([{ name: 'connection' }, { name: 'folder' }, { name: 'reader' }]);
    await it.start();
    await it.stop();
    expect(calls.filter((call) => !call.endsWith('runs'))).toEqual([
      'start connection',
      'start folder',
      'start reader',
      'stop reader',
      'stop folder',
      'stop connection',
    ]);
  });

  test('stops every part once, however often it is asked to', async () => {
    const { group: it, calls } = group([{ name: 'a' }, { name: 'b' }]);
    await it.start();
    await Promise.all([it.stop(), it.stop()]);
    await it.stop();
    expect(calls.filter((call) => call.startsWith('stop'))).toEqual(['stop b', 'stop a']);
  });

  test('takes down what had started when a part fails to, that part included, and passes its error on', async () => {
    const { group: it, calls } = group([{ name: 'a' }, { name: 'b', start: fails('b cannot') }, { name: 'c' }]);
    await expect(it.start()).rejects.toThrow('b cannot');
    expect(calls).toEqual(['start a', 'a runs', 'start b', 'stop b', 'stop a']);
  });

  test('stops the other parts when one fails to stop, and tells of all failures', async () => {
    const { group: it, calls } = group([
      { name: 'a', stop: fails('a hangs') },
      { name: 'b' },
      { name: 'c', stop: fails('c hangs') },
    ]);
    await it.start();
    await expect(it.stop()).rejects.toMatchObject({ errors: [new Error('c hangs'), new Error('a hangs')] });
    expect(calls.slice(6)).toEqual(['stop c', 'stop b', 'stop a']);
  });

  test('stopped while it starts, starts nothing more and leaves nothing running', async () => {
    let started: () => void = () => undefined;
    const slow = () =>
      new Promise<void>((resolve) => {
        started = resolve;
      });
    const { group: it, calls } = group([{ name: 'a' }, { name: 'b', start: slow }, { name: 'c' }]);
    const start = it.start();
    await settle();
    const stop = it.stop();
    started();
    await Promise.all([start, stop]);
    expect(calls).not.toContain('start c');
    expect(calls.at(-1)).toMatch(/^stop/);
    expect(calls.lastIndexOf('stop b')).toBeGreaterThan(calls.indexOf('b runs'));
    expect(calls).toContain('stop a');
  });

  test('that never started has nothing to stop', async () => {
    const { group: it, calls } = group([{ name: 'a' }]);
    await it.stop();
    await it.start();
    expect(calls).toEqual([]);
  });
});
