import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { createServer as createTlsServer, Server as TlsServer } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import type { SecureContextOptions } from 'node:tls';
import { bindPatiently } from './bind.ts';
import { type Clock, systemClock } from './clock.ts';
import { SettingsError, WeirError } from './errors.ts';
import { sendJson } from './http-answer.ts';
import { type Connection, HttpConnections } from './http-connections.ts';
import { type Check, sendHealth } from './http-health.ts';
import { answerToUnreadable, type HttpLimits, type HttpRefusal, rawAnswer, TOO_MANY_HEADERS } from './http-limits.ts';
import { HttpMetrics } from './http-metrics.ts';
import type { Logger } from './logger.ts';
import type { Metrics } from './metrics.ts';
import type { Service } from './service.ts';
import { type Address, formatAddress } from './setting-values.ts';
import { SharedAnswer } from './shared-answer.ts';
import { type ReadTlsPair, TLS_OPTIONS, type TlsPair } from './tls-files.ts';

/**
 * The HTTP server of both daemons: sockets, limits, routes, health and metrics, nothing of what the routes mean.
 * Guarantees: a request that was taken gets its answer even while stopping (up to a deadline); an idle or half-open
 * connection never delays a stop; a slow or silent client holds a connection only for a bounded time, whichever way it
 * is slow; what is refused or cut off is counted.
 */
export { sendJson } from './http-answer.ts';
export type { Check, CheckResult } from './http-health.ts';

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
  limits: HttpLimits;
  /** Makes it HTTPS. Called at once, which may throw a SettingsError, and by `reloadTls`. */
  readTls?: ReadTlsPair | undefined;
  /** Requests in hand get this long at stop, then their connections are cut. */
  stopDeadlineMs?: number;
  clock?: Clock;
}

/** A body that goes on after its request was answered is read and thrown away for so long: its sender may listen late. */
const AFTER_ANSWER_MS = 5_000;
const SWEEP_EVERY_MS = 1_000;
/** Requests of one connection in hand at once. */
const MAX_PIPELINED = 32;

export class HttpServer implements Service {
  readonly #options: HttpServerOptions;
  readonly #server: Server;
  readonly #routes = new Map<string, Map<string, RouteHandler>>();
  readonly #connections: HttpConnections;
  readonly #abort = new AbortController();
  readonly #metrics: HttpMetrics;
  #sweepTimer: NodeJS.Timeout | undefined;
  #stopping: Promise<void> | undefined;

  constructor(options: HttpServerOptions) {
    this.#options = options;
    const { limits, metrics, metricPrefix } = options;
    this.#connections = new HttpConnections(limits.maxConnectionsPerAddress);
    this.#metrics = new HttpMetrics(metrics, metricPrefix, () => this.#connections.size);
    this.#server = this.#createServer();
    this.#server.maxConnections = limits.maxConnections;
    // Node would drop the fields beyond its own limit without a word, and what they mean with them.
    this.#server.maxHeadersCount = 0;
    this.#server.on('drop', () => this.#metrics.connectionRefused('total'));
    this.#server.on('connection', (socket) => this.#take(socket));
    this.#server.on('secureConnection', (socket) => this.#connections.secured(socket));
    this.#server.on('clientError', (error, socket) => this.#refuse(error, socket as Socket));
    this.#addHealthRoutes();
  }

