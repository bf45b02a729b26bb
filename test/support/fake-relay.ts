import { createServer, type IncomingHttpHeaders } from 'node:http';
import { cleanup } from './cleanup.ts';

/** A relay that keeps what it is sent and answers what a test says; gone when the test is over. */
export interface FakeAnswer {
  status: number;
  body?: object;
  headers?: Readonly<Record<string, string>>;
}

export interface TakenRequest {
  url: string;
  headers: IncomingHttpHeaders;
  body: string;
}

export class FakeRelay {
  readonly requests: TakenRequest[] = [];
  /** Undefined: the connection is cut. */
  answer: (request: TakenRequest) => FakeAnswer | undefined | Promise<FakeAnswer | undefined> = () => ({ status: 204 });
  url = '';

  static async start(): Promise<FakeRelay> {
    const relay = new FakeRelay();
    const server = createServer(async (request, response) => {
      const pieces: Buffer[] = [];
      for await (const piece of request) pieces.push(piece as Buffer);
      const taken = { url: request.url ?? '', headers: request.headers, body: Buffer.concat(pieces).toString() };
      relay.requests.push(taken);
      const answer = await relay.answer(taken);
      if (!answer) {
        request.socket.destroy();
        return;
      }
      response.writeHead(answer.status, { 'content-type': 'application/json', ...answer.headers });
      response.end(answer.body === undefined ? undefined : JSON.stringify(answer.body));
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as { port: number };
    relay.url = `http://127.0.0.1:${port}`;
    cleanup('fake relay', () => {
      server.closeAllConnections();
      return new Promise<void>((resolve) => server.close(() => resolve()));
    });
    return relay;
  }
}
