import { request } from 'node:http';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import type { TestCertificate } from './certificate.ts';
import { cleanup } from './cleanup.ts';

/** Ends TLS before a server that speaks plain HTTP. */
export interface TlsProxyOptions {
  /** `http://host:port` of the server. */
  upstream: string;
  certificate: TestCertificate;
  /** Only who shows this certificate is let through. */
  client?: TestCertificate;
}

export class TlsProxy {
  readonly url: string;
  /** Requests that came through TLS. */
  requests = 0;
  readonly #server: Server;

  constructor(server: Server) {
    this.#server = server;
    this.url = `https://127.0.0.1:${(server.address() as AddressInfo).port}`;
  }

  /** For new connections; open ones are closed. */
  renew({ cert, key }: TestCertificate): void {
    this.#server.setSecureContext({ cert, key });
    this.#server.closeAllConnections();
  }
}

/** Ends at cleanup. */
export async function startTlsProxy({ upstream, certificate, client }: TlsProxyOptions): Promise<TlsProxy> {
  const { cert, key } = certificate;
  const server = createServer({ cert, key, ...(client ? { requestCert: true, ca: client.cert } : {}) });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const proxy = new TlsProxy(server);
  server.on('request', (message, response) => {
    proxy.requests++;
    const { method, url, headers } = message;
    const forwarded = request(new URL(url ?? '/', upstream), { method, headers, agent: false }, (answer) => {
      response.writeHead(answer.statusCode!, answer.headers);
      answer.pipe(response);
    });
    // Whoever asked sees the connection end.
    forwarded.on('error', () => message.socket.destroy());
    message.pipe(forwarded);
  });
  cleanup(`TLS before ${upstream}`, () => {
    server.closeAllConnections();
    return new Promise<void>((resolve) => server.close(() => resolve()));
  });
  return proxy;
}
