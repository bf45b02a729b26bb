import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { bindPatiently } from './bind.ts';
import { type Clock, systemClock } from './clock.ts';
import { WeirError } from './errors.ts';
import type { Logger } from './logger.ts';
import type { Metrics } from './metrics.ts';
import type { Service } from './service.ts';
import { type Address, formatAddress } from './setting-values.ts';

/**
 * The HTTP server of both daemons: sockets, limits, routes, health and metrics, nothing of what the routes mean.
 * Guarantees: a request that was taken gets its answer even while stopping (up to a deadline); an idle or half-open
 * connection never delays a stop; a slow or silent client holds a connection only for a bounded time.
 */
export interface CheckResult {
  ok: boolean;
  /** A sentence for the operator, also when all is well. */
  detail: string;
}
export type Check = () => CheckResult | Promise<CheckResult>;

/** A handler that throws answers 500 and is logged; it should answer faults of the world itself. */
export type RouteHandler = (
  request: IncomingMessage,
  response: ServerResponse,
  query: URLSearchParams,
) => void | Promise<void>;

export interface HttpServerOptions {
  address: Address;
  logger: Logger;
  metrics: Metrics;
  /** `weir_relay` or `weir_aggregator`. */
  metricPrefix: string;
  /** The process is beyond repair while one of these fails: `/livez`. */
  liveChecks?: Readonly<Record<string, Check>>;
  /** The process cannot take work while one of these fails: `/readyz`. */
  readyChecks: Readonly<Record<string, Check>>;
  /** More are closed as they come. */
  maxConnections: number;
  /** Requests in hand get this long at stop, then their connections are cut. */
  stopDeadlineMs?: number;
  /** From the first byte of a request to its last: a slower client gets 408. */
  requestTimeoutMs?: number;
  clock?: Clock;
}

const HEADERS_TIMEOUT_MS = 10_000;
const KEEP_ALIVE_MS = 60_000;
const MAX_HEADER_BYTES = 16 * 1024;
const CHECK_TIMEOUT_MS = 2_000;

export class HttpServer implements Service {
  readonly #options: HttpServerOptions;
  readonly #server: Server;
  readonly #routes = new Map<string, Map<string, RouteHandler>>();
  /** Every open connection and the responses it still owes. */
  readonly #connections = new Map<Socket, Set<ServerResponse>>();
  readonly #abort = new AbortController();
  #stopping: Promise<void> | undefined;

