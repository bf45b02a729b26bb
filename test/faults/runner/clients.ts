import { setTimeout as sleep } from 'node:timers/promises';
import type { Random } from '@weir/common/random';
import { bareLine, protocolLine } from '../../../scripts/demo/made-up-events.ts';
import type { MadeUpEvent } from '../../support/oracle.ts';
import type { BooksOfTruth } from './books-of-truth.ts';
import type { OtherTruth } from './other-truth.ts';

/**
 * A crowd that behaves like real clients: each request goes to one relay; where the answer is a timeout, a broken
 * connection or 5xx, the same lines go to the other one, in another order, until somebody answers 2xx. Now and then one
 * sends again what was taken already, at once or when its window is long sealed; now and then one gives up and never
 * learns what became of its lines; and some events come long after they happened. Other lines stand between the events.
 */
export interface ClientsOptions {
  relays: readonly string[];
  random: Random;
  truth: BooksOfTruth;
  others: OtherTruth;
  eventsPerSecond: number;
  /** From its beginning, a window may be sealed so long after. */
  windowLifeMs: number;
}

interface Request {
  names: readonly string[];
  /** Those of its lines that are no events. */
  others: readonly string[];
  lines: readonly string[];
  attempts: number;
  /** What it repeats was taken before: nobody needs its answer. */
  repeat: boolean;
}

/** Of all requests, how many have events of windows that may be sealed. */
const STRAGGLER_SHARE = 0.005;
/** Of the requests that are sent again, how many are when their windows may be sealed. */
const LATE_REPEAT_SHARE = 0.2;
const TICK_MS = 40;
const ANSWER_MS = 3_000;
const GIVES_UP_AFTER = 3;
/** So many requests without an answer, and nothing new is made up until some have theirs. */
const MAX_OPEN = 1_500;
const PRODUCTS = ['web shop', 'search', 'maps=beta'];
const EVENT_TYPES = ['http-5xx', 'os_error', 'login', 'slow page'];
const USERS = 2_000;
const HOSTS = 50;
/** Other lines in a request, at most. */
const MAX_OTHERS = 3;

export class Clients {
  /** Raw line → name of its event, for lines that come back as dead letters. */
  readonly nameOfLine = new Map<string, string>();
  /** Answers that no correct relay gives to these lines. */
  readonly refusals: string[] = [];
  eventsPerSecond: number;
  /** Of all requests, how many are sent again after they were taken. */
  repeatShare = 0.05;
  /** Of requests that failed often, how many are given up. */
  giveUpShare = 0.02;
  /** What is added to the time of events. */
  backdateMs = 0;
  /** Events made up so far. */
  made = 0;
  retries = 0;
  repeats = 0;
  givenUp = 0;
  answered = 0;
  readonly #options: ClientsOptions;
  readonly #open = new Set<Promise<void>>();
  /** Requests that will be sent again much later. */
  #later: { atMs: number; request: Request }[] = [];
  #producing: Promise<void> | undefined;
  #stopping = false;
  #nanos = 0;

  constructor(options: ClientsOptions) {
    this.#options = options;
    this.eventsPerSecond = options.eventsPerSecond;
  }

  /** Requests without a final answer. */
  get open(): number {
    return this.#open.size;
  }

  start(): void {
    this.#stopping = false;
    this.#producing = this.#produce();
  }

  /** Makes nothing new up; what is open goes on being tried until it is answered. */
  async stop(): Promise<void> {
    this.#stopping = true;
    await this.#producing;
    this.#later = [];
  }

  /** The events of a moment, sent from now on; for faults with traffic of their own. */
  sendEvents(count: number): void {
    const { random } = this.#options;
    for (let left = count; left > 0; ) {
      // Busy clients send larger requests, not ever more of them.
      const size = Math.min(left, Math.ceil(random.integer(5, 80) * Math.max(1, this.eventsPerSecond / 1_000)));
      left -= size;
      this.#send(this.#request(size));
    }
  }

  async #produce(): Promise<void> {
    let lastMs = performance.now();
    let owed = 0;
    while (!this.#stopping) {
      await sleep(TICK_MS);
      const nowMs = performance.now();
      owed += ((nowMs - lastMs) / 1000) * this.eventsPerSecond;
      lastMs = nowMs;
      // A stall of this very process is not made up for in one burst.
      owed = Math.min(owed, this.eventsPerSecond);
      const due = this.#later.filter(({ atMs }) => atMs <= nowMs);
      this.#later = this.#later.filter(({ atMs }) => atMs > nowMs);
      for (const { request } of due) this.#send(request);
      if (this.#open.size >= MAX_OPEN) continue;
      const whole = Math.floor(owed);
      owed -= whole;
      if (whole > 0) this.sendEvents(whole);
    }
  }