  #createServer(): Server {
    const { limits, readTls } = this.#options;
    const { headerTimeoutMs } = limits;
    const settings = {
      headersTimeout: headerTimeoutMs,
      requestTimeout: limits.requestTimeoutMs,
      keepAliveTimeout: limits.idleTimeoutMs,
      maxHeaderSize: limits.maxHeaderBytes,
      connectionsCheckingInterval: SWEEP_EVERY_MS,
    };
    const answer = (request: IncomingMessage, response: ServerResponse) => void this.#answer(request, response);
    if (readTls === undefined) return createServer(settings, answer);
    const context = this.#contextOf(readTls());
    return createTlsServer({ ...settings, ...context, handshakeTimeout: headerTimeoutMs }, answer);
  }

  #contextOf({ cert, key, expiresMs }: TlsPair): SecureContextOptions {
    this.#metrics.tlsInForce(expiresMs);
    const expires = new Date(expiresMs).toISOString();
    if (expiresMs <= Date.now()) this.#options.logger.warn({ expires }, 'the TLS certificate has expired');
    else this.#options.logger.info({ expires }, 'TLS certificate read');
    return { ...TLS_OPTIONS, cert, key };
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
    this.#sweepTimer = setInterval(() => this.#sweep(), SWEEP_EVERY_MS);
  }

  /** Serves new connections with what the files hold now, or, where that cannot be used, as before. */
  reloadTls(): void {
    const { readTls, logger } = this.#options;
    if (readTls === undefined || !(this.#server instanceof TlsServer)) return;
    try {
      this.#server.setSecureContext(this.#contextOf(readTls()));
      this.#metrics.tlsReloaded('done');
    } catch (error) {
      if (!(error instanceof SettingsError)) throw error;
      this.#metrics.tlsReloaded('failed');
      logger.error({ err: error }, 'the TLS files cannot be used: serving with those before');
    }
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
    clearInterval(this.#sweepTimer);
    // Also when listen never came: close() then reports that, which is what stop wants.
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    for (const { socket, owed } of this.#connections) {
      if (owed.size === 0) socket.destroy();
      for (const response of owed.keys()) if (!response.headersSent) response.setHeader('connection', 'close');
    }
    const deadline = setTimeout(() => {
      for (const { socket } of this.#connections) socket.destroy();
    }, this.#options.stopDeadlineMs ?? 5_000);
    await closed;
    clearTimeout(deadline);
  }

  #take(socket: Socket): void {
    if (this.#connections.take(socket)) return;
    this.#metrics.connectionRefused('address');
    socket.destroy();
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { socket } = request;
    const connection = this.#connections.of(socket);
    // What node had read before the connection was ended, or the client left.
    if (connection === undefined || connection.refused) return;
    const { owed } = connection;
    if (owed.size >= MAX_PIPELINED) {
      stopParsing(socket);
      this.#cut(connection, 'pipelining');
      return;
    }
    owed.set(response, undefined);
    response.once('finish', () => this.#readOut(request, connection));
    response.once('close', () => {
      owed.delete(response);
      if (this.#stopping && owed.size === 0) socket.destroySoon();
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
    if (request.rawHeaders.length > 2 * this.#options.limits.maxHeaders) {
      this.#metrics.refused(TOO_MANY_HEADERS.refusal);
      return sendJson(response, TOO_MANY_HEADERS.status, { error: TOO_MANY_HEADERS.phrase.toLowerCase() });
    }
    const methods = this.#routes.get(pathOf(request));
    if (!methods) return sendJson(response, 404, { error: 'not found' });
    const method = request.method ?? '';
    const handler = methods.get(method) ?? (method === 'HEAD' ? methods.get('GET') : undefined);
    if (handler) return handler(request, response, queryOf(request));
    const allowed = [...methods.keys()].flatMap((known) => (known === 'GET' ? ['GET', 'HEAD'] : [known]));
    response.setHeader('allow', allowed.join(', '));
    sendJson(response, 405, { error: 'method not allowed' });
  }

  /** What node could not read as a request. The connection is past saving; the client still learns why. */
  #refuse({ code }: NodeJS.ErrnoException, socket: Socket): void {
    const connection = this.#connections.of(socket);
    const gone = code === 'ECONNRESET' || code === 'EPIPE';
    if (connection === undefined || gone) {
      if (!gone) this.#metrics.refused('tls');
      socket.destroy();
      return;
    }
    // Its other bytes, which may be many, cannot be read either.
    if (connection.refused) return;
    const answer = answerToUnreadable(code);
    const answering = [...connection.owed.keys()].some((response) => response.headersSent);
    if (answering || !socket.writable) this.#cut(connection, answer.refusal);
    else {
      connection.refused = true;
      this.#metrics.refused(answer.refusal);
      socket.end(rawAnswer(answer), () => socket.destroy());
    }
  }

  #cut(connection: Connection, reason: HttpRefusal): void {
    if (!connection.refused) this.#metrics.refused(reason);
    connection.refused = true;
    connection.socket.destroy();
  }

  /** Answered before its body was there: node reads on, to find the next request, and here is for how long. */
  #readOut(request: IncomingMessage, connection: Connection): void {
    if (request.complete || request.destroyed) return;
    const afterMs = Math.min(AFTER_ANSWER_MS, this.#options.limits.requestTimeoutMs);
    const timer = setTimeout(() => this.#cut(connection, 'body-after-answer'), afterMs);
    request.once('close', () => clearTimeout(timer));
  }

  #sweep(): void {
    const { clock = systemClock, limits } = this.#options;
    const unread = this.#connections.unread(clock.monotonicMs(), limits.requestTimeoutMs);
    for (const connection of unread) this.#cut(connection, 'unread-answer');
    // Whoever does not take the reason for its end does not need it.
    for (const { refused, socket } of this.#connections) if (refused) socket.destroy();
  }

  #addHealthRoutes(): void {
    const { metrics, liveChecks = {}, readyChecks } = this.#options;
    this.route('GET', '/livez', (_, response) => sendHealth(response, liveChecks));
    this.route('GET', '/readyz', (_, response) => sendHealth(response, readyChecks));
    this.route('GET', '/healthz', (_, response) => sendHealth(response, { ...liveChecks, ...readyChecks }));
    const shown = new SharedAnswer(() => metrics.text());
    this.route('GET', '/metrics', async (_, response) => {
      const text = await shown.ask();
      response.writeHead(200, { 'content-type': metrics.contentType }).end(text);
    });
  }
}

/**
 * Node takes apart all that it has read of a connection, thousands of requests in 64 KiB, and keeps each of them until the
 * connection is closed, however early it was destroyed: some megabytes, and a tenth of a second. It has no way to
 * stop that but the answer of the parser's own callback, 2: what follows is no HTTP.
 */
function stopParsing(socket: Socket): void {
  const { parser } = socket as { parser?: { onIncoming?: () => number } | null };
  if (parser?.onIncoming) parser.onIncoming = () => 2;
}

function pathOf({ url = '/' }: IncomingMessage): string {
  const end = url.indexOf('?');
  return end < 0 ? url : url.slice(0, end);
}

function queryOf({ url = '/' }: IncomingMessage): URLSearchParams {
  const start = url.indexOf('?');
  return new URLSearchParams(start < 0 ? '' : url.slice(start));
}
