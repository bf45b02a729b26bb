import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import type { EventPool } from './event-pool.ts';
import { ExpectedTotals } from './expected-totals.ts';

/** Sends bodies over plain TCP, as fast as they are taken. Nobody answers, so the sent is only on its way. */
export async function sendTcp(options: {
  port: number;
  pool: EventPool;
  connections: number;
  events: number;
  windowSec: number;
}): Promise<ExpectedTotals> {
  const { port, pool, connections, events, windowSec } = options;
  const expected = new ExpectedTotals(pool);
  const worker = async (socket: Socket, index: number) => {
    await once(socket, 'connect');
    for (let body = index; expected.events < events; body = (body + connections) % pool.bodies.length) {
      expected.add(windowSec, body);
      // A stamped body would be patched while the kernel still has to take it; those of statsd have no stamps.
      if (!socket.write(pool.bodies[body]!.bytes)) await once(socket, 'drain');
    }
    socket.end();
  };
  await Promise.all(Array.from({ length: connections }, (_, i) => worker(connect(port, '127.0.0.1'), i)));
  return expected;
}
