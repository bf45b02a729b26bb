import type { Clock } from '@weir/common/clock';
import { WeirError } from '@weir/common/errors';
import { type Verdict, verdictOf } from './relay-answer.ts';

/**
 * A client of relays as it should be: what one relay does not confirm it sends to the next, the same bytes under the same
 * key, round and round with growing pauses, until somebody confirms or it has tried for long enough.
 */
export interface RelayClientOptions {
  /** `http://host:port`, without a slash at the end. At least one. */
  relays: readonly string[];
  token?: string | undefined;
  /** How long one answer is waited for. */
  answerMs: number;
  /** How long one body is tried in all. */
  patienceMs: number;
  clock: Clock;
  random: () => number;
  stopping: AbortSignal;
}

export interface WriteAnswer {
  verdict: Extract<Verdict, { kind: 'taken' | 'partly' }>;
  /** Requests that it took. */
  requests: number;
}

/** A thousand rejected lines, each with its reason, are a fraction of it. */
const MAX_ANSWER_BYTES = 1024 * 1024;
const MIN_PAUSE_MS = 100;
const MAX_PAUSE_MS = 2_000;

export class RelayClient {
  readonly #options: RelayClientOptions;
  #first = 0;

  constructor(options: RelayClientOptions) {
    this.#options = options;
  }

  /**
   * Lines with their timestamps in nanoseconds. `key`: the same for the same body. Rejects with a WeirError when every relay
   * refuses it, or none has taken it in time. `turn`: the place of the relay that is to get it first; one after the other
   * unless told, so that all share the work.
   */
  async write(body: Buffer, key: string, turn?: number): Promise<WriteAnswer> {
    const { relays, patienceMs, clock, random, stopping } = this.#options;
    const endMs = clock.monotonicMs() + patienceMs;
    const first = turn ?? this.#first++;
    let pauseMs = MIN_PAUSE_MS;
    for (let requests = 1; ; requests++) {
      const relay = relays[(first + requests - 1) % relays.length]!;
      const verdict = await this.#tryOnce(relay, body, key);
      if (verdict.kind === 'taken' || verdict.kind === 'partly') return { verdict, requests };
      if (verdict.kind === 'refused') throw new WeirError('relay-refused', `${relay}: ${verdict.why}`, false);
      const spent = clock.monotonicMs() >= endMs;
      if (spent || stopping.aborted) {
        const long = spent ? ` within ${patienceMs / 1_000}s` : '';
        throw new WeirError('relays-unavailable', `no relay took the lines${long}; ${relay}: ${verdict.why}`, true);
      }
      if (requests % relays.length !== 0) continue;
      // All of them were asked.
      const waitMs = Math.max(pauseMs * (0.5 + random() / 2), Math.min(verdict.afterMs ?? 0, MAX_PAUSE_MS));
      await clock.sleep(waitMs, stopping);
      pauseMs = Math.min(MAX_PAUSE_MS, pauseMs * 2);
    }
  }

  async #tryOnce(relay: string, body: Buffer, key: string): Promise<Verdict> {
    const { token, answerMs, stopping } = this.#options;
    const headers = {
      'content-type': 'text/plain; charset=utf-8',
      'idempotency-key': key,
      ...(token === undefined ? {} : { authorization: `Token ${token}` }),
    };
    // Not the caller's signal: fetch adds listeners to it that it does not remove, and that one lives as long as we do.
    const ended = new AbortController();
    const end = () => ended.abort();
    let late = false;
    const timer = setTimeout(() => {
      late = true;
      end();
    }, answerMs);
    stopping.addEventListener('abort', end);
    try {
      if (stopping.aborted) end();
      const request = { method: 'POST', headers, body, signal: ended.signal, redirect: 'error' } as const;
      const response = await fetch(`${relay}/write?precision=ns`, request);
      return verdictOf(response.status, await textOf(response), response.headers.get('retry-after'));
    } catch (error) {
      return { kind: 'again', why: late ? `no answer within ${answerMs / 1_000}s` : whyNot(error) };
    } finally {
      clearTimeout(timer);
      stopping.removeEventListener('abort', end);
    }
  }
}

/** Cut: whoever answers need not be a relay, and may never end. */
async function textOf({ body }: Response): Promise<string> {
  const pieces: Uint8Array[] = [];
  let bytes = 0;
  for await (const piece of body ?? []) {
    pieces.push(piece as Uint8Array);
    bytes += (piece as Uint8Array).length;
    if (bytes > MAX_ANSWER_BYTES) break;
  }
  return Buffer.concat(pieces).toString();
}

/** What `fetch` rejects with when there is no answer; anything else is a bug, and goes on its way. */
function whyNot(error: unknown): string {
  // By shape and not by class: errors of fetch come from Node itself, and its classes are not jest's.
  const { name, cause } = (error ?? {}) as { name?: string; cause?: { code?: string; message?: string } };
  if (name === 'AbortError') return 'called off';
  if (name === 'TypeError' && cause) return `no answer (${cause.code ?? cause.message ?? 'connection failed'})`;
  throw error;
}
