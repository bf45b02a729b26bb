import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { cleanup } from '../../../support/cleanup.ts';

/**
 * A TCP connection's way through a network that can be broken: everything between two processes of a region goes
 * through one of these. Each direction passes, stands still (bytes wait, as behind a full buffer) or loses what is sent;
 * connections can be cut, slowed down and refused. A connection that lost bytes carries nothing sensible afterwards: it
 * is cut when the network heals.
 */
export type Flow = 'pass' | 'stall' | 'lose';
export type Direction = 'up' | 'down';

export class TcpProxy {
  readonly name: string;
  /** Where new connections lead; those that are open stay where they are. */
  targetPort: number;
  /** Of bytes in either direction. */
  delayMs = 0;
  /** New connections are closed at once. */
  refuses = false;
  opened = 0;
  readonly #flows: Record<Direction, Flow> = { up: 'pass', down: 'pass' };
  readonly #server: Server;
  readonly #connections = new Set<ProxiedConnection>();

  constructor(name: string, targetPort: number) {
    this.name = name;
    this.targetPort = targetPort;
    this.#server = createServer({ allowHalfOpen: false }, (socket) => this.#accept(socket));
    cleanup(`proxy ${name}`, () => this.close());
  }

  async listen(): Promise<this> {
    this.#server.listen(0, '127.0.0.1');
    await once(this.#server, 'listening');
    return this;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  /** `host:port`. */
  get address(): string {
    return `127.0.0.1:${this.port}`;
  }

  get connections(): number {
    return this.#connections.size;
  }

  /** Connections that lost bytes. */
  get lossy(): number {
    return [...this.#connections].filter(({ lost }) => lost).length;
  }

  /** Bytes that were sent and are held back. */
  get waitingBytes(): number {
    return [...this.#connections].reduce((sum, { waitingBytes }) => sum + waitingBytes, 0);
  }

  flow(direction: Direction): Flow {
    return this.#flows[direction];
  }

  setFlow(direction: Direction, flow: Flow): void {
    this.#flows[direction] = flow;
    for (const connection of this.#connections) connection.flowChanged(direction);
  }

  /** All connections end with a reset. */
  cut(): void {
    for (const connection of this.#connections) connection.destroy();
  }

  heal(): void {
    this.delayMs = 0;
    this.refuses = false;
    for (const connection of this.#connections) if (connection.lost) connection.destroy();
    this.setFlow('up', 'pass');
    this.setFlow('down', 'pass');
  }

  async close(): Promise<void> {
    this.cut();
    if (!this.#server.listening) return;
    this.#server.close();
    await once(this.#server, 'close');
  }

  /** What to look through the bytes of one connection with. */
  protected inspect(_connection: ProxiedConnection): Inspection {
    return { up: (chunk) => chunk, down: (chunk) => chunk };
  }

  #accept(client: Socket): void {
    this.opened++;
    if (this.refuses) {
      client.on('error', () => undefined);
      client.resetAndDestroy();
      return;
    }
    const connection = new ProxiedConnection(this, client, connect(this.targetPort, '127.0.0.1'));
    this.#connections.add(connection);
    connection.begin(this.inspect(connection), () => this.#connections.delete(connection));
  }
}

/** Gets what came, answers what goes on; nothing, where a value is not complete yet. */
export interface Inspection {
  up(chunk: Buffer): Buffer | undefined;
  down(chunk: Buffer): Buffer | undefined;
}

export class ProxiedConnection {
  /** Bytes were swallowed in this direction; what would follow them is swallowed, too. */
  readonly losing: Record<Direction, boolean> = { up: false, down: false };
  readonly #proxy: TcpProxy;
  readonly #sockets: Record<Direction, Socket>;
  /** What is on its way. */
  readonly #late: Record<Direction, { atMs: number; bytes: Buffer }[]> = { up: [], down: [] };
  readonly #timers: Record<Direction, NodeJS.Timeout | undefined> = { up: undefined, down: undefined };

  constructor(proxy: TcpProxy, client: Socket, server: Socket) {
    this.#proxy = proxy;
    // By the direction of what is read from them.
    this.#sockets = { up: client, down: server };
  }

  get lost(): boolean {
    return this.losing.up || this.losing.down;
  }

  get waitingBytes(): number {
    return [...this.#late.up, ...this.#late.down].reduce((sum, { bytes }) => sum + bytes.length, 0);
  }

  begin(inspection: Inspection, ended: () => void): void {
    let open = 2;
    for (const direction of ['up', 'down'] as const) {
      const from = this.#sockets[direction];
      from.setNoDelay(true);
      from.on('data', (chunk: Buffer) => this.#carry(direction, chunk, inspection));
      from.on('drain', () => this.#sockets[opposite(direction)].resume());
      // A proxy has no opinion about broken connections: both ends learn of it, and that is all.
      from.on('error', () => undefined);
      from.on('close', () => {
        open--;
        if (open === 0) ended();
        // What was sent arrives, also when its sender is gone by then: so do commands that were given up long ago.
        if (this.#late[direction].length === 0) this.#sockets[opposite(direction)].destroySoon();
      });
    }
  }

  destroy(): void {
    for (const direction of ['up', 'down'] as const) {
      clearTimeout(this.#timers[direction]);
      this.#late[direction] = [];
      this.#sockets[direction].resetAndDestroy();
    }
  }

  /** Lets go what was held, unless it is still to be. */
  flowChanged(direction: Direction): void {
    this.#sendLate(direction);
  }

  #carry(direction: Direction, chunk: Buffer, inspection: Inspection): void {
    if (this.#proxy.flow(direction) === 'lose') this.losing[direction] = true;
    if (this.losing[direction]) return;
    const passed = inspection[direction](chunk);
    if (passed === undefined || passed.length === 0) return;
    const late = this.#late[direction];
    if (this.#proxy.flow(direction) === 'pass' && this.#proxy.delayMs === 0 && late.length === 0) {
      this.#send(direction, passed);
      return;
    }
    // Through one queue, whatever the delay is by now: nothing may overtake what came earlier.
    late.push({ atMs: performance.now() + this.#proxy.delayMs, bytes: passed });
    if (late.length === 1) this.#sendLate(direction);
  }

  #sendLate(direction: Direction): void {
    clearTimeout(this.#timers[direction]);
    if (this.#proxy.flow(direction) !== 'pass') return;
    const late = this.#late[direction];
    const nowMs = performance.now();
    while (late.length > 0 && late[0]!.atMs <= nowMs) this.#send(direction, late.shift()!.bytes);
    if (late.length > 0) {
      this.#timers[direction] = setTimeout(() => this.#sendLate(direction), Math.ceil(late[0]!.atMs - nowMs));
      this.#timers[direction].unref();
    } else if (this.#sockets[direction].destroyed) {
      this.#sockets[opposite(direction)].end();
    }
  }

  #send(direction: Direction, bytes: Buffer): void {
    const to = this.#sockets[opposite(direction)];
    if (to.destroyed) return;
    if (!to.write(bytes)) this.#sockets[direction].pause();
  }
}

function opposite(direction: Direction): Direction {
  return direction === 'up' ? 'down' : 'up';
}
