import http from 'node:http';
import https from 'node:https';
import { HttpError, InfluxDB, type Transport } from '@influxdata/influxdb-client';
import type { TlsSpec, TokenSpec } from '@weir/common/sink-url';
import { type BoundedResult, bounded } from './bounded.ts';
import { requestFault } from './influx-faults.ts';
import { SinkError } from './sink.ts';
import { sinkTlsContext } from './sink-tls.ts';
import { SinkToken } from './sink-token.ts';

/**
 * One InfluxDB over HTTP, through the client's own transport, with what the client leaves out: its timeout only gives up
 * waiting, while the request goes on and may be applied later, and it takes 201 for a confirmation too. Here a request
 * that ends early in any way has its socket destroyed, and a write counts only on HTTP 204. Both InfluxDB sinks use it.
 */
export interface InfluxHttpOptions {
  sinkName: string;
  url: string;
  /** For a write, until its answer is complete; for a read, the longest silence. */
  timeoutMs: number;
  gzip: boolean;
  /** Where the URL is https. */
  tls?: TlsSpec;
  token?: TokenSpec;
  headers?: Record<string, string>;
  /** What the operator can do about a 404. */
  missing: string;
}

/** Where bodies are gzipped, smaller ones are not: there is little to save. */
const GZIP_THRESHOLD_BYTES = 4096;
/** Sockets idle for longer are closed here, before a proxy or the server does it in the middle of the next request. */
const IDLE_SOCKET_MS = 4_000;

export class InfluxHttp {
  readonly #options: InfluxHttpOptions;
  readonly #token: SinkToken | undefined;
  #agent: http.Agent;
  #transport: Transport;

  /** Reads the files of certificates and token, opens no connection. Throws a SettingsError where one cannot be used. */
  constructor(options: InfluxHttpOptions) {
    this.#options = options;
    this.#token = options.token && new SinkToken(options.sinkName, options.token);
    this.#agent = openAgent(options);
    this.#transport = openTransport(options, this.#agent);
  }

