import { WeirError } from '@weir/common/errors';
import { createLogger, describeError, silentLogger } from '@weir/common/logger';

describe('the log', () => {
  test('is JSON lines with level as a word, ISO time, name and message', async () => {
    const lines: string[] = [];
    const logger = await createLogger({ name: 'weir-x', level: 'info', format: 'json', write: (l) => lines.push(l) });
    logger.debug('not this');
    logger.info({ http: '127.0.0.1:1' }, 'ready');
    logger.child({ part: 'reader' }).warn('slow');
    const [ready, slow, ...more] = lines.map((line) => JSON.parse(line) as Record<string, string>);
    expect(more).toEqual([]);
    expect(ready).toMatchObject({ level: 'info', name: 'weir-x', msg: 'ready', http: '127.0.0.1:1' });
    expect(new Date(ready!.time!).toISOString()).toBe(ready!.time);
    expect(slow).toMatchObject({ level: 'warn', part: 'reader', msg: 'slow' });
  });

  test('for eyes is one readable line', async () => {
    const lines: string[] = [];
    const logger = await createLogger({ name: 'weir-x', level: 'info', format: 'pretty', write: (l) => lines.push(l) });
    logger.info({ http: '127.0.0.1:1' }, 'ready');
    expect(lines.join('')).toMatch(/^\[[0-9:.]+\] INFO: ready \{"http":"127.0.0.1:1"\}\n$/);
  });
});

test('a fault of the world is told by code and cause, a bug by its stack', () => {
  const fault = new WeirError('redis-loading', 'busy', true, { cause: new Error('LOADING') });
  expect(describeError(fault)).toEqual({ type: 'WeirError', code: 'redis-loading', message: 'busy', cause: 'LOADING' });
  expect(describeError(new TypeError('oops'))).toMatchObject({
    type: 'TypeError',
    stack: expect.stringContaining('oops'),
  });
  const both = new AggregateError([fault, 'odd'], 'parts failed');
  expect(describeError(both)).toMatchObject({ errors: [{ code: 'redis-loading' }, 'odd'] });
});

test('the silent logger and its children say nothing and never fail', () => {
  expect(silentLogger.child({}).error({ err: new Error('x') }, 'nothing')).toBeUndefined();
});
