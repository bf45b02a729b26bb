import type { IncomingMessage, ServerResponse } from 'node:http';
import type { HttpServer } from '@weir/common/http';
import type { ApiRoute, Gate } from './api/route.ts';
import type { Answer } from './api/words.ts';
import type { RelayCounts } from './relay-metrics.ts';

/**
 * The relay's HTTP door: puts the routes of its APIs on the server. Every request to any of them passes the gate first,
 * here and nowhere else; whoever is not let through is told so in the words of the API that was asked, and its body is
 * not read.
 */
export interface FrontDoorOptions {
  routes: readonly ApiRoute[];
  gate: Gate;
  /** On every answer. */
  headers: Readonly<Record<string, string>>;
  counts: RelayCounts;
}

export class FrontDoor {
  readonly #options: FrontDoorOptions;

  constructor(options: FrontDoorOptions) {
    this.#options = options;
  }

  addTo(server: HttpServer): void {
    for (const route of this.#options.routes) {
      server.route(route.method, route.path, (request, response, query) => this.#pass(route, request, response, query));
    }
  }

  async #pass(
    route: ApiRoute,
    request: IncomingMessage,
    response: ServerResponse,
    query: URLSearchParams,
  ): Promise<void> {
    const refusal = this.#options.gate(request, query, route);
    const answer = refusal ? route.words.refused(refusal) : await route.handle(request, query);
    if (answer === undefined) return;
    if (route.kind === 'write') this.#options.counts.countAnswer(answer.status);
    this.#send(response, answer);
  }

  #send(response: ServerResponse, { status, headers, body, indent }: Answer): void {
    const all: Record<string, string | number> = { ...this.#options.headers, ...headers };
    if (body === undefined) {
      response.writeHead(status, all).end();
      return;
    }
    const text = `${JSON.stringify(body, undefined, indent)}\n`;
    all['content-type'] = 'application/json';
    all['content-length'] = Buffer.byteLength(text);
    response.writeHead(status, all).end(text);
  }
}
