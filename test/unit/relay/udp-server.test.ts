import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import type { Logger } from '@weir/common/logger';
import { silentLogger } from '@weir/common/logger';
import { NodeReader } from '@weir/relay/udp/node-reader';
import { ThreadReader } from '@weir/relay/udp/thread-reader';
import { NoThreadReader, type UdpReader, type UdpReaderKind, type UdpReaderOptions } from '@weir/relay/udp/udp-reader';
import { UdpServer, type UdpServerOptions } from '@weir/relay/udp/udp-server';
import { eventually } from '../../support/eventually.ts';
import { PROJECT_DIR } from '../../support/project.ts';

/** A thread cannot run TypeScript. */
const THREAD = pathToFileURL(join(PROJECT_DIR, 'packages/relay/dist/udp/reader-thread.js'));
const KINDS = ['thread', 'node'] as const;
const NEWLINE = '\n';

const parts: { stop(): Promise<unknown> }[] = [];
afterEach(async () => {
  for (const part of parts.splice(0)) await part.stop();
});

async function open(more: Partial<UdpServerOptions> = {}) {
  const logged: { level: string; message: string; fields: Record<string, unknown> }[] = [];
  const note =
    (level: string) =>
    (fields: object | string, message?: string): void =>
      void logged.push({ level, message: message ?? String(fields), fields: { ...(fields as object) } });
  const logger: Logger = { ...silentLogger, warn: note('warn'), error: note('error') };
  const came = { lines: '', datagrams: 0 };
  const readers: { kind: UdpReaderKind; options: UdpReaderOptions; reader: UdpReader }[] = [];
  const failures: unknown[] = [];
  let errors = 0;
  const openOurs = (kind: UdpReaderKind, options: UdpReaderOptions) =>
    kind === 'thread' ? new ThreadReader(options, THREAD) : new NodeReader(options);
  const server = new UdpServer({
    address: { host: '127.0.0.1', port: 0 },
    receiveBufferBytes: 4096,
    queueBytes: 1_000_000,
    reader: 'auto',
    onDatagrams: (lines, datagrams) => {
      came.lines += lines.toString('latin1');
      came.datagrams += datagrams;
    },
    onKernelDrops: () => undefined,
    onSocketErrors: (more) => {
      errors += more;
    },
    fail: (error) => failures.push(error),
    logger,
    ...more,
    open: (kind, options) => {
      const reader = (more.open ?? openOurs)(kind, options);
      readers.push({ kind, options, reader });
      return reader;
    },
  });
  parts.push(server);
  await server.start();
  return { server, logged, came, readers, failures, errors: () => errors };
}

async function sender(of: UdpServer): Promise<(datagram: Buffer | string) => Promise<void>> {
  const socket = createSocket('udp4');
  parts.push({ stop: async () => socket.close() });
  socket.connect(Number(of.address().split(':')[1]), '127.0.0.1');
  await once(socket, 'connect');
  socket.on('message', () => {
    throw new Error('a reply');
  });
  return (datagram) =>
    new Promise((resolve, reject) => {
      socket.send(datagram, (error) => (error ? reject(error) : resolve()));
    });
}

describe.each(KINDS)('read by %s', (reader) => {
  test('the largest datagram there is comes in whole', async () => {
    const { server, came } = await open({ reader, receiveBufferBytes: 200_000 });
    const sent = Buffer.alloc(65_507, 'abc');
    await (await sender(server))(sent);
    await eventually(() => came.datagrams === 1, { what: 'the datagram', everyMs: 5 });
    expect(came.lines).toBe(`${sent}\n`);
  });

  test('datagrams of all sizes come as lines, in their order, with what was missing of newlines', async () => {
    const { server, came } = await open({ reader, receiveBufferBytes: 200_000 });
    const send = await sender(server);
    // Around the size up to which datagrams lie close together.
    const sizes = [1, 2, 80, 2_047, 2_048, 2_049, 4_096, 9_000];
    const datagrams = [...sizes.map((size) => 'x'.repeat(size)), '', 'one\n', 'two\nthree', '\n', 'last'];
    for (const datagram of datagrams) await send(datagram);
    await eventually(() => came.datagrams === datagrams.length, { what: 'all of them', everyMs: 5 });
    const ended = (datagram: string) => (datagram === '' || datagram.endsWith(NEWLINE) ? datagram : datagram + NEWLINE);
    expect(came.lines.replace(/^\n/gm, '')).toBe(datagrams.map(ended).join('').replace(/^\n/gm, ''));
  });

  test('a receive buffer that the kernel does not grant is told, with the remedy', async () => {
    const small = await open({ reader });
    expect(small.logged).toEqual([]);
    expect(small.server.grantedBufferBytes).toBe(4096);
    const { logged, server } = await open({ reader, receiveBufferBytes: 2 ** 30 - 1 });
    expect(logged).toMatchObject([
      {
        level: 'warn',
        message: 'the kernel grants a smaller UDP receive buffer; sysctl -w net.core.rmem_max=1073741823 allows it',
        fields: { wantedBytes: 2 ** 30 - 1, grantedBytes: server.grantedBufferBytes },
      },
    ]);
  });

  test('an address that is not of this machine is a clear fault', async () => {
    const elsewhere = open({ reader, address: { host: '192.0.2.1', port: 0 } });
    await expect(elsewhere).rejects.toMatchObject({
      code: 'udp-listen',
      message: 'cannot listen on udp 192.0.2.1:0: EADDRNOTAVAIL',
    });
  });

  test('an address in use is waited for', async () => {
    const first = await open({ reader });
    const port = Number(first.server.address().split(':')[1]);
    const second = open({ reader, address: { host: '127.0.0.1', port } });
    await sleep(100);
    await first.server.stop();
    expect((await second).server.address()).toBe(`127.0.0.1:${port}`);
  });

  test('is told what it holds, and stops as often as it is asked to', async () => {
    const { server, failures } = await open({ reader });
    expect(server.queuedBytes).toBe(0);
    await Promise.all([server.stop(), server.stop()]);
    expect(server.grantedBufferBytes).toBe(0);
    expect(failures).toEqual([]);
  });
});

