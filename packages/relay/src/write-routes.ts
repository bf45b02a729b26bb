import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Clock } from '@weir/common/clock';
import { type HttpServer, sendJson } from '@weir/common/http';
import { type BodyFault, readBody } from './body.ts';
import type { Intake } from './intake.ts';
import type { RelayCounts } from './relay-metrics.ts';
import { type WriteApi, type WriteOutcome, writeAnswer } from './write-answer.ts';
import { readWriteRequest } from './write-request.ts';

/**
 * The relay's HTTP door: the write routes of InfluxDB 1.x and 2.x. A request is answered 204, or 400 with the lines that
 * were rejected, only after every accepted line is in Redis or synced to the journal. Whoever is answered 503 may send
 * the same again, here or to another relay.
 */
export interface WriteRoutesOptions {
  intake: Intake;
  counts: RelayCounts;
  clock: Clock;
  /** Why nothing can be taken now, as a sentence; undefined when something can. */
  refusal: () => string | undefined;
  /** One body, decoded. */
  bodyLimitBytes: number;
  /** All bodies in hand together, decoded. */
  inflightBytes: number;
  /** How long a request waits for its lines to be durable. */
  appendTimeoutMs: number;
  /** Once aborted, requests wait no longer than `stopWaitMs`. */
  stopping: AbortSignal;
  stopWaitMs: number;
}

const REFUSED: Readonly<Record<Exclude<BodyFault, 'cut-off'>, { status: 400 | 413 | 415 | 503; message: string }>> = {
  'too-large': { status: 413, message: 'the body is larger than --body-limit' },
  'no-room': { status: 503, message: 'too many requests in hand (--inflight-bytes)' },
  'bad-encoding': { status: 415, message: 'unknown Content-Encoding, expected gzip or none' },
  'bad-gzip': { status: 400, message: 'the body is not valid gzip' },
};

export class WriteRoutes {
  readonly #options: WriteRoutesOptions;
  #inflightBytes = 0;

  constructor(options: WriteRoutesOptions) {
    this.#options = options;
  }

  addTo(server: HttpServer): void {
    const write =
      (api: WriteApi) =>
      (request: IncomingMessage, response: ServerResponse, query: URLSearchParams): Promise<void> =>
        this.#handle(api, request, response, query);
    server.route('POST', '/write', write('v1'));
    server.route('POST', '/api/v2/write', write('v2'));
    server.route('GET', '/ping', (_, response) => void response.writeHead(204).end());
  }

  get inflightBytes(): number {
    return this.#inflightBytes;
  }

  async #handle(
    api: WriteApi,
    request: IncomingMessage,
    response: ServerResponse,
    query: URLSearchParams,
  ): Promise<void> {
    let reserved = 0;
    const reserve = (bytes: number): boolean => {
      if (this.#inflightBytes + bytes > this.#options.inflightBytes) return false;
      this.#inflightBytes += bytes;
      reserved += bytes;
      return true;
    };
    try {
      const outcome = await this.#write(api, request, query, reserve);
      if (outcome === undefined) return;
      const { status, headers, body } = writeAnswer(api, outcome);
      this.#options.counts.countAnswer(status);
      for (const [name, value] of Object.entries(headers)) response.setHeader(name, value);
      if (body === undefined) response.writeHead(status).end();
      else sendJson(response, status, body);
    } finally {
      this.#inflightBytes -= reserved;
    }
  }

  /** Undefined when the client is gone. */
  async #write(
    api: WriteApi,
    request: IncomingMessage,
    query: URLSearchParams,
    reserve: (bytes: number) => boolean,
  ): Promise<WriteOutcome | undefined> {
    const { intake, counts, refusal, bodyLimitBytes } = this.#options;
    const key = request.headers['idempotency-key'];
    const asked = readWriteRequest(api, query, Array.isArray(key) ? key.join() : key);
    if ('message' in asked) return { kind: 'refused', status: 400, message: asked.message };
    const early = refusal();
    if (early !== undefined) return { kind: 'refused', status: 503, message: early };
    const body = await readBody(request, { maxBytes: bodyLimitBytes, reserve });
    if (body === 'cut-off') return undefined;
    if (typeof body === 'string') return { kind: 'refused', ...REFUSED[body] };
    // Redis may have gone while the body came.
    const late = refusal() ?? (intake.hasRoom(body.length) ? undefined : 'the journal is full, or cannot be written');
    if (late !== undefined) return { kind: 'refused', status: 503, message: late };

    const taken = intake.take(body, asked.precision, asked.idempotencyKey);
    counts.countLines('http', taken.accepted, taken.byReason);
    if (taken.accepted > 0 && !(await this.#inTime(taken.confirmed))) {
      return { kind: 'refused', status: 503, message: 'not durable in time: send the same lines again' };
    }
    return taken.rejected > 0 ? { kind: 'partial', read: taken } : { kind: 'written' };
  }

  /** Whether it is confirmed before the request has waited long enough. */
  async #inTime(confirmed: Promise<void>): Promise<boolean> {
    const { clock, appendTimeoutMs, stopping, stopWaitMs } = this.#options;
    const over = new AbortController();
    const stopped = new Promise<void>((resolve) => {
      if (stopping.aborted) resolve();
      else stopping.addEventListener('abort', () => resolve(), { once: true, signal: over.signal });
    });
    const late = Promise.race([
      clock.sleep(appendTimeoutMs, over.signal),
      stopped.then(() => clock.sleep(stopWaitMs, over.signal)),
    ]).then(() => false);
    const inTime = await Promise.race([confirmed.then(() => true), late]);
    over.abort();
    return inTime;
  }
}