  #request(size: number): Request {
    const { random, truth, windowLifeMs } = this.#options;
    const names: string[] = [];
    this.made += size;
    const lines: string[] = [];
    const stragglerMs = random.chance(STRAGGLER_SHARE) ? windowLifeMs * random.between(1.2, 2) : 0;
    const nowMs = Math.round(Date.now() - this.backdateMs - stragglerMs);
    for (let i = 0; i < size; i++) {
      // Squared: some users, and some products, send far more than others.
      const pick = (n: number) => Math.floor(random.fraction() ** 2 * n);
      this.#nanos = (this.#nanos + 1) % 1_000_000;
      const event: MadeUpEvent = {
        product: PRODUCTS[pick(PRODUCTS.length)]!,
        eventType: EVENT_TYPES[pick(EVENT_TYPES.length)]!,
        username: `user-${pick(USERS)}`,
        timestamp: BigInt(nowMs - random.integer(0, 1_500)) * 1_000_000n + BigInt(this.#nanos),
      };
      const name = bareLine(event);
      const line = random.chance(0.5) ? name : protocolLine(event);
      truth.addSent(name, event);
      this.nameOfLine.set(line, name);
      names.push(name);
      lines.push(line);
    }
    const others = this.#madeUpOthers(nowMs);
    return { names, others, lines: shuffled([...lines, ...others], random), attempts: 0, repeat: false };
  }

  #madeUpOthers(nowMs: number): string[] {
    const { random, others } = this.#options;
    return Array.from({ length: random.integer(0, MAX_OTHERS) }, () => {
      this.#nanos = (this.#nanos + 1) % 1_000_000;
      const timestamp = BigInt(nowMs) * 1_000_000n + BigInt(this.#nanos);
      const line = `gauge,host=h${random.integer(1, HOSTS)} level=${random.integer(0, 1_000)}i ${timestamp}`;
      others.addSent(line);
      return line;
    });
  }

  #send(request: Request): void {
    const sending = this.#untilAnswered(request).finally(() => this.#open.delete(sending));
    this.#open.add(sending);
  }

  async #untilAnswered(request: Request): Promise<void> {
    const { relays, random, truth, others, windowLifeMs } = this.#options;
    let lines = request.lines;
    for (let relay = random.integer(0, relays.length - 1); ; relay = (relay + 1) % relays.length) {
      const { status, text } = await post(relays[relay]!, lines);
      request.attempts++;
      if (status !== undefined && status >= 200 && status < 300) break;
      if (status !== undefined && status < 500) {
        this.refusals.push(`${status} ${text}`);
        return;
      }
      this.retries++;
      if (request.repeat || (request.attempts >= GIVES_UP_AFTER && random.chance(this.giveUpShare))) {
        if (!request.repeat) this.givenUp++;
        return;
      }
      lines = shuffled(lines, random);
      await sleep(random.between(0.5, 1) * Math.min(2_000, 100 * 2 ** Math.min(request.attempts, 5)));
    }
    this.answered++;
    if (!request.repeat) {
      truth.addAcked(request.names);
      others.addAcked(request.others);
    }
    if (this.repeatShare > 0 && random.chance(this.repeatShare)) {
      this.repeats++;
      const again: Request = { ...request, lines: shuffled(lines, random), attempts: 0, repeat: true };
      if (!request.repeat && random.chance(LATE_REPEAT_SHARE)) {
        const lateMs = windowLifeMs * random.between(1.1, 1.6);
        this.#later.push({ atMs: performance.now() + lateMs, request: again });
        return;
      }
      await sleep(random.between(0, 2_000));
      this.#send(again);
    }
  }
}

/** No status: whether the relay took the lines nobody knows. */
async function post(address: string, lines: readonly string[]): Promise<{ status?: number; text: string }> {
  try {
    const response = await fetch(`http://${address}/write`, {
      method: 'POST',
      body: `${lines.join('\n')}\n`,
      signal: AbortSignal.timeout(ANSWER_MS),
    });
    return { status: response.status, text: await response.text() };
  } catch (error) {
    return { text: String(error) };
  }
}

function shuffled<T>(items: readonly T[], random: Random): T[] {
  const mixed = [...items];
  for (let i = mixed.length - 1; i > 0; i--) {
    const j = random.integer(0, i);
    [mixed[i], mixed[j]] = [mixed[j]!, mixed[i]!];
  }
  return mixed;
}
