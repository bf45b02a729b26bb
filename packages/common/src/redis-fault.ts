import { WeirError } from './errors.ts';

/** Reply codes that pass by themselves: failover, restart, a full or loading server, a lost script or group. */
const PASSING_REPLY_CODES = new Set([
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
  'BUSY',
  'NOAUTH',
  'WRONGPASS',
  'NOPERM',
]);

/**
 * A fault of Redis or of the way to it. `outcome` says what is known of the command: Redis answers an error before a
 * script's first write, so a reply error means not applied; anything else (timeout, lost connection) is unknown.
 */
export class RedisFault extends WeirError {
  override readonly name = 'RedisFault';
  readonly outcome: 'not-applied' | 'unknown';

  constructor(
    code: string,
    message: string,
    retryable: boolean,
    outcome: 'not-applied' | 'unknown',
    options?: { cause?: unknown },
  ) {
    super(code, message, retryable, options);
    this.outcome = outcome;
  }
}

/**
 * Sorts what an ioredis call was rejected with; to be used right at the call, never on errors from elsewhere.
 * Codes: `redis-<reply code>`, or `redis-unreachable`.
 */
export function redisFault(error: unknown): RedisFault {
  if (error instanceof RedisFault) return error;
  const { name, message = String(error) } = (error ?? {}) as { name?: string; message?: string };
  if (name === 'ReplyError') {
    // The first word of an error reply is its code: that is the protocol, not prose.
    const code = /^[A-Z]+/.exec(message)?.[0] ?? 'ERR';
    return new RedisFault(`redis-${code.toLowerCase()}`, message, PASSING_REPLY_CODES.has(code), 'not-applied', {
      cause: error,
    });
  }
  // What ioredis says of it is about its own options.
  const said = name === 'MaxRetriesPerRequestError' ? 'the connection was lost' : message;
  return new RedisFault('redis-unreachable', said, true, 'unknown', { cause: error });
}

/** The fault, when it is one of Redis's that passes by itself; undefined for everything else. */
export function passingFault(error: unknown): RedisFault | undefined {
  return error instanceof RedisFault && error.retryable ? error : undefined;
}
