import { lookup } from 'node:dns/promises';
import { isIPv6 } from 'node:net';
import { Worker } from 'node:worker_threads';
import { CONTROL, type FromThread, type ThreadOptions } from './thread-messages.ts';
import { type BoundSocket, NoThreadReader, type UdpReader, type UdpReaderOptions } from './udp-reader.ts';

/**
 * Reads datagrams in a thread of its own (reader-thread.ts), so that neither their number nor a busy event loop makes the
 * kernel drop any while there is a processor to read them.
 */
const THREAD = new URL('./reader-thread.js', import.meta.url);

export class ThreadReader implements UdpReader {
  readonly #options: UdpReaderOptions;
  readonly #thread: URL;
  readonly #control = new Int32Array(new SharedArrayBuffer(CONTROL.length * Int32Array.BYTES_PER_ELEMENT));
  #worker: Worker | undefined;
  #exited: Promise<void> = Promise.resolve();
  #closing = false;

  /** `thread`: the compiled file, where it does not lie beside this one. */
  constructor(options: UdpReaderOptions, thread = THREAD) {
    this.#options = options;
    this.#thread = thread;
  }

  /** Bytes that were read and not looked at yet. */
  get queuedBytes(): number {
    return Atomics.load(this.#control, CONTROL.queued);
  }

  async bind(): Promise<BoundSocket> {
    const { host, port, receiveBufferBytes, queueBytes } = this.#options;
    const { address } = await lookup(host, { family: isIPv6(host) ? 6 : 4 });
    const control = this.#control.buffer as SharedArrayBuffer;
    const workerData: ThreadOptions = { host: address, port, receiveBufferBytes, queueBytes, control };
    const worker = new Worker(this.#thread, { workerData, name: 'udp' });
    return new Promise<BoundSocket>((resolve, reject) => {
      worker.on('message', (message: FromThread) => {
        switch (message.kind) {
          case 'bound':
            this.#worker = worker;
            resolve(message.socket);
            break;
          case 'unable':
            reject(new NoThreadReader(message.reason));
            break;
          case 'refused':
            reject(faultOf(message));
            break;
          case 'fault':
            this.#options.onError(faultOf(message));
            break;
          case 'datagrams':
            this.#hand(message.lines, message.datagrams);
            break;
        }
      });
      worker.once('error', (error) => {
        this.#end(error);
        reject(error);
      });
      this.#exited = new Promise((exited) => {
        worker.once('exit', () => {
          const error = new Error('the thread that reads datagrams ended');
          this.#end(error);
          reject(error);
          exited();
        });
      });
    });
  }

  async close(): Promise<void> {
    this.#closing = true;
    if (!this.#worker) return;
    Atomics.store(this.#control, CONTROL.stop, 1);
    Atomics.notify(this.#control, CONTROL.stop);
    // What it has taken comes first.
    await this.#exited;
  }

  /** Without being told to, it should not: nobody reads the socket any more. */
  #end(error: unknown): void {
    if (this.#worker && !this.#closing) this.#options.fail(error);
    this.#closing = true;
  }

  #hand(lines: Uint8Array<ArrayBuffer>, datagrams: number): void {
    try {
      this.#options.onDatagrams(Buffer.from(lines.buffer, lines.byteOffset, lines.length), datagrams);
    } finally {
      Atomics.sub(this.#control, CONTROL.queued, lines.length);
      Atomics.notify(this.#control, CONTROL.queued);
    }
  }
}

function faultOf({ syscall, code }: { syscall: string; code: string }): Error {
  return Object.assign(new Error(`${syscall} ${code}`), { code, syscall });
}
