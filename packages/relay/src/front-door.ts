import type { IncomingMessage, ServerResponse } from 'node:http';
import { type HttpServer, sendJson } from '@weir/common/http';
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
    send(response, answer);
  }
}

function send(response: ServerResponse, { status, headers, body }: Answer): void {
  for (const [name, value] of Object.entries(headers)) response.setHeader(name, value);
  if (body === undefined) response.writeHead(status).end();
  else sendJson(response, status, body);
}
