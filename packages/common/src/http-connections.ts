import type { ServerResponse } from 'node:http';
import type { Socket } from 'node:net';

/**
 * The open connections of a server, counted by the address they come from, and the answers each still owes. Under TLS a
 * connection has two ends here, the socket of the kernel and the one that requests come from; both lead to the same
 * record. Pure: sockets and the time are arguments.
 */
export interface Connection {
  /** The kernel's: destroying it ends the connection, under TLS too. */
  readonly socket: Socket;
  /** Answers not sent in full, and since when nothing keeps them but the client, if so. */
  readonly owed: Map<ServerResponse, number | undefined>;
  /** It is being ended: what still comes from it counts for nothing. */
  refused: boolean;
}

export class HttpConnections {
  readonly #maxPerAddress: number;
  readonly #open = new Map<Socket, Connection>();
  readonly #perAddress = new Map<string, number>();
  /** By the addresses of both sides, which a TLS socket shares with the one below it. */
  readonly #byEnds = new Map<string, Connection>();
  readonly #secured = new WeakMap<Socket, Connection>();

  constructor(maxPerAddress: number) {
    this.#maxPerAddress = maxPerAddress;
  }

  get size(): number {
    return this.#open.size;
  }

  /** False when its address has as many as it may: then the connection is not ours. */
  take(socket: Socket): boolean {
    const address = socket.remoteAddress ?? '';
    const before = this.#perAddress.get(address) ?? 0;
    if (before >= this.#maxPerAddress) return false;
    const connection: Connection = { socket, owed: new Map(), refused: false };
    const ends = endsOf(socket);
    this.#open.set(socket, connection);
    this.#byEnds.set(ends, connection);
    this.#perAddress.set(address, before + 1);
    socket.once('close', () => {
      this.#open.delete(socket);
      if (this.#byEnds.get(ends) === connection) this.#byEnds.delete(ends);
      const left = this.#perAddress.get(address)! - 1;
      if (left === 0) this.#perAddress.delete(address);
      else this.#perAddress.set(address, left);
    });
    return true;
  }

  /** Its handshake is done: requests will come from this one. */
  secured(socket: Socket): void {
    const connection = this.#byEnds.get(endsOf(socket));
    if (connection !== undefined) this.#secured.set(socket, connection);
  }

  /** Undefined for one that is gone, and for a TLS socket before its handshake is done. */
  of(socket: Socket): Connection | undefined {
    return this.#open.get(socket) ?? this.#secured.get(socket);
  }

  [Symbol.iterator](): IterableIterator<Connection> {
    return this.#open.values();
  }

  /** Those whose client has not taken a whole answer for so long. To be asked every so often: it notes what it sees. */
  unread(nowMs: number, forMs: number): Connection[] {
    const found: Connection[] = [];
    for (const connection of this.#open.values()) {
      for (const [response, sinceMs] of connection.owed) {
        // One without a socket waits for the answer before it on the same connection.
        if (!response.writableEnded || response.writableFinished || response.socket === null) continue;
        if (sinceMs === undefined) connection.owed.set(response, nowMs);
        else if (nowMs - sinceMs >= forMs) found.push(connection);
      }
    }
    return found;
  }
}

function endsOf({ remoteAddress, remotePort, localAddress }: Socket): string {
  return `${remoteAddress} ${remotePort} ${localAddress}`;
}
