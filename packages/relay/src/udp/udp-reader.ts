/**
 * Who takes datagrams out of the kernel's hands: a thread of its own through libc (thread-reader.ts), or the event loop
 * through Node's own sockets (node-reader.ts). One that was closed, or whose `bind` was rejected, is of no further use.
 */
export interface UdpReader {
  /** Bytes that were read and not handed on yet. */
  readonly queuedBytes: number;
  /** Rejects with an error that has Node's `code` (`EADDRINUSE`), or with a NoThreadReader. */
  bind(): Promise<BoundSocket>;
  /** Resolves when nothing more is handed on. */
  close(): Promise<void>;
}

export interface BoundSocket {
  address: string;
  family: 'IPv4' | 'IPv6';
  port: number;
  /** What the kernel holds for the socket, as it was granted. */
  receiveBufferBytes: number;
}

export interface UdpReaderOptions {
  host: string;
  port: number;
  /** Wanted; the kernel may grant less. */
  receiveBufferBytes: number;
  /** Read and not handed on yet; beyond it, what comes is left to the kernel. Only a thread holds any. */
  queueBytes: number;
  /** Datagrams in the order in which they came, each ended by a newline: one run of lines. */
  onDatagrams: (lines: Buffer, datagrams: number) => void;
  /** A fault after which it goes on. */
  onError: (error: Error) => void;
  /** A fault after which it cannot. */
  fail: (error: unknown) => void;
}

/** Here no thread can read datagrams, and why. */
export class NoThreadReader extends Error {
  override readonly name = 'NoThreadReader';
}

export type UdpReaderKind = 'thread' | 'node';
