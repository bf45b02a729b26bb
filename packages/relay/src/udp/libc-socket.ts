import { createRequire } from 'node:module';
import { isIPv6 } from 'node:net';
import type { BoundSocket } from './udp-reader.ts';
import { NoThreadReader } from './udp-reader.ts';

/**
 * A UDP socket of Linux's libc, for a thread that has nothing else to do: recvmmsg(2) takes all datagrams that wait at
 * once, where Node.js needs a call, an allocation and an event for each, some 5 µs. The rest of this file is what the call
 * wants to be told: the layout of `struct mmsghdr` and `struct iovec`, and numbers from Linux's headers, as they are on
 * 64-bit machines with the least byte first.
 *
 * A datagram is up to 64 KiB and mostly a hundred bytes. Each has a short part, close to its neighbours' so that few pages of
 * memory are touched, and a long one that only a large datagram reaches.
 */
type Koffi = typeof import('koffi').default;

/** Taken at once, at most. */
export const MOST_DATAGRAMS = 256;
const SHORT_BYTES = 2_048;
const LONG_BYTES = 65_536 - SHORT_BYTES;

const AF_INET = 2;
const AF_INET6 = 10;
const SOCK_DGRAM = 2;
const SOCK_CLOEXEC = 0o2000000;
const SOL_SOCKET = 1;
const SO_RCVBUF = 8;
const SO_RCVTIMEO = 20;
const IPPROTO_IPV6 = 41;
const IPV6_V6ONLY = 26;
const MSG_DONTWAIT = 0x40;
const MSG_WAITFORONE = 0x10000;

const SOCKADDR_IN_BYTES = 16;
const SOCKADDR_IN6_BYTES = 28;
const IOVEC_BYTES = 16;
const MMSGHDR_BYTES = 64;
/** In a `struct mmsghdr`: where its iovecs are, how many, and how long the datagram was. */
const MSG_IOV = 16;
const MSG_IOVLEN = 24;
const MSG_LEN = 56;

const NEWLINE = 0x0a;

/** Throws a NoThreadReader where there is no such libc, or no way to call it. */
export function loadLibc() {
  if (process.platform !== 'linux' || !['x64', 'arm64'].includes(process.arch)) {
    throw new NoThreadReader(`not known on ${process.platform} ${process.arch}`);
  }
  let koffi: Koffi;
  try {
    koffi = createRequire(import.meta.url)('koffi') as Koffi;
  } catch (error) {
    throw new NoThreadReader(`koffi cannot be loaded: ${(error as Error).message}`, { cause: error });
  }
  const libc = koffi.load(null);
  return {
    koffi,
    socket: libc.func('int socket(int domain, int type, int protocol)'),
    bind: libc.func('int bind(int fd, void *address, uint32_t length)'),
    getsockname: libc.func('int getsockname(int fd, void *address, void *length)'),
    setsockopt: libc.func('int setsockopt(int fd, int level, int name, void *value, uint32_t length)'),
    getsockopt: libc.func('int getsockopt(int fd, int level, int name, void *value, void *length)'),
    recvmmsg: libc.func('int recvmmsg(int fd, void *messages, uint32_t count, int flags, void *timeout)'),
    close: libc.func('int close(int fd)'),
  };
}

export type Libc = ReturnType<typeof loadLibc>;

/** A call that libc refused, with Node's name for the reason. */
export class SystemCallError extends Error {
  override readonly name = 'SystemCallError';
  readonly code: string;
  readonly syscall: string;

  constructor({ syscall, code }: { syscall: string; code: string }) {
    super(`${syscall} ${code}`);
    this.syscall = syscall;
    this.code = code;
  }
}

export interface LibcSocketOptions {
  /** An address in digits. */
  host: string;
  port: number;
  receiveBufferBytes: number;
  /** How long `receive` waits for a first datagram. */
  waitMs: number;
}

export class LibcSocket {
  readonly #libc: Libc;
  readonly #fd: number;
  readonly #messages: bigint;
  readonly #lengths: Uint32Array;
  readonly #short: Buffer;
  readonly #long: Buffer;

