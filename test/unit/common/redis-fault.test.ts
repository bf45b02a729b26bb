import { WeirError } from '@weir/common/errors';
import { passingFault, RedisFault, redisFault } from '@weir/common/redis-fault';

function reply(message: string): Error {
  return Object.assign(new Error(message), { name: 'ReplyError' });
}

describe('what Redis answers', () => {
  test.each([
    'READONLY',
    'LOADING',
    'MASTERDOWN',
    'CLUSTERDOWN',
    'TRYAGAIN',
    'NOREPLICAS',
    'MISCONF',
    'OOM',
    'UNBLOCKED',
    'NOSCRIPT',
    'NOGROUP',
  ])('with %s passes by itself and changed nothing', (code) => {
    const fault = redisFault(reply(`${code} whatever it says`));
    expect(fault).toMatchObject({ code: `redis-${code.toLowerCase()}`, retryable: true, outcome: 'not-applied' });
    expect(passingFault(fault)).toBe(fault);
  });

  test.each(['WRONGTYPE Operation against a key', 'ERR unknown command', 'ERR Error running script'])(
    'with %j is nobody’s fault but ours',
    (message) => {
      const fault = redisFault(reply(message));
      expect(fault).toMatchObject({ retryable: false, outcome: 'not-applied' });
      expect(passingFault(fault)).toBeUndefined();
    },
  );

  test('without a code at its head is a plain error', () => {
    expect(redisFault(reply('no code here'))).toMatchObject({ code: 'redis-err', retryable: false });
  });
});

describe('what the way to Redis does', () => {
  test.each([new Error('Command timed out'), new Error('Connection is closed.'), 'text', undefined, null])(
    'leaves the outcome unknown and passes: %p',
    (error) => {
      expect(redisFault(error)).toMatchObject({ code: 'redis-unreachable', retryable: true, outcome: 'unknown' });
    },
  );

  test('keeps its cause', () => {
    const cause = new Error('ECONNREFUSED');
    expect(redisFault(cause).cause).toBe(cause);
  });
});

test('a fault that was sorted once stays as it is', () => {
  const fault = new RedisFault('redis-reconnected', 'was away', true, 'not-applied');
  expect(redisFault(fault)).toBe(fault);
  expect(redisFault(fault)).toBeInstanceOf(WeirError);
});

test.each([new Error('a bug'), new WeirError('http-listen', 'x', true), undefined])(
  '%p is no passing fault',
  (error) => {
    expect(passingFault(error)).toBeUndefined();
  },
);