  constructor(options: HttpServerOptions) {
    this.#options = options;
    const requestTimeoutMs = options.requestTimeoutMs ?? 30_000;
    this.#server = createServer(
      {
        headersTimeout: Math.min(HEADERS_TIMEOUT_MS, requestTimeoutMs),
        requestTimeout: requestTimeoutMs,
        keepAliveTimeout: KEEP_ALIVE_MS,
        maxHeaderSize: MAX_HEADER_BYTES,
        connectionsCheckingInterval: 1_000,
      },
      (request, response) => void this.#answer(request, response),
    );
    this.#server.maxConnections = options.maxConnections;
    this.#server.on('connection', (socket) => this.#track(socket));
    this.#server.on('clientError', (error, socket) => this.#refuse(error, socket as Socket));
    this.#addMetrics();
    this.#addHealthRoutes();
  }

  /** Before `start`. GET routes answer HEAD too. Throws when the route is taken: that is a bug. */
  route(method: string, path: string, handler: RouteHandler): void {
    const methods = this.#routes.get(path) ?? new Map<string, RouteHandler>();
    if (methods.has(method)) throw new Error(`route taken: ${method} ${path}`);
    methods.set(method, handler);
    this.#routes.set(path, methods);
  }

  /** The address really bound, `host:port`; the wanted one until `start` has resolved. */
  address(): string {
    const bound = this.#server.address() as AddressInfo | null;
    return formatAddress(bound ? { host: bound.address, port: bound.port } : this.#options.address);
  }

  /** Rejects with a SettingsError when the address stays in use for some seconds, with a WeirError when it is no good. */
  async start(): Promise<void> {
    const { address, clock = systemClock, logger } = this.#options;
    try {
      const bind = () => this.#bind();
      await bindPatiently({ flag: '--http', address, bind, clock, logger, stopping: this.#abort.signal });
    } catch (error) {
      if (error instanceof WeirError) throw error;
      const { code, message } = error as NodeJS.ErrnoException;
      const line = `cannot listen on http ${formatAddress(address)}: ${code ?? message}`;
      throw new WeirError('http-listen', line, false, { cause: error });
    }
    this.#server.on('error', (error) => logger.error({ err: error }, 'http server error'));
  }

  #bind(): Promise<void> {
    const { host, port } = this.#options.address;
    return new Promise((resolve, reject) => {
      const failed = (error: Error) => {
        this.#server.off('listening', listening);
        reject(error);
      };
      const listening = () => {
        this.#server.off('error', failed);
        resolve();
      };
      this.#server.once('error', failed).once('listening', listening).listen({ host, port });
    });
  }

  stop(): Promise<void> {
    this.#stopping ??= this.#stop();
    return this.#stopping;
  }

  async #stop(): Promise<void> {
    this.#abort.abort();
    // Also when listen never came: close() then reports that, which is what stop wants.
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    for (const [socket, owed] of this.#connections) {
      if (owed.size === 0) socket.destroy();
      for (const response of owed) if (!response.headersSent) response.setHeader('connection', 'close');
    }
    const deadline = setTimeout(() => {
      for (const socket of this.#connections.keys()) socket.destroy();
    }, this.#options.stopDeadlineMs ?? 5_000);
    await closed;
    clearTimeout(deadline);
  }

  #track(socket: Socket): void {
    this.#connections.set(socket, new Set());
    socket.on('close', () => this.#connections.delete(socket));
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { socket } = request;
    const owed = this.#connections.get(socket);
    owed?.add(response);
    response.once('close', () => {
      owed?.delete(response);
      if (this.#stopping && owed?.size === 0) socket.destroySoon();
    });
    if (this.#stopping) response.setHeader('connection', 'close');
    try {
      await this.#dispatch(request, response);
    } catch (error) {
      this.#options.logger.error({ err: error, method: request.method, path: pathOf(request) }, 'request failed');
      if (response.headersSent) response.destroy();
      else sendJson(response, 500, { error: 'internal error' });
    }
  }

  async #dispatch(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const methods = this.#routes.get(pathOf(request));
    if (!methods) return sendJson(response, 404, { error: 'not found' });
    const method = request.method ?? '';
    const handler = methods.get(method) ?? (method === 'HEAD' ? methods.get('GET') : undefined);
    if (handler) return handler(request, response, queryOf(request));
    const allowed = [...methods.keys()].flatMap((known) => (known === 'GET' ? ['GET', 'HEAD'] : [known]));
    response.setHeader('allow', allowed.join(', '));
    sendJson(response, 405, { error: 'method not allowed' });
  }

  /** What node's parser could not take. The connection is past saving; the client still learns why. */
  #refuse(error: NodeJS.ErrnoException, socket: Socket): void {
    const answering = [...(this.#connections.get(socket) ?? [])].some((response) => response.headersSent);
    if (!socket.writable || answering || error.code === 'ECONNRESET') {
      socket.destroy();
      return;
    }
    const [status, reason] = REFUSALS.get(error.code ?? '') ?? [400, 'Bad Request'];
    const body = JSON.stringify({ error: reason.toLowerCase() });
    const head = `HTTP/1.1 ${status} ${reason}\r\ncontent-type: application/json\r\nconnection: close\r\n`;
    socket.end(`${head}content-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`, () => socket.destroy());
  }

  #addMetrics(): void {
    const { metrics, metricPrefix } = this.#options;
    metrics.gauge({ name: `${metricPrefix}_http_connections`, help: 'Open HTTP connections.' }, (gauge) =>
      gauge.set(this.#connections.size),
    );
    const refused = metrics.counter({
      name: `${metricPrefix}_http_connections_refused_total`,
      help: 'HTTP connections closed at once because --http-max-connections were open.',
    });
    this.#server.on('drop', () => refused.inc());
  }

  #addHealthRoutes(): void {
    const { metrics, liveChecks = {}, readyChecks } = this.#options;
    this.route('GET', '/livez', (_, response) => sendHealth(response, liveChecks));
    this.route('GET', '/readyz', (_, response) => sendHealth(response, readyChecks));
    this.route('GET', '/healthz', (_, response) => sendHealth(response, { ...liveChecks, ...readyChecks }));
    this.route('GET', '/metrics', async (_, response) => {
      const text = await metrics.text();
      response.writeHead(200, { 'content-type': metrics.contentType }).end(text);
    });
  }
}

const REFUSALS: ReadonlyMap<string, [number, string]> = new Map([
  ['HPE_HEADER_OVERFLOW', [431, 'Request Header Fields Too Large']],
  ['HPE_CHUNK_EXTENSIONS_OVERFLOW', [413, 'Payload Too Large']],
  ['ERR_HTTP_REQUEST_TIMEOUT', [408, 'Request Timeout']],
]);

export function sendJson(response: ServerResponse, status: number, body: unknown): void {
  const text = `${JSON.stringify(body)}\n`;
  response
    .writeHead(status, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) })
    .end(text);
}

function pathOf({ url = '/' }: IncomingMessage): string {
  const end = url.indexOf('?');
  return end < 0 ? url : url.slice(0, end);
}

function queryOf({ url = '/' }: IncomingMessage): URLSearchParams {
  const start = url.indexOf('?');
  return new URLSearchParams(start < 0 ? '' : url.slice(start));
}

/** `status` is spelled as InfluxDB's own health answer spells it. */
async function sendHealth(response: ServerResponse, checks: Readonly<Record<string, Check>>): Promise<void> {
  const results = await Promise.all(Object.entries(checks).map(async ([name, check]) => [name, await run(check)]));
  const byName = Object.fromEntries(results) as Record<string, CheckResult>;
  const ok = Object.values(byName).every((result) => result.ok);
  sendJson(response, ok ? 200 : 503, { status: ok ? 'pass' : 'fail', checks: byName });
}

async function run(check: Check): Promise<CheckResult> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<CheckResult>((resolve) => {
    timer = setTimeout(() => resolve({ ok: false, detail: `no answer in ${CHECK_TIMEOUT_MS} ms` }), CHECK_TIMEOUT_MS);
  });
  try {
    return await Promise.race([check(), late]);
  } catch (error) {
    return { ok: false, detail: error instanceof Error ? error.message : String(error) };
  } finally {
    clearTimeout(timer);
  }
}
