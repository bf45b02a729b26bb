import { createSocket, type Socket, type SocketOptions } from 'node:dgram';
import { isIPv6 } from 'node:net';
import type { BoundSocket, UdpReader, UdpReaderOptions } from './udp-reader.ts';

/**
 * Reads datagrams in the event loop, one call each: runs wherever Node.js does. Node reads into 64 KiB, so none is cut short.
 * `open`: Node's, unless a test has its own.
 */
const NEWLINE = 0x0a;
const END_OF_LINE = Buffer.of(NEWLINE);

export class NodeReader implements UdpReader {
  readonly queuedBytes = 0;
  readonly #options: UdpReaderOptions;
  readonly #socket: Socket;

  constructor(options: UdpReaderOptions, open: (options: SocketOptions) => Socket = createSocket) {
    this.#options = options;
    this.#socket = open({
      type: isIPv6(options.host) ? 'udp6' : 'udp4',
      recvBufferSize: options.receiveBufferBytes,
    });
    this.#socket.on('message', (datagram) => options.onDatagrams(asLines(datagram), 1));
  }

  async bind(): Promise<BoundSocket> {
    const { host, port, onError } = this.#options;
    const socket = this.#socket;
    await new Promise<void>((resolve, reject) => {
      socket.once('error', reject).bind({ address: host, port }, () => {
        socket.off('error', reject);
        resolve();
      });
    });
    socket.on('error', onError);
    const { address, family, port: bound } = socket.address();
    // Linux reports twice what it granted: the other half is for its own books.
    const receiveBufferBytes = socket.getRecvBufferSize() / 2;
    return { address, family: family === 'IPv6' ? 'IPv6' : 'IPv4', port: bound, receiveBufferBytes };
  }

  async close(): Promise<void> {
    await new Promise<void>((resolve) => this.#socket.close(resolve));
  }
}

function asLines(datagram: Buffer): Buffer {
  return datagram.at(-1) === NEWLINE ? datagram : Buffer.concat([datagram, END_OF_LINE]);
}