  /** Throws a SystemCallError. */
  constructor(libc: Libc, { host, port, receiveBufferBytes, waitMs }: LibcSocketOptions) {
    this.#libc = libc;
    const ipv6 = isIPv6(host);
    this.#fd = libc.socket(ipv6 ? AF_INET6 : AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    this.#check('socket', this.#fd);
    try {
      if (ipv6) this.#set(IPPROTO_IPV6, IPV6_V6ONLY, intBytes(0));
      this.#set(SOL_SOCKET, SO_RCVBUF, intBytes(receiveBufferBytes));
      this.#set(SOL_SOCKET, SO_RCVTIMEO, timevalBytes(waitMs));
      const address = ipv6 ? sockaddrIn6(host, port) : sockaddrIn(host, port);
      this.#check('bind', libc.bind(this.#fd, address, address.length));
    } catch (error) {
      libc.close(this.#fd);
      throw error;
    }
    const { koffi } = libc;
    const native = (bytes: number) => {
      const pointer = koffi.alloc('uint8_t', bytes) as bigint;
      return { pointer, bytes: Buffer.from(koffi.view(pointer, bytes)) };
    };
    const short = native(MOST_DATAGRAMS * SHORT_BYTES);
    const long = native(MOST_DATAGRAMS * LONG_BYTES);
    const parts = native(MOST_DATAGRAMS * 2 * IOVEC_BYTES);
    const messages = native(MOST_DATAGRAMS * MMSGHDR_BYTES);
    messages.bytes.fill(0);
    for (let i = 0; i < MOST_DATAGRAMS; i++) {
      const part = i * 2 * IOVEC_BYTES;
      parts.bytes.writeBigUInt64LE(short.pointer + BigInt(i * SHORT_BYTES), part);
      parts.bytes.writeBigUInt64LE(BigInt(SHORT_BYTES), part + 8);
      parts.bytes.writeBigUInt64LE(long.pointer + BigInt(i * LONG_BYTES), part + IOVEC_BYTES);
      parts.bytes.writeBigUInt64LE(BigInt(LONG_BYTES), part + IOVEC_BYTES + 8);
      messages.bytes.writeBigUInt64LE(parts.pointer + BigInt(part), i * MMSGHDR_BYTES + MSG_IOV);
      messages.bytes.writeBigUInt64LE(2n, i * MMSGHDR_BYTES + MSG_IOVLEN);
    }
    this.#messages = messages.pointer;
    this.#lengths = new Uint32Array(messages.bytes.buffer);
    this.#short = short.bytes;
    this.#long = long.bytes;
  }

  bound(): BoundSocket {
    const address = Buffer.alloc(SOCKADDR_IN6_BYTES);
    this.#check('getsockname', this.#libc.getsockname(this.#fd, address, intBytes(address.length)));
    const granted = intBytes(0);
    const asked = this.#libc.getsockopt(this.#fd, SOL_SOCKET, SO_RCVBUF, granted, intBytes(granted.length));
    this.#check('getsockopt', asked);
    // Linux reports twice what it granted: the other half is for its own books.
    return { ...readSockaddr(address), receiveBufferBytes: granted.readInt32LE() / 2 };
  }

  /** How many datagrams were taken: 0 when none came in time. Throws a SystemCallError. */
  receive(): number {
    return this.#receive(MSG_WAITFORONE);
  }

  /** The same, without waiting for any. */
  receiveNow(): number {
    return this.#receive(MSG_DONTWAIT);
  }

  /**
   * Of the `datagrams` last taken those from `from` on, each ended by a newline: as many as fit into `maxBytes`, and one
   * however large it is. `to`: the first that is left.
   */
  lines(from: number, datagrams: number, maxBytes: number): { lines: Uint8Array<ArrayBuffer>; to: number } {
    let bytes = 0;
    let to = from;
    for (; to < datagrams; to++) {
      const more = this.#lengthOf(to) + 1;
      if (to > from && bytes + more > maxBytes) break;
      bytes += more;
    }
    const lines = Buffer.allocUnsafeSlow(bytes);
    let end = 0;
    for (let i = from; i < to; i++) {
      const length = this.#lengthOf(i);
      if (length === 0) continue;
      const short = i * SHORT_BYTES;
      end += this.#short.copy(lines, end, short, short + Math.min(length, SHORT_BYTES));
      const long = i * LONG_BYTES;
      if (length > SHORT_BYTES) end += this.#long.copy(lines, end, long, long + length - SHORT_BYTES);
      if (lines[end - 1] !== NEWLINE) lines[end++] = NEWLINE;
    }
    return { lines: new Uint8Array(lines.buffer, 0, end), to };
  }

  close(): void {
    this.#libc.close(this.#fd);
  }

  #receive(flags: number): number {
    const count: number = this.#libc.recvmmsg(this.#fd, this.#messages, MOST_DATAGRAMS, flags, null);
    if (count >= 0) return count;
    const code = this.#reason();
    if (code === 'EAGAIN' || code === 'EINTR') return 0;
    throw new SystemCallError({ syscall: 'recvmmsg', code });
  }

