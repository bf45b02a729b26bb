import koffi from 'koffi';

/**
 * Sends datagrams of one size by the dozen: the kernel takes a run of bytes and cuts it up (UDP_SEGMENT, Linux 4.18), which
 * spares it, and so the machine that is measured, the way down for each of them. What is received are single datagrams as
 * ever. With Node's own sockets a sender needs more of the machine than the receivers do.
 */
const AF_INET = 2;
const SOCK_DGRAM = 2;
const SOL_UDP = 17;
const UDP_SEGMENT = 103;
/** The kernel cuts a run into no more. */
const MOST_SEGMENTS = 64;
const MOST_BYTES = 65_000;

const libc = koffi.load(null);
const socket = libc.func('int socket(int domain, int type, int protocol)');
const connect = libc.func('int connect(int fd, void *address, uint32_t length)');
const setsockopt = libc.func('int setsockopt(int fd, int level, int name, void *value, uint32_t length)');
const send = libc.func('int64_t send(int fd, void *bytes, size_t length, int flags)');

export class DatagramSocket {
  readonly #fd: number;
  readonly #run = Buffer.alloc(MOST_BYTES);
  #size = 0;
  #segmented = 0;
  #length = 0;

  constructor(port: number) {
    this.#fd = check('socket', socket(AF_INET, SOCK_DGRAM, 0));
    const address = Buffer.from([AF_INET, 0, port >> 8, port & 0xff, 127, 0, 0, 1, ...Buffer.alloc(8)]);
    check('connect', connect(this.#fd, address, address.length));
  }

  /** Copied, and sent with the next `flush` at the latest. */
  send(body: Buffer): void {
    const full = this.#length + body.length > MOST_BYTES || this.#length === this.#size * MOST_SEGMENTS;
    if (body.length !== this.#size || full) this.flush();
    this.#size = body.length;
    this.#length += body.copy(this.#run, this.#length);
  }

  /** The receiver's kernel has all of them when this returns: on loopback there is no queue before it. */
  flush(): void {
    if (this.#length === 0) return;
    if (this.#segmented !== this.#size) {
      const size = Buffer.alloc(4);
      size.writeInt32LE(this.#size);
      check('setsockopt', setsockopt(this.#fd, SOL_UDP, UDP_SEGMENT, size, size.length));
      this.#segmented = this.#size;
    }
    check('send', send(this.#fd, this.#run, this.#length, 0));
    this.#length = 0;
  }
}

function check(what: string, answer: number): number {
  if (answer < 0) throw new Error(`${what}: errno ${koffi.errno()}`);
  return answer;
}
