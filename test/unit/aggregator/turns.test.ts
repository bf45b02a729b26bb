import { Turns } from '@weir/aggregator/turns';
import { settle } from '../../support/fake-clock.ts';

describe('turns', () => {
  test('run one task at a time, in the order they were asked for', async () => {
    const turns = new Turns();
    const log: string[] = [];
    let endFirst: () => void = () => undefined;
    const first = turns.take(async () => {
      log.push('first begins');
      await new Promise<void>((resolve) => {
        endFirst = resolve;
      });
      log.push('first ends');
    });
    const second = turns.take(async () => void log.push('second'));
    const third = turns.take(async () => void log.push('third'));
    await settle();
    expect(log).toEqual(['first begins']);
    endFirst();
    await Promise.all([first, second, third]);
    expect(log).toEqual(['first begins', 'first ends', 'second', 'third']);
  });

  test('answer what the task answered', async () => {
    await expect(new Turns().take(async () => 7)).resolves.toBe(7);
  });

  test('pass a failure to who asked, and to nobody else', async () => {
    const turns = new Turns();
    const failing = turns.take(() => Promise.reject(new Error('no')));
    const next = turns.take(async () => 'yes');
    await expect(failing).rejects.toThrow('no');
    await expect(next).resolves.toBe('yes');
  });
});
