import { formatRequest, isErrorReply, isNullReply, RespFrames, requestArguments } from './resp.ts';
import type { KnownScript } from './scripts.ts';
import { type Inspection, type ProxiedConnection, TcpProxy } from './tcp-proxy.ts';

/**
 * A proxy before Redis that knows what passes: which script or command a request is, and which reply belongs to it
 * (RESP2 answers in order). So a process can be killed when Redis has done a step and the process does not know it yet,
 * or the other way round, without a word in the product's own code.
 */
export interface Sighting {
  proxy: RedisProxy;
  phase: 'request' | 'reply';
  /** A script's name, or the command in small letters: `fold`, `xreadgroup`; of other lines `xreadgroup-others`. */
  name: string;
}

/**
 * 'swallow': the request never arrives, and nothing after it on this connection, or the reply never comes back: then
 * later requests still arrive, but no answer does.
 */
export type SightingVerdict = 'pass' | 'swallow';
export type Watcher = (sighting: Sighting) => SightingVerdict;
/** Answers other arguments for a request, or undefined to leave it. */
export type Rewriter = (name: string, args: () => Buffer[]) => Buffer[] | undefined;

export class RedisProxy extends TcpProxy {
  readonly watchers = new Set<Watcher>();
  rewriter: Rewriter | undefined;
  readonly #bySha1: ReadonlyMap<string, string>;
  readonly #bySource: ReadonlyMap<string, string>;

  constructor(name: string, targetPort: number, scripts: readonly KnownScript[]) {
    super(name, targetPort);
    this.#bySha1 = new Map(scripts.map(({ sha1, name: script }) => [sha1, script]));
    this.#bySource = new Map(scripts.map(({ source, name: script }) => [source, script]));
  }

  protected override inspect(connection: ProxiedConnection): Inspection {
    const requests = new RespFrames();
    const replies = new RespFrames();
    const asked: string[] = [];
    return {
      up: (chunk) => {
        const passed: Buffer[] = [];
        for (const frame of requests.push(chunk)) {
          const name = this.#nameOf(frame);
          if (this.#verdict({ proxy: this, phase: 'request', name }) === 'swallow') {
            connection.losing.up = true;
            break;
          }
          const other = this.rewriter?.(name, () => requestArguments(frame));
          asked.push(name);
          passed.push(other ? formatRequest(other) : frame);
        }
        return Buffer.concat(passed);
      },
      down: (chunk) => {
        const passed: Buffer[] = [];
        for (const frame of replies.push(chunk)) {
          const name = asked.shift() ?? 'unasked';
          if (
            !isErrorReply(frame) &&
            !isNullReply(frame) &&
            this.#verdict({ proxy: this, phase: 'reply', name }) === 'swallow'
          ) {
            connection.losing.down = true;
            break;
          }
          passed.push(frame);
        }
        return Buffer.concat(passed);
      },
    };
  }

  #verdict(sighting: Sighting): SightingVerdict {
    let verdict: SightingVerdict = 'pass';
    for (const watcher of this.watchers) if (watcher(sighting) === 'swallow') verdict = 'swallow';
    return verdict;
  }

  #nameOf(frame: Buffer): string {
    const [command = '', second = ''] = requestArguments(frame, 2).map((arg) => arg.toString('latin1'));
    const name = command.toLowerCase();
    if (name === 'xreadgroup' && requestArguments(frame).at(-2)?.toString().endsWith(':others'))
      return `${name}-others`;
    if (name !== 'evalsha' && name !== 'eval') return name;
    const script = (name === 'evalsha' ? this.#bySha1 : this.#bySource).get(second);
    return script ?? name;
  }
}
