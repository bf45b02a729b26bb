import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { Redis } from 'ioredis';
import { redisFault } from './redis-fault.ts';

export { passingFault, RedisFault, redisFault } from './redis-fault.ts';

/**
 * How Weir talks to Redis: connections on which nothing runs later than we think it did, and scripts that survive a
 * server that lost them.
 */
export interface OpenRedisOptions {
  url: string;
  /** Shown by CLIENT LIST. */
  name: string;
  /** A blocking read on this connection waits at most this long, in milliseconds; 0: the connection never blocks. */
  blockMs?: number;
  /** A command without an answer after this long is given up; its outcome is unknown. Milliseconds. */
  commandTimeoutMs?: number;
  /** Called at every connection error; the connection heals by itself. */
  onError?: (error: unknown) => void;
}

/**
 * Opens a connection; it is not connected yet when this returns (`connect()`), and reconnects for ever until `quit` or
 * `disconnect`. While it is away every command is rejected at once. The three settings below only work together: any
 * one alone lets a command that was rejected here run in Redis later (ioredis resends or queues it).
 */
export function openRedis({ url, name, blockMs = 0, commandTimeoutMs = 5_000, onError }: OpenRedisOptions): Redis {
  const deadlineMs = blockMs + commandTimeoutMs;
  const redis = new Redis(url, {
    lazyConnect: true,
    connectionName: name,
    autoResendUnfulfilledCommands: false,
    enableOfflineQueue: false,
    // What was under way when the connection broke is rejected then and there; null would leave it to commandTimeout.
    maxRetriesPerRequest: 0,
    commandTimeout: deadlineMs,
    // Above the command's own deadline: this one is for half-open sockets, on which nothing ever comes again.
    socketTimeout: deadlineMs + 1_000,
    connectTimeout: commandTimeoutMs,
    // Closing a connection that is gone already needs no patience: the default keeps the process up for two seconds.
    disconnectTimeout: 100,
    retryStrategy: (attempt) => Math.min(1_000, 50 * 2 ** Math.min(attempt, 5)) * (0.5 + Math.random() / 2),
  });
  redis.on('error', (error) => onError?.(error));
  keepFromWarning(redis);
  return redis;
}

const NEEDLESS_PASSWORDS = new WeakSet<Redis>();

/** The connection was given a password, and its Redis asks for none. */
export function hasNeedlessPassword(redis: Redis): boolean {
  return NEEDLESS_PASSWORDS.has(redis);
}

/**
 * ioredis goes on where Redis needs no password, and prints a line to stderr, in the middle of a log that is JSON. A
 * password that is wrong has a code of its own, so ERR says that there was nothing to check it against.
 */
function keepFromWarning(redis: Redis): void {
  const auth = redis.auth.bind(redis) as (
    credentials: unknown,
    done: (error?: Error | null) => void,
  ) => Promise<unknown>;
  const quiet = (credentials: unknown, done: (error?: Error | null) => void) =>
    auth(credentials, (error) => {
      const needless = error ? redisFault(error).code === 'redis-err' : false;
      if (needless) NEEDLESS_PASSWORDS.add(redis);
      done(needless ? null : error);
    });
  redis.auth = quiet as typeof redis.auth;
}

/**
 * How often the connection was lost: an epoch. What was learned from Redis within one epoch still stands, unless it was
 * emptied; across two, the server may have been restarted, or another one has taken its place, with an older state.
 */
export function connectionEpoch(redis: Redis): () => number {
  let losses = 0;
  redis.on('close', () => losses++);
  return () => losses;
}

/** Resolves when the connection is usable; rejects with the first fault if it does not become so within `timeoutMs`. */
export async function connectRedis(redis: Redis, timeoutMs: number): Promise<void> {
  if (redis.status === 'ready') return;
  let lastError: unknown;
  const remember = (error: unknown) => {
    lastError = error;
  };
  redis.on('error', remember);
  let timer: NodeJS.Timeout | undefined;
  let becameReady: (() => void) | undefined;
  try {
    await new Promise<void>((resolve, reject) => {
      becameReady = resolve;
      redis.once('ready', resolve);
      timer = setTimeout(() => reject(redisFault(lastError ?? new Error('connection timed out'))), timeoutMs);
      // Its rejection is only the first attempt's; the retries go on and `error` events tell why.
      if (redis.status === 'wait' || redis.status === 'end') redis.connect().catch(remember);
    });
  } finally {
    clearTimeout(timer);
    redis.off('error', remember);
    if (becameReady) redis.off('ready', becameReady);
  }
}

export type ScriptArgument = string | number | Buffer;

/** A Lua script, sent by hash and in full only where the server does not know it (after a restart, FLUSHALL, failover). */
export class Script {
  readonly #source: string;
  readonly #sha1: string;

  constructor(source: string) {
    this.#source = source;
    this.#sha1 = createHash('sha1').update(source).digest('hex');
  }

  /** Loads `<name>.lua` from beside the module whose `import.meta.url` is given. */
  static beside(moduleUrl: string, name: string): Script {
    return new Script(readFileSync(new URL(`./${name}.lua`, moduleUrl), 'utf8'));
  }

  /** Replies keep their bytes: strings arrive as Buffers, integers as numbers. Rejects with a RedisFault. */
  async run(redis: Redis, keys: readonly string[], args: readonly ScriptArgument[]): Promise<unknown> {
    const rest = [keys.length, ...keys, ...args];
    try {
      return await redis.callBuffer('EVALSHA', this.#sha1, ...rest);
    } catch (error) {
      const fault = redisFault(error);
      if (fault.code !== 'redis-noscript') throw fault;
    }
    try {
      return await redis.callBuffer('EVAL', this.#source, ...rest);
    } catch (error) {
      throw redisFault(error);
    }
  }
}

/** Redis's TIME in Unix milliseconds. */
export async function redisTimeMs(redis: Redis): Promise<number> {
  try {
    const [seconds, micros] = await redis.time();
    return Number(seconds) * 1_000 + Number(micros) / 1_000;
  } catch (error) {
    throw redisFault(error);
  }
}
