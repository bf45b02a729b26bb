import type { Random } from '@weir/common/random';
import { lineOf, type TestEvent } from '../support/event-lines.ts';
import { EPOCH_MS, type Scenario, WINDOW_SEC } from './scenario.ts';

/** The events of a run, and the requests they come in: few users and groups, so that everything meets everything. */
export interface SimEvent extends TestEvent {
  readonly line: string;
  readonly startSec: number;
}

export interface Request {
  readonly events: readonly SimEvent[];
  readonly body: Buffer;
  /** When the client begins. */
  readonly atMs: number;
}

const HISTORY_SEC = 1_000_000;

export function drawRequests(random: Random, { requests, sendingMs }: Scenario): Request[] {
  const now = EPOCH_MS / 1000;
  const present = now - (now % WINDOW_SEC);
  const history = [0, 1, 2].map((back) => present - HISTORY_SEC - back * WINDOW_SEC);
  const some = [present, present + WINDOW_SEC, ...history].filter(() => random.chance(0.45));
  const used = some.length > 0 ? some : [present];
  const users = ['u1', 'u2', 'u3', 'u4', 'u5'].slice(0, random.integer(1, 5));
  const pool: SimEvent[] = [];
  const draw = (): SimEvent => {
    // Clients repeat themselves and each other.
    if (pool.length > 0 && random.chance(0.3)) return random.pick(pool);
    const startSec = random.pick(used);
    const event: TestEvent = {
      eventType: random.pick(['a', 'b']),
      product: 'p',
      username: random.pick(users),
      sec: startSec + random.integer(0, WINDOW_SEC - 1),
      nanos: pool.length,
    };
    const made = { ...event, startSec, line: lineOf(event) };
    pool.push(made);
    return made;
  };
  return Array.from({ length: requests }, () => {
    const events = Array.from({ length: random.integer(1, 4) }, draw);
    const body = Buffer.from(events.map(({ line }) => `${line}\n`).join(''));
    return { events, body, atMs: random.between(0, sendingMs) };
  });
}
