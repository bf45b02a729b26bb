import type { IncomingMessage } from 'node:http';
import type { Answer, ApiWords, Refusal } from './words.ts';

/**
 * What an API is to the front door: routes that turn a request into an answer, and the words for what is refused. An API
 * knows nothing of sockets beyond reading the request, so it is pure. Only types.
 */
export interface ApiRoute {
  method: 'GET' | 'POST';
  path: string;
  /**
   * `write` brings lines; `query` asks or tells something in a query language; `health` says only whether and what we
   * are, as monitors and balancers ask it.
   */
  kind: 'write' | 'query' | 'health';
  words: ApiWords;
  /** Undefined when the client is gone and nobody waits for an answer. */
  handle: (request: IncomingMessage, query: URLSearchParams) => Answer | undefined | Promise<Answer | undefined>;
}

/**
 * Asked once for each request before its handler, and before a byte of its body is read. Answers why it may not pass, or
 * undefined.
 */
export type Gate = (request: IncomingMessage, query: URLSearchParams, route: ApiRoute) => Refusal | undefined;
