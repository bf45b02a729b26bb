import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { TcpProxy } from '../../faults/runner/proxies/tcp-proxy.ts';
import { cleanup } from '../../support/cleanup.ts';
import { eventually } from '../../support/eventually.ts';

/** An echo behind a proxy, and a client before it. */
async function echoThroughProxy(): Promise<{
  proxy: TcpProxy;
  client: Socket;
  received: () => string;
  arrived: () => string;
}> {
  const sockets = new Set<Socket>();
  let there = '';
  const echo = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined);
    socket.on('data', (chunk: Buffer) => {
      there += chunk.toString();
    });
    socket.pipe(socket);
  });
  echo.listen(0, '127.0.0.1');
  await once(echo, 'listening');
  cleanup('echo', () => {
    for (const socket of sockets) socket.destroy();
    echo.close();
  });
  const proxy = await new TcpProxy('echo', (echo.address() as AddressInfo).port).listen();
  const client = connect(proxy.port, '127.0.0.1');
  cleanup('client', () => client.destroy());
  client.on('error', () => undefined);
  let text = '';
  client.on('data', (chunk: Buffer) => {
    text += chunk.toString();
  });
  await once(client, 'connect');
  return { proxy, client, received: () => text, arrived: () => there };
}

/** With a reset or without one. */
function ended(socket: Socket): Promise<unknown> {
  return new Promise((resolve) => socket.once('close', resolve));
}

test('what is late stays in order, also when the delay becomes shorter meanwhile', async () => {
  const { proxy, client, received } = await echoThroughProxy();
  let sent = '';
  for (const delayMs of [30, 20, 10, 5, 0, 0, 10, 0, 0]) {
    proxy.delayMs = delayMs;
    for (let i = 0; i < 5; i++) {
      const piece = `${sent.length} `;
      sent += piece;
      client.write(piece);
      // A turn of the loop, so that pieces travel one by one.
      await new Promise((resolve) => setImmediate(resolve));
    }
  }
  await eventually(() => received().length >= sent.length, { what: 'everything to come back' });
  expect(received()).toBe(sent);
});

test('a stalled direction loses nothing, and a lossy one ends with the connection', async () => {
  const { proxy, client, received } = await echoThroughProxy();
  proxy.setFlow('up', 'stall');
  client.write('a');
  proxy.setFlow('up', 'pass');
  await eventually(() => received() === 'a', { what: 'what was stalled' });
  proxy.setFlow('down', 'lose');
  client.write('b');
  const closed = ended(client);
  await eventually(() => proxy.lossy === 1, { what: 'the answer to be lost' });
  proxy.heal();
  await closed;
  expect(received()).toBe('a');
});

test('what was sent arrives, also when its sender has gone meanwhile', async () => {
  const { proxy, client, arrived } = await echoThroughProxy();
  proxy.setFlow('up', 'stall');
  client.write('a command');
  await eventually(() => proxy.waitingBytes === 'a command'.length, { what: 'the command to be held' });
  const closed = ended(client);
  client.destroy();
  await closed;
  expect(arrived()).toBe('');
  proxy.heal();
  await eventually(() => arrived() === 'a command', { what: 'the command to arrive' });
  await eventually(() => proxy.connections === 0, { what: 'the connection to end' });
});

test('connections are cut, and refused', async () => {
  const { proxy, client } = await echoThroughProxy();
  const closed = ended(client);
  proxy.cut();
  await closed;
  proxy.refuses = true;
  const other = connect(proxy.port, '127.0.0.1');
  other.on('error', () => undefined);
  await ended(other);
  expect(proxy.connections).toBe(0);
});