  #lengthOf(datagram: number): number {
    return this.#lengths[(datagram * MMSGHDR_BYTES + MSG_LEN) / 4]!;
  }

  #set(level: number, name: number, value: Buffer): void {
    this.#check('setsockopt', this.#libc.setsockopt(this.#fd, level, name, value, value.length));
  }

  #check(syscall: string, answer: number): void {
    if (answer < 0) throw new SystemCallError({ syscall, code: this.#reason() });
  }

  /** Why the last call of this thread was refused. */
  #reason(): string {
    const { koffi } = this.#libc;
    const number = koffi.errno();
    for (const [name, value] of Object.entries(koffi.os.errno)) {
      // EWOULDBLOCK is Linux's other name for EAGAIN.
      if (value === number && name !== 'EWOULDBLOCK') return name;
    }
    return `errno ${number}`;
  }
}

function intBytes(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32LE(value);
  return bytes;
}

function timevalBytes(milliseconds: number): Buffer {
  const bytes = Buffer.alloc(16);
  bytes.writeBigInt64LE(BigInt(Math.floor(milliseconds / 1_000)), 0);
  bytes.writeBigInt64LE(BigInt((milliseconds % 1_000) * 1_000), 8);
  return bytes;
}

function sockaddrIn(host: string, port: number): Buffer {
  const bytes = Buffer.alloc(SOCKADDR_IN_BYTES);
  bytes.writeUInt16LE(AF_INET, 0);
  bytes.writeUInt16BE(port, 2);
  bytes.set(host.split('.').map(Number), 4);
  return bytes;
}

function sockaddrIn6(host: string, port: number): Buffer {
  const bytes = Buffer.alloc(SOCKADDR_IN6_BYTES);
  bytes.writeUInt16LE(AF_INET6, 0);
  bytes.writeUInt16BE(port, 2);
  for (const [i, word] of ipv6Words(host).entries()) bytes.writeUInt16BE(word, 8 + i * 2);
  return bytes;
}

function readSockaddr(bytes: Buffer): Pick<BoundSocket, 'address' | 'family' | 'port'> {
  const port = bytes.readUInt16BE(2);
  if (bytes.readUInt16LE(0) === AF_INET) return { address: bytes.subarray(4, 8).join('.'), family: 'IPv4', port };
  const words = Array.from({ length: 8 }, (_, i) => bytes.readUInt16BE(8 + i * 2).toString(16));
  return { address: new URL(`http://[${words.join(':')}]`).hostname.slice(1, -1), family: 'IPv6', port };
}

/** Of an address that is one, without a zone: `::1`, `::ffff:127.0.0.1`. */
export function ipv6Words(host: string): number[] {
  // A URL writes IPv4 parts as words, too.
  const [head = '', tail] = new URL(`http://[${host}]`).hostname.slice(1, -1).split('::');
  const words = (part: string | undefined) => (part ? part.split(':').map((word) => Number.parseInt(word, 16)) : []);
  const first = words(head);
  const last = words(tail);
  return [...first, ...Array<number>(8 - first.length - last.length).fill(0), ...last];
}
