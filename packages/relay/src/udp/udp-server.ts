import { readFileSync } from 'node:fs';
import { bindPatiently } from '@weir/common/bind';
import { type Clock, systemClock } from '@weir/common/clock';
import { WeirError } from '@weir/common/errors';
import type { Logger } from '@weir/common/logger';
import type { Service } from '@weir/common/service';
import { type Address, formatAddress } from '@weir/common/setting-values';
import { kernelDrops } from './kernel-drops.ts';
import { NodeReader } from './node-reader.ts';
import { ThreadReader } from './thread-reader.ts';
import {
  type BoundSocket,
  NoThreadReader,
  type UdpReader,
  type UdpReaderKind,
  type UdpReaderOptions,
} from './udp-reader.ts';

/**
 * The relay's UDP door: the socket and nothing else. A datagram holds one or more lines and never gets a reply, and none
 * is cut short. What the kernel drops because it was not read in time nobody can bring back, so it is counted and said, with
 * the remedy. A fault of the socket is counted, and the socket goes on.
 */
export interface UdpServerOptions {
  address: Address;
  /** What the kernel should hold for us; it may grant less. */
  receiveBufferBytes: number;
  /** Datagrams read and not handed on yet. */
  queueBytes: number;
  /** `auto`: a thread where there can be one. */
  reader: UdpReaderKind | 'auto';
  /** Datagrams in the order in which they came, each ended by a newline: one run of lines. */
  onDatagrams: (lines: Buffer, datagrams: number) => void;
  onKernelDrops: (datagrams: number) => void;
  onSocketErrors: (errors: number) => void;
  fail: (error: unknown) => void;
  logger: Logger;
  clock?: Clock;
  /** Ours, unless a test has its own. */
  open?: (kind: UdpReaderKind, options: UdpReaderOptions) => UdpReader;
}

const WATCH_EVERY_MS = 1_000;

export class UdpServer implements Service {
  readonly #options: UdpServerOptions;
  #kind: UdpReaderKind;
  #reader: UdpReader | undefined;
  #socket: BoundSocket | undefined;
  #watchTimer: NodeJS.Timeout | undefined;
  #drops = 0;
  /** Since the last look. */
  #errors = 0;
  #lastError: unknown;
  readonly #abort = new AbortController();
  #stopping: Promise<void> | undefined;

  constructor(options: UdpServerOptions) {
    this.#options = options;
    this.#kind = options.reader === 'node' ? 'node' : 'thread';
  }

  /** The address really bound; the wanted one until `start` has resolved. */
  address(): string {
    if (!this.#socket) return formatAddress(this.#options.address);
    return formatAddress({ host: this.#socket.address, port: this.#socket.port });
  }

  /** What the kernel really holds for us; 0 before `start` and after `stop`. */
  get grantedBufferBytes(): number {
    return this.#socket?.receiveBufferBytes ?? 0;
  }

  /** Read and not handed on yet. */
  get queuedBytes(): number {
    return this.#reader?.queuedBytes ?? 0;
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
    this.#checkBuffer();
    this.#drops = this.#readDrops() ?? 0;
    this.#watchTimer = setInterval(() => this.#look(), WATCH_EVERY_MS);
  }

  stop(): Promise<void> {
    this.#stopping ??= this.#stop();
    return this.#stopping;
  }

  async #bind(): Promise<void> {
    try {
      await this.#bindOnce();
    } catch (error) {
      if (!(error instanceof NoThreadReader)) throw error;
      const { reader, logger } = this.#options;
      if (reader === 'thread') {
        throw new WeirError('udp-reader', `no thread can read datagrams here: ${error.message}`, false, {
          cause: error,
        });
      }
      logger.warn({ err: error }, 'datagrams are read in the event loop, some 100,000 a second at most');
      this.#kind = 'node';
      await this.#bindOnce();
    }
  }

  async #bindOnce(): Promise<void> {
    const { open = openReader, address, receiveBufferBytes, queueBytes, onDatagrams, fail } = this.#options;
    const onError = (error: Error) => {
      this.#errors++;
      this.#lastError = error;
    };
    const reader = open(this.#kind, { ...address, receiveBufferBytes, queueBytes, onDatagrams, onError, fail });
    const socket = await reader.bind();
    if (this.#abort.signal.aborted) {
      await reader.close();
      throw new WeirError('stopped', 'stopped before it was ready', false);
    }
    this.#socket = socket;
    this.#reader = reader;
  }

  async #stop(): Promise<void> {
    this.#abort.abort();
    clearInterval(this.#watchTimer);
    if (this.#socket) this.#look();
    await this.#reader?.close();
    // The last of what it read may have had faults.
    this.#lookAtErrors();
    this.#socket = undefined;
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
    this.#lookAtErrors();
  }

  #lookAtErrors(): void {
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
    const { port, family } = this.#socket!;
    try {
      return kernelDrops(readFileSync(family === 'IPv6' ? '/proc/net/udp6' : '/proc/net/udp', 'latin1'), port);
    } catch (error) {
      // Not a Linux, or a sandbox without /proc: then nobody knows.
      if ((error as NodeJS.ErrnoException).code === undefined) throw error;
      return undefined;
    }
  }
}

function openReader(kind: UdpReaderKind, options: UdpReaderOptions): UdpReader {
  return kind === 'thread' ? new ThreadReader(options) : new NodeReader(options);
}
