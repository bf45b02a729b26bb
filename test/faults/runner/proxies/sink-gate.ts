import { eventually } from '../../../support/eventually.ts';
import { PASS, type RequestKind, type SinkBehaviour } from '../../../support/sink-behaviour.ts';
import { type SinkProxy, startSinkProxy } from '../../../support/sink-proxy.ts';

/**
 * The way to one InfluxDB for a whole region: a proxy for each aggregator, so that it is known who writes, and one trouble for
 * all of them.
 */
export interface WriteSighting {
  /** The aggregator. */
  id: string;
  /** The write arrived and is not forwarded, or is applied and not answered. */
  phase: 'request' | 'answer';
}

export class SinkGate {
  readonly name: string;
  /** 'swallow': goes no further. */
  readonly watchers = new Set<(sighting: WriteSighting) => 'pass' | 'swallow'>();
  readonly #upstream: string;
  readonly #proxies = new Map<string, SinkProxy>();
  readonly #trouble: Record<RequestKind, SinkBehaviour> = { write: PASS, query: PASS };

  constructor(name: string, targetPort: number) {
    this.name = name;
    this.#upstream = `http://127.0.0.1:${targetPort}`;
  }

  /** `host:port` for this aggregator; the same each time. */
  async addressFor(id: string): Promise<string> {
    let proxy = this.#proxies.get(id);
    if (!proxy) {
      proxy = await startSinkProxy({ upstream: this.#upstream, watch: (phase) => this.#verdict({ id, phase }) });
      this.#proxies.set(id, proxy);
      for (const kind of ['write', 'query'] as const) proxy.behave(kind, this.#trouble[kind]);
    }
    return new URL(proxy.url).host;
  }

  behave(kind: RequestKind | 'all', trouble: SinkBehaviour): void {
    for (const each of kind === 'all' ? (['write', 'query'] as const) : [kind]) this.#trouble[each] = trouble;
    for (const proxy of this.#all) proxy.behave(kind, trouble);
  }

  /** Requests that met a trouble. */
  get troubled(): number {
    const met = (proxy: SinkProxy) =>
      [proxy.seen.write, proxy.seen.query].reduce((sum, { requests, by }) => sum + requests - (by.pass ?? 0), 0);
    return this.#all.reduce((sum, proxy) => sum + met(proxy), 0);
  }

  /** Nobody listens: connections are refused by the kernel. */
  async refuse(): Promise<void> {
    await Promise.all(this.#all.map((proxy) => proxy.refuseConnections()));
  }

  async heal(): Promise<void> {
    this.behave('all', PASS);
    this.watchers.clear();
    await Promise.all(this.#all.map((proxy) => proxy.heal()));
  }

  /** Writes that their writers gave up arrive now. Answers how many there were. */
  async releaseLate(): Promise<number> {
    const late = () => this.#all.reduce((sum, proxy) => sum + proxy.late, 0);
    const held = late();
    for (const proxy of this.#all) proxy.landLate();
    await eventually(() => late() === 0, { what: `late writes to arrive at ${this.name}` });
    return held;
  }

  get #all(): SinkProxy[] {
    return [...this.#proxies.values()];
  }

  #verdict(sighting: WriteSighting): 'pass' | 'swallow' {
    let verdict: 'pass' | 'swallow' = 'pass';
    for (const watcher of this.watchers) if (watcher(sighting) === 'swallow') verdict = 'swallow';
    return verdict;
  }
}
