import type { Child } from './child.ts';
import { cleanup } from './cleanup.ts';
import { eventually } from './eventually.ts';

const START_MS = 20_000;
const STOP_MS = 10_000;

/**
 * A real server (Redis, InfluxDB) that a test may stop, kill, freeze and start again in place: a port and a directory
 * outlive each of its processes. Subclasses say how to launch it and how to ask whether it answers.
 */
export abstract class Server {
  readonly name: string;
  readonly port: number;
  readonly dir: string;
  #child: Child | undefined;

  protected constructor(name: string, port: number, dir: string) {
    this.name = `${name} on port ${port}`;
    this.port = port;
    this.dir = dir;
    cleanup(this.name, () => this.#child?.kill());
  }

  protected abstract launch(): Promise<Child>;

  /** Rejects, or answers false, while the server is not ready to serve. */
  protected abstract answers(): Promise<boolean>;

  get running(): boolean {
    return this.#child?.running ?? false;
  }

  get pid(): number {
    if (!this.#child?.running) throw new Error(`${this.name} is not running`);
    return this.#child.pid;
  }

  /** The last lines it printed. */
  get tail(): string {
    return this.#child?.tail ?? '';
  }

  /** Resolves when the server answers. */
  async start(): Promise<void> {
    if (this.running) throw new Error(`${this.name} is running already`);
    const child = await this.launch();
    this.#child = child;
    await eventually(async () => !child.running || (await this.answers()), {
      timeoutMs: START_MS,
      what: `${this.name} to answer`,
    });
    if (!child.running) throw new Error(`${this.name} ended at its start\n${child.tail}`);
  }

  /** SIGTERM: lets it finish in good order. */
  async stop(): Promise<void> {
    await this.#child?.terminate(STOP_MS);
  }

  /** SIGKILL. */
  async kill(): Promise<void> {
    await this.#child?.kill();
  }

  /** Same port, same directory; stops it first where it runs. */
  async restart(): Promise<void> {
    await this.stop();
    await this.start();
  }

  /** SIGSTOP: connections stay open and nothing answers. */
  async pause(): Promise<void> {
    await this.#child?.pause();
  }

  /** SIGCONT. */
  async resume(): Promise<void> {
    await this.#child?.resume();
  }
}

/** Free ports can be taken between the look and the start; another one will do. */
export async function startOnFreePort<S extends Server>(create: () => Promise<S>): Promise<S> {
  for (let attempt = 1; ; attempt++) {
    const server = await create();
    try {
      await server.start();
      return server;
    } catch (error) {
      if (attempt === 3 || !/address already in use/i.test(server.tail)) throw error;
    }
  }
}
