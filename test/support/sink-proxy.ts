import { createServer, type IncomingMessage, request, type Server, type ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { gunzipSync } from 'node:zlib';
import { cleanup } from './cleanup.ts';
import { freePort } from './free-port.ts';
import {
  type BehaviourName,
  PASS,
  partialWrite,
  partLines,
  type RequestKind,
  requestKind,
  type SinkBehaviour,
} from './sink-behaviour.ts';

/**
 * A proxy between an aggregator and a real InfluxDB that misbehaves when told, writes and queries apart. A request is
 * read whole before anything is done with it, so that "before" and "after the write was applied" are exact. The port
 * stays the same while connections are refused. Knows nothing of a test runner.
 */
export interface SinkProxyOptions {
  /** `http://host:port` of the InfluxDB. */
  upstream: string;
  /**
   * Asked of every write that arrived, and of every one that was applied and is not answered yet; 'swallow': it goes no
   * further, and nothing more is heard of it.
   */
  watch?: (phase: 'request' | 'answer') => 'pass' | 'swallow';
}

/** Ends at cleanup. */
export async function startSinkProxy({ upstream, watch = () => 'pass' }: SinkProxyOptions): Promise<SinkProxy> {
  const proxy = new SinkProxy(upstream, await freePort(), watch);
  cleanup(`proxy of ${upstream}`, () => proxy.stop());
  await proxy.acceptConnections();
  return proxy;
}

interface Answer {
  status: number;
  headers: Record<string, string>;
  body: Buffer;
}

/** A request that was read whole. */
interface Taken {
  kind: RequestKind;
  method: string;
  path: string;
  headers: IncomingMessage['headers'];
  body: Buffer;
}

/** What the proxy saw of one kind of request. */
export interface SinkSeen {
  requests: number;
  /** Requests that reached the InfluxDB and were answered by it, late ones included. */
  forwarded: number;
  /** Of these, answered 204. */
  applied: number;
  /** By what was done with them. */
  by: Partial<Record<BehaviourName, number>>;
}

export class SinkProxy {
  readonly url: string;
  /** Since the start, or since they were last set to 0 with `forgetSeen`. */
  seen: Record<RequestKind, SinkSeen> = { write: noneSeen(), query: noneSeen() };
  readonly #upstream: URL;
  readonly #port: number;
  readonly #watch: NonNullable<SinkProxyOptions['watch']>;
  readonly #behaviour: Record<RequestKind, SinkBehaviour> = { write: PASS, query: PASS };
  readonly #timesLeft: Record<RequestKind, number> = { write: 0, query: 0 };
  readonly #sockets = new Set<Socket>();
  /** Ends the wait of each request that hangs, or is to be forwarded late. */
  readonly #hanging = new Set<AbortController>();
  readonly #late = new Set<AbortController>();
  #server: Server | undefined;
  #stopped = false;

  constructor(upstream: string, port: number, watch: NonNullable<SinkProxyOptions['watch']>) {
    this.#upstream = new URL(upstream);
    this.#port = port;
    this.#watch = watch;
    this.url = `http://127.0.0.1:${port}`;
  }

  /** Requests that hang now. */
  get hanging(): number {
    return this.#hanging.size;
  }

  /** Writes that their writer may have given up and that will still land. */
  get late(): number {
    return this.#late.size;
  }

  /** From the next request on, of one kind or of both; for so many requests (then pass), or until told otherwise. */
  behave(kind: RequestKind | 'all', behaviour: SinkBehaviour, { times = Number.POSITIVE_INFINITY } = {}): void {
    for (const each of kind === 'all' ? (['write', 'query'] as const) : [kind]) {
      this.#behaviour[each] = behaviour;
      this.#timesLeft[each] = times;
    }
  }

  /** Well again: accepts connections and passes everything; what hangs is cut. Writes to be forwarded late still are. */
  async heal(): Promise<void> {
    this.behave('all', PASS);
    this.cutHanging();
    await this.acceptConnections();
  }

  cutHanging(): void {
    for (const controller of this.#hanging) controller.abort();
  }

  /** Forwards now what was to be forwarded late; `late` is 0 once all of it was answered. */
  landLate(): void {
    for (const controller of this.#late) controller.abort();
  }

  forgetSeen(): void {
    this.seen = { write: noneSeen(), query: noneSeen() };
  }

  /** Nobody listens on the port any more, and open connections are reset. */
  async refuseConnections(): Promise<void> {
    const server = this.#server;
    this.#server = undefined;
    if (!server) return;
    const closed = new Promise<void>((resolve) => server.close(() => resolve()));
    for (const socket of this.#sockets) socket.resetAndDestroy();
    await closed;
  }

  async acceptConnections(): Promise<void> {
    if (this.#server || this.#stopped) return;
    const server = createServer({ keepAliveTimeout: 60_000 }, (message, response) =>
      this.#onRequest(message, response),
    );
    server.on('connection', (socket) => {
      this.#sockets.add(socket);
      // Clients give up: that is what the proxy is for.
      socket.on('error', () => undefined);
      socket.on('close', () => this.#sockets.delete(socket));
    });
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(this.#port, '127.0.0.1', resolve);
    });
    this.#server = server;
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    this.cutHanging();
    this.landLate();
    await this.refuseConnections();
  }

  #onRequest(message: IncomingMessage, response: ServerResponse): void {
    // The socket may go at any moment, on either side, and then there is nobody to tell.
    this.#serve(message, response).catch(() => reset(message.socket));
  }

  async #serve(message: IncomingMessage, response: ServerResponse): Promise<void> {
    const { method = 'GET', url: path = '/', headers, socket } = message;
    const kind = requestKind(path);
    const taken = { kind, method, path, headers, body: await readWhole(message) };
    if (kind === 'write' && this.#watch('request') === 'swallow') return;
    const behaviour = this.#next(kind);
    const seen = this.seen[kind];
    seen.requests++;
    seen.by[behaviour.kind] = (seen.by[behaviour.kind] ?? 0) + 1;
    switch (behaviour.kind) {
      case 'pass': {
        const answer = await this.#forward(taken);
        if (kind === 'write' && this.#watch('answer') === 'swallow') return;
        return give(response, answer);
      }
      case 'answer':
        return give(response, made(behaviour.status, behaviour.body ?? JSON.stringify({ error: 'told to say so' })));
      case 'drip':
        // Once it is told to behave otherwise the rest comes at once.
        return drip(socket, await this.#forward(taken), () =>
          this.#behaviour[kind] === behaviour ? behaviour.everyMs : 0,
        );
      case 'reset-before':
        return reset(socket);
      case 'reset-after':
        await this.#forward(taken);
        return reset(socket);
      case 'hang':
        await waiting(this.#hanging, behaviour.ms);
        return reset(socket);
      case 'forward-late':
        // Counted as late until it is there, so that whoever waits for 0 finds it in the sink.
        await waiting(this.#late, behaviour.ms, async () => {
          if (!this.#stopped) await this.#forward(taken);
        });
        return reset(socket);
      case 'refuse-lines':
        return give(response, await this.#forwardWithout(taken, behaviour.refuses));
    }
  }

  #next(kind: RequestKind): SinkBehaviour {
    if (this.#timesLeft[kind] <= 0) return PASS;
    this.#timesLeft[kind]--;
    return this.#behaviour[kind];
  }

  async #forwardWithout(taken: Taken, refuses: (line: string) => boolean): Promise<Answer> {
    const plain = taken.headers['content-encoding'] === 'gzip' ? gunzipSync(taken.body) : taken.body;
    const { kept, refused } = partLines(plain.toString(), refuses);
    if (refused.length === 0) return this.#forward(taken);
    if (kept.length > 0) {
      const { 'content-encoding': _, ...headers } = taken.headers;
      const answer = await this.#forward({ ...taken, headers, body: Buffer.from(kept.join('\n')) });
      if (answer.status !== 204) return answer;
    }
    return made(400, partialWrite(refused.length));
  }

  async #forward({ kind, method, path, headers, body }: Taken): Promise<Answer> {
    const { hostname, port } = this.#upstream;
    const { 'transfer-encoding': _, connection: __, ...own } = headers;
    const answer = await new Promise<Answer>((resolve, reject) => {
      const forwarded = request(
        { hostname, port, method, path, headers: { ...own, 'content-length': body.length }, agent: false },
        (message) => {
          readWhole(message).then((whole) => {
            resolve({ status: message.statusCode!, headers: plainHeaders(message), body: whole });
          }, reject);
        },
      );
      forwarded.once('error', reject);
      forwarded.end(body);
    });
    this.seen[kind].forwarded++;
    if (answer.status === 204) this.seen[kind].applied++;
    return answer;
  }
}

function noneSeen(): SinkSeen {
  return { requests: 0, forwarded: 0, applied: 0, by: {} };
}

/** Stands among `those` until `ms` are over, or its controller says so, and then until `after` is done. */
async function waiting(
  those: Set<AbortController>,
  ms: number | undefined,
  after?: () => Promise<void>,
): Promise<void> {
  const controller = new AbortController();
  those.add(controller);
  try {
    await sleep(ms ?? FOREVER_MS, undefined, { signal: controller.signal, ref: false }).catch(() => undefined);
    await after?.();
  } finally {
    those.delete(controller);
  }
}

/** The longest that a timer of Node can wait. */
const FOREVER_MS = 2 ** 31 - 1;

async function readWhole(message: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of message) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}

/** Those that say what the body is; those about the connection are this connection's own. */
function plainHeaders({ headers }: IncomingMessage): Record<string, string> {
  const { connection: _, 'transfer-encoding': __, 'keep-alive': ___, 'content-length': ____, ...own } = headers;
  return Object.fromEntries(Object.entries(own).map(([name, value]) => [name, String(value)]));
}

function made(status: number, body: string): Answer {
  return { status, headers: { 'content-type': 'application/json' }, body: Buffer.from(body) };
}

function give(response: ServerResponse, { status, headers, body }: Answer): void {
  response.writeHead(status, { ...headers, ...(status === 204 ? {} : { 'content-length': body.length }) });
  response.end(body);
}

async function drip(socket: Socket, { status, headers, body }: Answer, everyMs: () => number): Promise<void> {
  const named = {
    ...headers,
    connection: 'close',
    ...(status === 204 ? {} : { 'content-length': String(body.length) }),
  };
  const lines = Object.entries(named).map(([name, value]) => `${name}: ${value}\r\n`);
  const bytes = Buffer.concat([Buffer.from(`HTTP/1.1 ${status} Told\r\n${lines.join('')}\r\n`), body]);
  for (let at = 0; at < bytes.length && !socket.destroyed; at++) {
    socket.write(bytes.subarray(at, at + 1));
    const pauseMs = everyMs();
    if (pauseMs > 0) await sleep(pauseMs, undefined, { ref: false });
  }
  socket.end();
}

function reset(socket: Socket): void {
  if (!socket.destroyed) socket.resetAndDestroy();
}
