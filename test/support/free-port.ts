import { createServer } from 'node:net';

/**
 * Ports for servers that cannot choose one themselves and must keep it over a restart. They come from below the range
 * that the kernel hands to clients, so that no outgoing connection takes the port while its server is down, and at
 * random, so that test files running side by side rarely meet. Weir's own daemons need none of this: they take port 0.
 */
const FIRST_PORT = 10_000;
const LAST_PORT = 32_000;
const given = new Set<number>();

export async function freePort(): Promise<number> {
  for (let attempt = 0; attempt < 100; attempt++) {
    const port = FIRST_PORT + Math.floor(Math.random() * (LAST_PORT - FIRST_PORT));
    if (given.has(port) || !(await canListen(port))) continue;
    given.add(port);
    return port;
  }
  throw new Error(`no free port between ${FIRST_PORT} and ${LAST_PORT} in 100 attempts`);
}

async function canListen(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
  });
}
