import { createSocket, type Socket, type SocketOptions } from 'node:dgram';
import { readFileSync } from 'node:fs';
import { isIPv6 } from 'node:net';
import { bindPatiently } from '@weir/common/bind';
import { type Clock, systemClock } from '@weir/common/clock';
import { WeirError } from '@weir/common/errors';
import type { Logger } from '@weir/common/logger';
import type { Service } from '@weir/common/service';
import { type Address, formatAddress } from '@weir/common/setting-values';
import { kernelDrops } from './kernel-drops.ts';

/**
 * The relay's UDP door: the socket and nothing else. A datagram holds one or more lines and never gets a reply; node reads
 * into 64 KiB, so none is cut short. What the kernel drops because it was not read in time nobody can bring back, so it
 * is counted and said, with the remedy. A fault of the socket is counted, and the socket goes on.
 */
export interface UdpServerOptions {
  address: Address;
  /** What the kernel should hold for us; it may grant less. */
  receiveBufferBytes: number;
  onDatagram: (datagram: Buffer) => void;
  onKernelDrops: (datagrams: number) => void;
  onSocketErrors: (errors: number) => void;
  logger: Logger;
  clock?: Clock;
  /** Node's, unless a test has its own. */
  open?: (options: SocketOptions) => Socket;
}

const WATCH_EVERY_MS = 1_000;

export class UdpServer implements Service {
  readonly #options: UdpServerOptions;
  readonly #socket: Socket;
  #watchTimer: NodeJS.Timeout | undefined;
  #drops = 0;
  /** Since the last look. */
  #errors = 0;
  #lastError: unknown;
  #bound = false;
  readonly #abort = new AbortController();
  #stopping: Promise<void> | undefined;

  constructor(options: UdpServerOptions) {
    this.#options = options;
    this.#socket = (options.open ?? createSocket)({
      type: isIPv6(options.address.host) ? 'udp6' : 'udp4',
      recvBufferSize: options.receiveBufferBytes,
    });
    this.#socket.on('message', options.onDatagram);
  }

  /** The address really bound; the wanted one until `start` has resolved. */
  address(): string {
    if (!this.#bound) return formatAddress(this.#options.address);
    const { address, port } = this.#socket.address();
    return formatAddress({ host: address, port });
  }

  /** What the kernel really holds for us; 0 before `start` and after `stop`. */
  get grantedBufferBytes(): number {
    // Linux reports twice what it granted: the other half is for its own books.
    return this.#bound ? this.#socket.getRecvBufferSize() / 2 : 0;
  }

  /** Rejects with a SettingsError when the address stays in use for some seconds, with a WeirError when it is no good. */
  async start(): Promise<void> {
    const { address, logger, clock = systemClock } = this.#options;
    try {
      const bind = () => this.#bind();
      await bindPatiently({ flag: '--udp', address, bind, clock, logger, stopping: this.#abort.signal });
    } catch (error) {
      if (error instanceof WeirError) throw error;
      const { code, message } = error as NodeJS.ErrnoException;
      const line = `cannot listen on udp ${formatAddress(address)}: ${code ?? message}`;
      throw new WeirError('udp-listen', line, false, { cause: error });
    }
    this.#socket.on('error', (error) => {
      this.#errors++;
      this.#lastError = error;
    });
    this.#bound = true;
    this.#checkBuffer();
    this.#drops = this.#readDrops() ?? 0;
    this.#watchTimer = setInterval(() => this.#look(), WATCH_EVERY_MS);
  }

  stop(): Promise<void> {
    this.#stopping ??= this.#stop();
    return this.#stopping;
  }

  #bind(): Promise<void> {
    const { host, port } = this.#options.address;
    return new Promise((resolve, reject) => {
      const failed = (error: Error) => {
        this.#socket.off('listening', listening);
        reject(error);
      };
      const listening = () => {
        this.#socket.off('error', failed);
        resolve();
      };
      this.#socket.once('error', failed).once('listening', listening).bind({ address: host, port });
    });
  }

  async #stop(): Promise<void> {
    this.#abort.abort();
    clearInterval(this.#watchTimer);
    if (this.#bound) this.#look();
    this.#bound = false;
    await new Promise<void>((resolve) => this.#socket.close(resolve));
  }

  #checkBuffer(): void {
    const { receiveBufferBytes, logger } = this.#options;
    const grantedBytes = this.grantedBufferBytes;
    if (grantedBytes >= receiveBufferBytes) return;
    logger.warn(
      { wantedBytes: receiveBufferBytes, grantedBytes },
      `the kernel grants a smaller UDP receive buffer; sysctl -w net.core.rmem_max=${receiveBufferBytes} allows it`,
    );
  }

  #look(): void {
    this.#lookAtDrops();
    if (this.#errors === 0) return;
    this.#options.onSocketErrors(this.#errors);
    // Once for all of a second: errors that follow each other must not fill the log.
    this.#options.logger.error({ errors: this.#errors, err: this.#lastError }, 'errors of the udp socket');
    this.#errors = 0;
  }

  #lookAtDrops(): void {
    const drops = this.#readDrops();
    if (drops === undefined || drops <= this.#drops) return;
    const more = drops - this.#drops;
    this.#drops = drops;
    this.#options.onKernelDrops(more);
    this.#options.logger.warn(
      { datagrams: more },
      'the kernel dropped datagrams: raise --udp-receive-buffer and net.core.rmem_max, or add a relay',
    );
  }

  #readDrops(): number | undefined {
    const { port, family } = this.#socket.address();
    try {
      return kernelDrops(readFileSync(family === 'IPv6' ? '/proc/net/udp6' : '/proc/net/udp', 'latin1'), port);
    } catch (error) {
      // Not a Linux, or a sandbox without /proc: then nobody knows.
      if ((error as NodeJS.ErrnoException).code === undefined) throw error;
      return undefined;
    }
  }
}