  /** New connections are made with what the files hold now. Throws a SettingsError; then nothing has changed. */
  reload(): void {
    const agent = openAgent(this.#options);
    this.#token?.read();
    retire(this.#agent);
    this.#agent = agent;
    this.#transport = openTransport(this.#options, agent);
  }

  /** Writes some lines in one request. Resolves on HTTP 204, and on nothing else. */
  async write(path: string, lines: string[], signal?: AbortSignal): Promise<void> {
    await this.#request('write', signal, async (ended) => {
      let status: number | undefined;
      const client = this.#client(ended, { onStatus: (code) => (status = code) });
      const api = client.getWriteApi('', '', 'ns', {
        // The client would send a full buffer by itself and swallow the error, or send again later what failed now.
        batchSize: 2,
        maxBatchBytes: Number.MAX_SAFE_INTEGER,
        flushInterval: 0,
        maxRetries: 0,
        gzipThreshold: this.#options.gzip ? GZIP_THRESHOLD_BYTES : Number.MAX_SAFE_INTEGER,
        // Takes the error as it is: otherwise it is printed, and one kind of 500 is taken for a success.
        writeFailed: (error) => Promise.reject(error),
      });
      api.path = path;
      // As one record, so that the client need not look at each line.
      api.writeRecord(lines.join('\n'));
      await api.flush();
      if (status !== 204) throw badAnswer(this.#options.sinkName, `HTTP ${status} instead of 204`);
    });
  }

  /** The body of a GET in chunks, given to `consume` as they arrive. */
  async get(path: string, consume: (chunk: Uint8Array) => void, signal?: AbortSignal): Promise<void> {
    await this.#request('read', signal, async (ended, alive) => {
      const { transport } = this.#client(ended, { onChunk: alive });
      for await (const chunk of transport.iterate(path, '', { method: 'GET' })) consume(chunk);
    });
  }

  /** Work on a client whose every request ends with it: the road for Flux queries. */
  async query<T>(work: (client: InfluxDB) => Promise<T>, signal?: AbortSignal): Promise<T> {
    return this.#request('read', signal, (ended, alive) => work(this.#client(ended, { onChunk: alive })));
  }

  close(): void {
    this.#agent.destroy();
  }

  async #request<T>(what: 'write' | 'read', signal: AbortSignal | undefined, work: Work<T>): Promise<T> {
    const { sinkName, url, timeoutMs, missing } = this.#options;
    const sent = this.#token?.text;
    let result = await bounded({ timeoutMs, signal }, work);
    if (this.#token && isUnauthorized(result)) {
      this.#token.renew();
      // Nothing of it was done, so it may be tried again, once.
      if (this.#token.text !== sent) result = await bounded({ timeoutMs, signal }, work);
    }
    if (result.kind === 'done') return result.value;
    throw requestFault({ sinkName, url, what, timeoutMs, missing, authority: this.#token?.whence }, result);
  }

  /** A client on the shared transport, with every request under the signal. Cheap: no socket of its own. */
  #client(signal: AbortSignal, watch: Watch): InfluxDB {
    const headers = this.#token ? { authorization: `Token ${this.#token.text}` } : {};
    return new InfluxDB({
      url: this.#options.url,
      transport: underSignal(this.#transport, { signal, headers }, watch),
    });
  }
}

type Work<T> = (ended: AbortSignal, alive: () => void) => Promise<T>;

function openAgent({ sinkName, tls }: InfluxHttpOptions): http.Agent {
  const kept = { keepAlive: true, timeout: IDLE_SOCKET_MS };
  if (!tls) return new http.Agent(kept);
  return new https.Agent({
    ...kept,
    secureContext: sinkTlsContext(sinkName, tls),
    rejectUnauthorized: !tls.insecure,
  });
}

/** What is under way goes on; no connection of it is used again. */
function retire(agent: http.Agent): void {
  agent.maxFreeSockets = 0;
  for (const sockets of Object.values(agent.freeSockets)) for (const socket of sockets ?? []) socket.destroy();
}

function openTransport({ url, headers, timeoutMs }: InfluxHttpOptions, agent: http.Agent): Transport {
  return new InfluxDB({
    url,
    ...(headers === undefined ? {} : { headers }),
    // Ours comes first and, unlike the client's, ends the request.
    timeout: timeoutMs + 1_000,
    transportOptions: { agent },
  }).transport;
}

function isUnauthorized(result: BoundedResult<unknown>): boolean {
  return result.kind === 'failed' && result.error instanceof HttpError && result.error.statusCode === 401;
}

/** For an answer that came whole and makes no sense. */
export function badAnswer(sinkName: string, what: string, cause?: unknown): SinkError {
  return new SinkError('sink-bad-answer', `sink ${sinkName}: ${what}`, { outcome: 'unknown', cause });
}

interface Watch {
  onStatus?: (status: number | undefined) => void;
  onChunk?: () => void;
}

interface Sent {
  signal: AbortSignal;
  headers: Record<string, string>;
}

/** The transport knows how to end a request by a signal, but the client's APIs never hand it one. */
function underSignal(transport: Transport, sent: Sent, { onStatus, onChunk }: Watch): Transport {
  const withSent = <O extends { headers?: Record<string, string> }>(options: O) => ({
    ...options,
    signal: sent.signal,
    headers: { ...options.headers, ...sent.headers },
  });
  return {
    chunkCombiner: transport.chunkCombiner,
    send(path, body, options, callbacks = {}) {
      transport.send(path, body, withSent(options), {
        ...callbacks,
        responseStarted(headers, status) {
          onStatus?.(status);
          callbacks.responseStarted?.(headers, status);
        },
      });
    },
    request: (path, body, options, started) => transport.request(path, body, withSent(options), started),
    async *iterate(path, body, options) {
      for await (const chunk of transport.iterate(path, body, withSent(options))) {
        onChunk?.();
        yield chunk;
      }
    },
  };
}
