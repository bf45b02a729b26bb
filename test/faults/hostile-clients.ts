import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { createGzip } from 'node:zlib';
import type { Daemon } from '../support/daemon.ts';

/**
 * Clients that mean harm, on plain sockets: they say what no HTTP library would. They come from an address of their own,
 * so that a limit per address can tell them from the others.
 */
export const HOSTILE_ADDRESS = '127.0.0.2';

export class HostileClient {
  readonly socket: Socket;
  /** All it was answered. */
  text = '';
  readonly closed: Promise<void>;

  constructor(relay: Daemon) {
    const [host, port] = relay.http.split(':') as [string, string];
    this.socket = connect({ host, port: Number(port), localAddress: HOSTILE_ADDRESS });
    this.closed = new Promise((resolve) => this.socket.once('close', () => resolve()));
    this.socket.setEncoding('latin1').on('data', (text: string) => {
      this.text += text;
    });
    // Being cut off is what it is here for.
    this.socket.on('error', () => this.socket.destroy());
  }

  get status(): number | undefined {
    const status = /^HTTP\/1\.1 ([0-9]{3}) /.exec(this.text)?.[1];
    return status === undefined ? undefined : Number(status);
  }

  /** Waits where the relay does not read; false once the connection is gone. */
  async send(bytes: string | Buffer): Promise<boolean> {
    if (this.socket.destroyed) return false;
    if (!this.socket.write(bytes)) {
      await Promise.race([new Promise((resolve) => this.socket.once('drain', resolve)), this.closed]);
    }
    return !this.socket.destroyed;
  }

  end(): void {
    this.socket.destroy();
  }
}

/** One after the other, each a header that comes byte by byte, until `untilMs` (of `performance.now`). */
export async function sendHeaderByteByByte(relay: Daemon, everyMs: number, untilMs: number): Promise<void> {
  while (performance.now() < untilMs) {
    const client = new HostileClient(relay);
    for (const byte of 'POST /write HTTP/1.1\r\nhost: a\r\nx: ') {
      if (!(await client.send(byte)) || performance.now() > untilMs) break;
      await sleep(everyMs);
    }
    while (performance.now() < untilMs && (await client.send('x'))) await sleep(everyMs);
    client.end();
  }
}

/** A body without end, in chunks of so many bytes, until the relay has cut it off. Answers the status. */
export async function sendEndlessBody(relay: Daemon, chunkBytes: number, untilMs: number): Promise<number | undefined> {
  const client = new HostileClient(relay);
  await client.send('POST /write HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n');
  const chunk = `${chunkBytes.toString(16)}\r\n${'x'.repeat(chunkBytes)}\r\n`;
  const many = Buffer.from(chunk.repeat(Math.max(1, Math.floor(60_000 / chunk.length))));
  while (performance.now() < untilMs && (await client.send(many)));
  client.end();
  return client.status;
}

/** One request, all at once. Answers its status once there is one, or the connection is gone. */
export async function sendRaw(relay: Daemon, request: string | Buffer): Promise<number | undefined> {
  const client = new HostileClient(relay);
  await client.send(request);
  while (client.status === undefined && !client.socket.destroyed) {
    await Promise.race([new Promise((resolve) => client.socket.once('data', resolve)), client.closed]);
  }
  client.end();
  return client.status;
}

const GIGABYTE = 2 ** 30;

/** A gigabyte of zeros, gzipped as small as it gets: about a megabyte. */
export async function gzipBomb(): Promise<Buffer> {
  const gzip = createGzip({ level: 9 });
  const pieces: Buffer[] = [];
  gzip.on('data', (piece: Buffer) => pieces.push(piece));
  const ended = once(gzip, 'end');
  const zeros = Buffer.alloc(2 ** 20);
  for (let sent = 0; sent < GIGABYTE; sent += zeros.length) {
    if (!gzip.write(zeros)) await once(gzip, 'drain');
  }
  gzip.end();
  await ended;
  return Buffer.concat(pieces);
}
