import { createSocket } from 'node:dgram';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Daemon } from './daemon.ts';

/** The clients of the relays: one that sends once and tells, one that does not give up, one that sends datagrams. */
export interface SendOptions {
  /** `/write` unless told. */
  path?: string;
  headers?: Readonly<Record<string, string>>;
}

export function post(
  relay: Daemon,
  lines: readonly string[],
  { path = '/write', headers = {} }: SendOptions = {},
): Promise<Response> {
  return fetch(`http://${relay.http}${path}`, {
    method: 'POST',
    headers,
    body: `${lines.join('\n')}\n`,
    signal: AbortSignal.timeout(10_000),
  });
}

/** Must be answered 204. */
export async function send(relay: Daemon, lines: readonly string[], options: SendOptions = {}): Promise<void> {
  const response = await post(relay, lines, options);
  if (response.status !== 204) throw new Error(`${relay.name} answered ${response.status}: ${await response.text()}`);
}

const PATIENCE_MS = 30_000;
const PAUSE_MS = 50;

/**
 * To the first relay, and wherever that is not answered 204, the same lines to the next, and round again. A line that
 * a relay rejects is a mistake of the test. Answers how many requests it took.
 */
export async function sendUntilTaken(relays: readonly Daemon[], lines: readonly string[]): Promise<number> {
  const deadline = performance.now() + PATIENCE_MS;
  let reason = '';
  for (let attempt = 0; performance.now() < deadline; attempt++) {
    const { status, text } = await tryOnce(relays[attempt % relays.length]!, lines);
    if (status === 204) return attempt + 1;
    if (status === 400) throw new Error(`lines were rejected: ${text}`);
    reason = `${status ?? 'nothing'} ${text}`;
    await sleep(PAUSE_MS);
  }
  throw new Error(`no relay took ${lines.length} lines; the last answer was: ${reason}`);
}

/** No status: whether the relay took the lines nobody knows. */
async function tryOnce(relay: Daemon, lines: readonly string[]): Promise<{ status?: number; text: string }> {
  try {
    const response = await post(relay, lines);
    return { status: response.status, text: await response.text() };
  } catch (error) {
    return { text: String(error) };
  }
}

const CLIENTS = 4;
/** Every so many requests a client does not trust the answer and sends the same again, at the other relay. */
const SENT_AGAIN_EVERY = 8;

/**
 * Four clients send the requests between them, half of them first to the one relay, half to the other. Answers how many
 * lines were taken; where a request had to be tried again, relays may have taken more.
 */
export async function sendRequests(relays: readonly Daemon[], requests: readonly string[][]): Promise<number> {
  let next = 0;
  let lines = 0;
  const client = async () => {
    while (next < requests.length) {
      const i = next++;
      const order = i % 2 === 0 ? relays : [...relays].reverse();
      await sendUntilTaken(order, requests[i]!);
      lines += requests[i]!.length;
      if (i % SENT_AGAIN_EVERY !== 0) continue;
      await sendUntilTaken([...order].reverse(), requests[i]!);
      lines += requests[i]!.length;
    }
  };
  await Promise.all(Array.from({ length: CLIENTS }, client));
  return lines;
}

/** One datagram; resolves once the kernel has it. */
export async function sendDatagram(relay: Daemon, lines: readonly string[]): Promise<void> {
  const [host, port] = relay.udp.split(':') as [string, string];
  const socket = createSocket('udp4');
  try {
    await new Promise<void>((resolve, reject) => {
      socket.send(lines.join('\n'), Number(port), host, (error) => (error ? reject(error) : resolve()));
    });
  } finally {
    socket.close();
  }
}
