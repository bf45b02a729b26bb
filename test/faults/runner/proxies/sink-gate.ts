import { once } from 'node:events';
import { Agent, createServer, type IncomingMessage, request, type Server, type ServerResponse } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { cleanup } from '../../../support/cleanup.ts';
import { freePort } from '../../../support/free-port.ts';

/**
 * The way to one InfluxDB, as HTTP: a port for each aggregator, so that it is known who writes, and one trouble for all of
 * them. Requests are taken whole before anything is done with them, and so are answers.
 */
export type Trouble =
  /** Answered with this status; InfluxDB never sees it. */
  | { kind: 'status'; status: number }
  /** Neither forwarded nor answered. */
  | { kind: 'hang' }
  /** Forwarded; the answer comes byte by byte. */
  | { kind: 'drip'; everyMs: number }
  /** Forwarded and applied; the connection is reset instead of an answer. */
  | { kind: 'reset-after' }
  /** Not answered, and forwarded only with `releaseLate`, long after its writer gave it up. */
  | { kind: 'late' }
  /** Lines that match are left out and answered as InfluxDB answers for points it refuses; the others are forwarded. */
  | { kind: 'bad-point'; matches: (line: string) => boolean };

export interface WriteSighting {
  /** The aggregator. */
  id: string;
  /** The write arrived and is not forwarded, or is applied and not answered. */
  phase: 'request' | 'answer';
}

interface Held {
  path: string;
  method: string;
  headers: IncomingMessage['headers'];
  body: Buffer;
}

export class SinkGate {
  readonly name: string;
  writeTrouble: Trouble | undefined;
  readTrouble: Trouble | undefined;
  /** 'swallow': goes no further. */
  readonly watchers = new Set<(sighting: WriteSighting) => 'pass' | 'swallow'>();
  /** Requests that met a trouble. */
  troubled = 0;
  readonly #targetPort: number;
  readonly #agent = new Agent({ keepAlive: true });
  readonly #servers = new Map<string, { server: Server; port: number }>();
  #late: Held[] = [];

  constructor(name: string, targetPort: number) {
    this.name = name;
    this.#targetPort = targetPort;
    cleanup(`gate of ${name}`, () => this.close());
  }

  /** `host:port` for this aggregator; the same each time. */
  async addressFor(id: string): Promise<string> {
    const known = this.#servers.get(id);
    if (known) return `127.0.0.1:${known.port}`;
    const server = createServer((asked, answer) => {
      this.#serve(id, asked, answer).catch(() => answer.destroy());
    });
    const port = await freePort();
    this.#servers.set(id, { server, port });
    await listen(server, port);
    return `127.0.0.1:${port}`;
  }

  /** Nobody listens: connections are refused by the kernel. */
  async refuse(): Promise<void> {
    await Promise.all([...this.#servers.values()].map(({ server }) => closed(server)));
  }

  async heal(): Promise<void> {
    this.writeTrouble = undefined;
    this.readTrouble = undefined;
    this.watchers.clear();
    for (const { server, port } of this.#servers.values()) {
      if (!server.listening) await listen(server, port);
    }
  }

  /** Writes that their writers gave up arrive now. Answers how many there were. */
  async releaseLate(): Promise<number> {
    const held = this.#late;
    this.#late = [];
    for (const write of held) await this.#forward(write);
    return held.length;
  }

  async close(): Promise<void> {
    await this.refuse();
    this.#agent.destroy();
  }

  async #serve(id: string, asked: IncomingMessage, answer: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of asked) chunks.push(chunk as Buffer);
    const { url: path = '/', method = 'GET', headers } = asked;
    const held: Held = { path, method, headers, body: Buffer.concat(chunks) };
    const isWrite = path.includes('/write');
    if (isWrite && this.#verdict({ id, phase: 'request' }) === 'swallow') return;
    const trouble = isWrite ? this.writeTrouble : this.readTrouble;
    if (trouble) {
      this.troubled++;
      await this.#inTrouble(trouble, held, answer);
      return;
    }
    const { status, body } = await this.#forward(held);
    if (isWrite && this.#verdict({ id, phase: 'answer' }) === 'swallow') return;
    answer.writeHead(status, { 'content-type': 'application/json' }).end(body);
  }

  async #inTrouble(trouble: Trouble, held: Held, answer: ServerResponse): Promise<void> {
    switch (trouble.kind) {
      case 'status':
        answer.writeHead(trouble.status, { 'content-type': 'application/json' }).end('{"error":"in trouble"}');
        return;
      case 'hang':
        return;
      case 'late':
        this.#late.push(held);
        return;
      case 'reset-after':
        await this.#forward(held);
        answer.socket?.resetAndDestroy();
        return;
      case 'drip': {
        const { status, body } = await this.#forward(held);
        answer.writeHead(status, { 'content-type': 'application/json' });
        // An answer without a body drips its end.
        answer.flushHeaders();
        for (const byte of body) {
          answer.write(Buffer.of(byte));
          // Once the trouble is over the rest comes at once.
          if (this.writeTrouble === trouble || this.readTrouble === trouble) await sleep(trouble.everyMs);
        }
        answer.end();
        return;
      }
      case 'bad-point':
        await this.#refusePoints(trouble.matches, held, answer);
    }
  }

  async #refusePoints(matches: (line: string) => boolean, held: Held, answer: ServerResponse): Promise<void> {
    const lines = held.body.toString().split('\n');
    const good = lines.filter((line) => !matches(line));
    const { status, body } = await this.#forward({ ...held, body: Buffer.from(good.join('\n')) });
    if (good.length === lines.length || status !== 204) {
      answer.writeHead(status).end(body);
      return;
    }
    const error = `partial write: field type conflict dropped=${lines.length - good.length}`;
    answer.writeHead(400, { 'content-type': 'application/json' }).end(JSON.stringify({ error }));
  }

  #forward({ path, method, headers, body }: Held): Promise<{ status: number; body: Buffer }> {
    return new Promise((resolve, reject) => {
      const own = { ...headers, host: `127.0.0.1:${this.#targetPort}`, 'content-length': String(body.length) };
      delete own['transfer-encoding'];
      const place = { host: '127.0.0.1', port: this.#targetPort, agent: this.#agent };
      const forwarded = request({ ...place, path, method, headers: own }, (answer) => {
        const chunks: Buffer[] = [];
        answer.on('data', (chunk: Buffer) => chunks.push(chunk));
        answer.on('end', () => resolve({ status: answer.statusCode!, body: Buffer.concat(chunks) }));
        answer.on('error', reject);
      });
      forwarded.on('error', reject);
      forwarded.end(body);
    });
  }

  #verdict(sighting: WriteSighting): 'pass' | 'swallow' {
    let verdict: 'pass' | 'swallow' = 'pass';
    for (const watcher of this.watchers) if (watcher(sighting) === 'swallow') verdict = 'swallow';
    return verdict;
  }
}

async function listen(server: Server, port: number): Promise<void> {
  server.listen(port, '127.0.0.1');
  await once(server, 'listening');
}

async function closed(server: Server): Promise<void> {
  if (!server.listening) return;
  server.close();
  server.closeAllConnections();
  await once(server, 'close');
}