describe('the thread', () => {
  test('takes at a stop what had arrived before', async () => {
    const { server, came } = await open({ receiveBufferBytes: 200_000 });
    const send = await sender(server);
    const datagrams = Array.from({ length: 100 }, (_, i) => `line ${i}`);
    for (const datagram of datagrams) await send(datagram);
    await server.stop();
    expect(came).toEqual({ lines: `${datagrams.join(NEWLINE)}\n`, datagrams: 100 });
  });

  test('reads while the event loop is busy, up to its bound, and the kernel holds the rest', async () => {
    const { server, came } = await open({ receiveBufferBytes: 200_000, queueBytes: 4_096 });
    const send = await sender(server);
    const line = 'x'.repeat(999);
    for (let i = 0; i < 20; i++) await send(line);
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 200);
    expect(server.queuedBytes).toBeGreaterThan(0);
    expect(server.queuedBytes).toBeLessThanOrEqual(4_096);
    for (let i = 20; i < 100; i++) await send(line);
    await eventually(() => came.datagrams === 100, { what: 'all of them', everyMs: 5 });
    expect(came.lines).toBe(`${line}\n`.repeat(100));
    expect(server.queuedBytes).toBe(0);
  });

  test('hands large datagrams over in several runs of lines', async () => {
    const runs: [bytes: number, datagrams: number][] = [];
    const { server } = await open({
      receiveBufferBytes: 200_000,
      queueBytes: 70_000,
      onDatagrams: (lines, datagrams) => runs.push([lines.length, datagrams]),
    });
    const send = await sender(server);
    const datagrams = Array.from({ length: 6 }, (_, i) => 'x'.repeat(30_000 + i));
    // In one go, so that several wait when the thread comes for them.
    await Promise.all(datagrams.map(send));
    await eventually(() => runs.reduce((sum, [, count]) => sum + count, 0) === 6, { what: 'all', everyMs: 5 });
    expect(runs.reduce((sum, [bytes]) => sum + bytes, 0)).toBe(datagrams.join('').length + 6);
    expect(Math.max(...runs.map(([bytes]) => bytes))).toBeLessThanOrEqual(70_000);
  });

  test('that dies is a failure of the relay, once: nobody would read the socket any more', async () => {
    // Ours cannot be made to die.
    const dying = `
      import { parentPort } from 'node:worker_threads';
      parentPort.postMessage({ kind: 'bound', socket: { address: '127.0.0.1', family: 'IPv4', port: 1, receiveBufferBytes: 4096 } });
      setTimeout(() => { throw new Error('gone'); });`;
    const script = new URL(`data:text/javascript,${encodeURIComponent(dying)}`);
    const { server, failures } = await open({ open: (_, options) => new ThreadReader(options, script) });
    await eventually(() => failures.length > 0, { what: 'the failure', everyMs: 5 });
    await server.stop();
    expect(failures).toEqual([new Error('gone')]);
  });
});

test('where no thread can read, the event loop does, and it is told', async () => {
  const reader: UdpReader = {
    queuedBytes: 0,
    bind: () => Promise.reject(new NoThreadReader('not known on plan9')),
    close: async () => undefined,
  };
  const unable = (kind: UdpReaderKind, options: UdpReaderOptions) =>
    kind === 'thread' ? reader : new NodeReader(options);
  const { server, came, logged, readers } = await open({ open: unable });
  expect(readers.map(({ kind }) => kind)).toEqual(['thread', 'node']);
  expect(logged).toMatchObject([
    { level: 'warn', message: 'datagrams are read in the event loop, some 100,000 a second at most' },
  ]);
  await (await sender(server))('on');
  await eventually(() => came.datagrams === 1, { what: 'the datagram', everyMs: 5 });
  await expect(open({ open: unable, reader: 'thread' })).rejects.toMatchObject({
    code: 'udp-reader',
    message: 'no thread can read datagrams here: not known on plan9',
  });
});

describe('faults of the socket', () => {
  /** No real socket can be made to have any. */
  async function openFaulty() {
    let socket: Socket | undefined;
    const opened = await open({
      reader: 'node',
      open: (_, options) =>
        new NodeReader(options, (how) => {
          socket = createSocket(how);
          return socket;
        }),
    });
    return { ...opened, socket: socket! };
  }

  test('are counted and told once a second, and it goes on', async () => {
    const { server, socket, logged, came, errors } = await openFaulty();
    for (let i = 0; i < 100; i++) socket.emit('error', Object.assign(new Error('recvmsg ENOMEM'), { code: 'ENOMEM' }));
    await eventually(() => errors() === 100, { what: 'the count' });
    const said = logged.filter(({ level }) => level === 'error');
    expect(said).toMatchObject([
      { message: 'errors of the udp socket', fields: { errors: 100, err: { code: 'ENOMEM' } } },
    ]);
    await (await sender(server))('on');
    await eventually(() => came.datagrams === 1, { what: 'the next datagram', everyMs: 5 });
  });

  test('since the last look are counted at stop', async () => {
    const { server, socket, errors } = await openFaulty();
    socket.emit('error', new Error('recvmsg'));
    await server.stop();
    expect(errors()).toBe(1);
  });
});
