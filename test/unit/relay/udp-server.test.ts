import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import type { Logger } from '@weir/common/logger';
import { silentLogger } from '@weir/common/logger';
import { UdpServer } from '@weir/relay/udp-server';
import { eventually } from '../../support/eventually.ts';

const parts: { stop(): Promise<unknown> }[] = [];
afterEach(async () => {
  for (const part of parts.splice(0)) await part.stop();
});

async function open({ receiveBufferBytes = 4096 } = {}) {
  const logged: { level: string; message: string; fields: Record<string, unknown> }[] = [];
  const note =
    (level: string) =>
    (fields: object | string, message?: string): void =>
      void logged.push({ level, message: message ?? String(fields), fields: { ...(fields as object) } });
  const logger: Logger = { ...silentLogger, warn: note('warn'), error: note('error') };
  const datagrams: Buffer[] = [];
  let errors = 0;
  let socket: Socket | undefined;
  const server = new UdpServer({
    address: { host: '127.0.0.1', port: 0 },
    receiveBufferBytes,
    onDatagram: (datagram) => datagrams.push(datagram),
    onKernelDrops: () => undefined,
    onSocketErrors: (more) => {
      errors += more;
    },
    logger,
    open: (options) => {
      socket = createSocket(options);
      return socket;
    },
  });
  parts.push(server);
  await server.start();
  return { server, socket: socket!, logged, datagrams, errors: () => errors };
}

async function sender(of: UdpServer): Promise<(datagram: Buffer) => void> {
  const socket = createSocket('udp4');
  parts.push({ stop: async () => socket.close() });
  socket.connect(Number(of.address().split(':')[1]), '127.0.0.1');
  await once(socket, 'connect');
  socket.on('message', () => {
    throw new Error('a reply');
  });
  return (datagram) => socket.send(datagram);
}

test('the largest datagram there is comes in whole', async () => {
  const { server, datagrams } = await open({ receiveBufferBytes: 200_000 });
  const sent = Buffer.alloc(65_507, 'abc');
  (await sender(server))(sent);
  await eventually(() => datagrams.length === 1, { what: 'the datagram', everyMs: 5 });
  expect(datagrams[0]!.equals(sent)).toBe(true);
});

test('errors of the socket are counted and told once a second, and it goes on', async () => {
  const { server, socket, logged, datagrams, errors } = await open();
  for (let i = 0; i < 100; i++) socket.emit('error', Object.assign(new Error('recvmsg ENOMEM'), { code: 'ENOMEM' }));
  await eventually(() => errors() === 100, { what: 'the count' });
  const said = logged.filter(({ level }) => level === 'error');
  expect(said).toMatchObject([
    { message: 'errors of the udp socket', fields: { errors: 100, err: { code: 'ENOMEM' } } },
  ]);
  (await sender(server))(Buffer.from('on'));
  await eventually(() => datagrams.length === 1, { what: 'the next datagram', everyMs: 5 });
});

test('errors since the last look are counted at stop', async () => {
  const { server, socket, errors } = await open();
  socket.emit('error', new Error('recvmsg'));
  await server.stop();
  expect(errors()).toBe(1);
});

test('a receive buffer that the kernel does not grant is told, with the remedy', async () => {
  const small = await open({ receiveBufferBytes: 4096 });
  expect(small.logged).toEqual([]);
  const { logged } = await open({ receiveBufferBytes: 2 ** 30 - 1 });
  expect(logged).toMatchObject([
    {
      level: 'warn',
      message: 'the kernel grants a smaller UDP receive buffer; sysctl -w net.core.rmem_max=1073741823 allows it',
      fields: { wantedBytes: 2 ** 30 - 1 },
    },
  ]);
});
