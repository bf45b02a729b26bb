import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';
import type { Totals } from '@weir/common/event';
import { Child } from '../../test/support/child.ts';
import { cleanup } from '../../test/support/cleanup.ts';
import { runCommand } from '../../test/support/command.ts';
import { eventually } from '../../test/support/eventually.ts';
import { freePort } from '../../test/support/free-port.ts';
import { cachedFolder } from '../../test/support/package-cache.ts';
import { PROJECT_DIR } from '../../test/support/project.ts';
import { tempDir } from '../../test/support/temp-dir.ts';
import type { LineForm } from '../load/event-pool.ts';
import { totalsKey } from '../load/expected-totals.ts';

/**
 * Etsy's statsd as a counter of events: a counter per group for how many, a set per group for how many different users, so two
 * lines an event, flushed per minute. From npm into the user's cache, without its optional parts. What it has counted it flushes
 * when it ends, to a backend of ours.
 */
export const STATSD_VERSION = '0.9.0';

export const statsdLine: LineForm = ({ eventType, product, user }) => ({
  head: `${product}.${eventType}:1|c\n${product}.${eventType}:${user}|s`,
  stamped: false,
});

export interface StatsdOptions {
  transport: 'udp' | 'tcp';
  /** Of the UDP socket; the kernel's default unless told, which is how statsd ships. */
  receiveBufferBytes?: number;
}

/** Lines of statsd's own that no group has. */
const LINES_RECEIVED = 'statsd.metrics_received';
const MINUTE_MS = 60_000;

export async function startStatsd(options: StatsdOptions): Promise<Statsd> {
  const dir = join(await statsdFolder(), 'node_modules/statsd');
  const port = await freePort();
  const consolePort = await freePort();
  const server = { address: '127.0.0.1', port };
  const udpServer = join(dir, 'servers/udp.js');
  const { receiveBufferBytes } = options;
  const servers = {
    tcp: { ...server, server: './servers/tcp' },
    udp:
      receiveBufferBytes === undefined
        ? { ...server, server: './servers/udp' }
        : { ...server, server: join(PROJECT_DIR, 'bench/peers/statsd-udp.cjs'), udpServer, receiveBufferBytes },
  };
  const config = {
    servers: [servers[options.transport]],
    mgmt_address: '127.0.0.1',
    mgmt_port: consolePort,
    flushInterval: MINUTE_MS,
    backends: [join(PROJECT_DIR, 'bench/peers/statsd-backend.cjs')],
  };
  const file = join(await tempDir('statsd'), 'config.js');
  await writeFile(file, JSON.stringify(config));
  const args = ['--no-deprecation', join(dir, 'stats.js'), file];
  const child = await Child.start({ name: 'statsd', command: process.execPath, args });
  cleanup('statsd', () => child.kill());
  const statsd = new Statsd(child, port, consolePort);
  await eventually(() => statsd.linesReceived(), { what: 'statsd to answer', everyMs: 20 });
  return statsd;
}

function statsdFolder(): Promise<string> {
  const flags = ['--no-save', '--omit=optional', '--ignore-scripts', '--no-audit', '--no-fund'];
  return cachedFolder(join('npm', `statsd-${STATSD_VERSION}`), async (dir) => {
    await writeFile(join(dir, 'package.json'), '{ "private": true }\n');
    await runCommand({ command: 'npm', args: ['install', ...flags, `statsd@${STATSD_VERSION}`], cwd: dir });
  });
}

interface Flushed {
  counters: Record<string, number>;
  sets: Record<string, number>;
}

export class Statsd {
  readonly port: number;
  readonly #child: Child;
  readonly #consolePort: number;
  readonly #flushes: Flushed[] = [];

  constructor(child: Child, port: number, consolePort: number) {
    this.port = port;
    this.#child = child;
    this.#consolePort = consolePort;
    child.onLine('stdout', (line) => {
      if (line.startsWith('{"flush"')) this.#flushes.push((JSON.parse(line) as { flush: Flushed }).flush);
    });
  }

  get pid(): number {
    return this.#child.pid;
  }

  /** Lines taken since the last flush, asked at its console. */
  async linesReceived(): Promise<number> {
    const socket = connect(this.#consolePort, '127.0.0.1');
    try {
      await once(socket, 'connect');
      socket.setEncoding('utf8').write('counters\n');
      let text = '';
      for await (const chunk of socket) {
        text += chunk;
        if (text.includes('END')) break;
      }
      return Number(new RegExp(`'${LINES_RECEIVED}': (\\d+)`).exec(text)?.[1] ?? Number.NaN);
    } finally {
      socket.destroy();
    }
  }

  /** Stops it, and answers what it had counted, as of the one window `windowSec`. Throws when a minute ended on the way. */
  async finish(windowSec: number): Promise<Map<string, Totals>> {
    await this.#child.terminate(MINUTE_MS);
    const [flush, more] = this.#flushes;
    if (!flush || more)
      throw new Error(`statsd flushed ${this.#flushes.length} times: the run was longer than a minute`);
    const totals = new Map<string, Totals>();
    for (const [key, users] of Object.entries(flush.sets)) {
      const [product, eventType] = key.split('.') as [string, string];
      totals.set(totalsKey({ windowSec, eventType, product }), { events: flush.counters[key] ?? 0, users });
    }
    return totals;
  }
}
