import { Agent, request } from 'node:http';

/**
 * A cheap source of distinct events over HTTP: request bodies are built once, and before each send only the timestamps
 * are patched in place, so that every line is an event of its own and the generator costs little beside what it measures.
 */
export interface LoadOptions {
  /** `host:port` of the relays, used in turn. */
  relays: readonly string[];
  events: number;
  linesPerRequest: number;
  connections: number;
  groups: number;
  users: number;
  /** Start of the minute that all events fall in, Unix seconds. */
  minuteSec: number;
}

export interface LoadReport {
  events: number;
  requests: number;
  /** Requests that were sent again after a 503 or a broken connection. */
  retries: number;
  seconds: number;
}

const TIMESTAMP_DIGITS = 19;
const PATCHED_DIGITS = 10;
const RETRY_MS = 20;

/** Resolves when every request was answered 204. Rejects at any answer that is neither that nor 503. */
export async function sendLoad(options: LoadOptions): Promise<LoadReport> {
  const { relays, events, linesPerRequest, connections } = options;
  const agent = new Agent({ keepAlive: true, maxSockets: connections });
  let next = 0;
  let requests = 0;
  let retries = 0;
  const startedMs = performance.now();
  const worker = async (index: number) => {
    const body = new PatchedBody(options, index);
    const [host, port] = relays[index % relays.length]!.split(':') as [string, string];
    while (next < events) {
      const first = next;
      next += linesPerRequest;
      body.number(first);
      requests++;
      for (;;) {
        const status = await post({ agent, host, port: Number(port), path: '/write?db=bench' }, body.bytes);
        if (status === 204) break;
        if (status !== 503) throw new Error(`a relay answered ${status}`);
        retries++;
        await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
      }
    }
  };
  await Promise.all(Array.from({ length: connections }, (_, index) => worker(index)));
  agent.destroy();
  return { events: requests * linesPerRequest, requests, retries, seconds: (performance.now() - startedMs) / 1000 };
}

/** One connection's request body. The last digits of each timestamp are the event's number. */
class PatchedBody {
  readonly bytes: Buffer;
  readonly #digitsAt: Uint32Array;

  constructor({ linesPerRequest, groups, users, minuteSec }: LoadOptions, seed: number) {
    const lines: string[] = [];
    const digitsAt = new Uint32Array(linesPerRequest);
    let at = 0;
    for (let i = 0; i < linesPerRequest; i++) {
      const group = (i * 7 + seed) % groups;
      const user = (i * 7919 + seed * 104_729) % users;
      const head = `event_type=type${group % 10},product=product${Math.floor(group / 10)} value=user${user} `;
      const line = `${head}${minuteSec}${'0'.repeat(TIMESTAMP_DIGITS - 10)}\n`;
      digitsAt[i] = at + line.length - 1 - PATCHED_DIGITS;
      at += line.length;
      lines.push(line);
    }
    this.bytes = Buffer.from(lines.join(''));
    this.#digitsAt = digitsAt;
  }

  /** Numbers the lines from `first` on: the tenth digit from the right counts seconds within the minute, up to 9. */
  number(first: number): void {
    for (let i = 0; i < this.#digitsAt.length; i++) {
      let number = first + i;
      for (let at = this.#digitsAt[i]! + PATCHED_DIGITS - 1; number > 0; at--) {
        this.bytes[at] = 48 + (number % 10);
        number = Math.floor(number / 10);
      }
    }
  }
}

function post(target: { agent: Agent; host: string; port: number; path: string }, body: Buffer): Promise<number> {
  return new Promise((resolve, reject) => {
    const sent = request(
      { ...target, method: 'POST', headers: { 'content-length': body.length, 'content-type': 'text/plain' } },
      (response) => {
        response.resume();
        response.on('end', () => resolve(response.statusCode ?? 0));
      },
    );
    sent.on('error', reject);
    sent.end(body);
  });
}
