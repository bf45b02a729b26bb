import { connect } from 'node:net';
import { Redis, type RedisOptions } from 'ioredis';
import { Child } from './child.ts';
import { cleanup } from './cleanup.ts';
import { freePort } from './free-port.ts';
import { Server, startOnFreePort } from './server.ts';
import { tempDir } from './temp-dir.ts';

export interface RedisServerOptions {
  /** Keep data over a restart (`appendfsync everysec`); off unless told, and then a restart forgets everything. */
  appendonly?: boolean;
  /** Where its files are; a fresh directory unless told. */
  dir?: string;
  /** As on redis-server's command line: `['--maxmemory', '10mb']`. */
  extraArgs?: readonly string[];
}

/** A real redis-server of one's own on a free loopback port; gone, with its files, when the test is over. */
export async function startRedis(options: RedisServerOptions = {}): Promise<RedisServer> {
  const dir = options.dir ?? (await tempDir('redis'));
  return startOnFreePort(async () => new RedisServer(await freePort(), dir, options));
}

export class RedisServer extends Server {
  readonly url: string;
  readonly #args: readonly string[];

  constructor(port: number, dir: string, { appendonly = false, extraArgs = [] }: RedisServerOptions) {
    super('redis-server', port, dir);
    this.url = `redis://127.0.0.1:${port}`;
    const durability = ['--save', '', '--appendonly', appendonly ? 'yes' : 'no', '--appendfsync', 'everysec'];
    const place = ['--bind', '127.0.0.1', '--port', String(port), '--dir', dir, '--daemonize', 'no'];
    this.#args = [...place, ...durability, '--loglevel', 'warning', ...extraArgs];
  }

  /** A connection for the test itself, closed at cleanup. Its loss while Redis is down is no news. */
  client(options: RedisOptions = {}): Redis {
    // Without a short disconnectTimeout, closing a lost connection leaves a timer of two seconds behind.
    const client = new Redis(this.url, { retryStrategy: () => 100, disconnectTimeout: 50, ...options });
    client.on('error', () => undefined);
    cleanup(`client of ${this.name}`, () => client.disconnect());
    return client;
  }

  protected override launch(): Promise<Child> {
    return Child.start({ name: this.name, command: 'redis-server', args: this.#args });
  }

  /** While it loads its files Redis answers -LOADING, which is not ready. */
  protected override answers(): Promise<boolean> {
    return new Promise((resolve, reject) => {
      const socket = connect(this.port, '127.0.0.1', () => socket.write('PING\r\n'));
      socket.setTimeout(1000, () => socket.destroy(new Error('no answer to PING in 1,000 ms')));
      socket.once('error', reject);
      socket.once('data', (answer) => {
        socket.destroy();
        resolve(answer.toString('latin1').startsWith('+PONG'));
      });
    });
  }
}
